"""`trifleet gateway`: one edge gateway, and how it comes into the fleet."""

from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands import enrolment
from trifleet.commands.common import Config, log_to_stderr, stop_on_signals

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


enrolment.add_to(app)
