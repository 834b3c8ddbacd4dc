"""`trifleet gateway`: one edge gateway, what is wrong with its configuration, and how it comes into
the fleet."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands import enrolment
from trifleet.commands.common import Config, Json, log_to_stderr, stop_on_signals

app = typer.Typer(
    help="An edge gateway: CAN on one side, signed statements over MQTT on the other."
)


@app.callback(invoke_without_command=True)
def gateway(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", help="As `run`, for short.", show_default=False)
    ] = None,
) -> None:
    """Without a subcommand and with --config: run."""
    if context.invoked_subcommand is not None:
        return
    if config is None:
        print(context.get_help())
        raise typer.Exit(2)
    run(config)


@app.command("run")
def run(config: Config) -> None:
    """Run it until it is told to stop."""
    from edge_gateway.main import run as run_gateway
    from edge_gateway.settings import load

    log_to_stderr()
    run_gateway(load(config), stop_on_signals())


@app.command("rotate-key")
def rotate_key(config: Config) -> None:
    """Another key for this gateway's statements, named in its chain by the one of before.

    As the user who runs the gateway. One that runs starts again by itself with the new key.
    """
    from edge_gateway import key_rotation
    from edge_gateway.settings import load

    settings = load(config)
    seq, public = key_rotation.rotate(settings)
    print(f"{settings.gateway}: statement {seq} is the last one by the key of before")
    print(f"{settings.gateway}: now {public.hex()}, in {settings.key_file}")


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="gateway.toml", show_default=False)],
    as_json: Json = False,
) -> None:
    """Name everything that is wrong with a configuration and what it names. Changes nothing.

    Exit status 0: the gateway can run with it. 1: it cannot, or not well.
    """
    from edge_gateway.checkup import State, examine

    findings = examine(file)
    faults = sum(one.state is State.FAULT for one in findings)
    for one in findings:
        if as_json:
            print(json.dumps({"state": one.state.value, "key": one.key, "text": one.words}))
        else:
            print(f"{one.state.value:<6} {one.key:<22} {one.words}")
    if not as_json:
        told = "can run with this" if not faults else f"{faults} faults: see above"
        print(f"{file}: {told}")
    sys.exit(1 if faults else 0)


enrolment.add_to(app)
