"""`trifleet run`: the whole stack on this machine until Ctrl-C."""

import logging
from typing import Annotated

import typer

from trifleet.brokers.kinds import BrokerKind
from trifleet.commands.common import (
    DEFAULT_DATA,
    Data,
    Json,
    Steps,
    log_to_stderr,
    stop_on_signals,
)


def run(
    vehicles: Annotated[
        int,
        typer.Option(help="How many virtual vehicles; 0 keeps what the folder has, at least 3."),
    ] = 0,
    port: Annotated[int, typer.Option(help="Port of the pages and the API on 127.0.0.1.")] = 8080,
    data: Data = DEFAULT_DATA,
    can_log: Annotated[
        bool, typer.Option("--can-log", help="Keep a candump file of each bus in the data folder.")
    ] = False,
    witness: Annotated[
        int,
        typer.Option(metavar="PORT", help="Be a witness for other owners' logs, on 127.0.0.1."),
    ] = 0,
    broker: Annotated[
        BrokerKind, typer.Option(help="What carries the messages; others than embedded: Debian's.")
    ] = BrokerKind.EMBEDDED,
    workers: Annotated[
        int,
        typer.Option(help="Processes of the ingest; several need --broker mosquitto or rabbitmq."),
    ] = 1,
    as_json: Json = False,
) -> None:
    """Start broker, backend and virtual vehicles, and keep them running until Ctrl-C.

    The first start makes every key and provisions the vehicles; later ones continue from there.
    """
    from trifleet.stack import Stack, StackSettings

    log_to_stderr(logging.WARNING)  # the steps tell the rest
    stop = stop_on_signals()
    steps = Steps(as_json)
    stack = Stack(
        StackSettings(
            data=data.resolve(),
            vehicles=vehicles,
            port=port,
            can_log=can_log,
            broker=broker,
            workers=workers,
            witness_port=witness,
        )
    )
    try:
        stack.start(steps.say, stop)
        if not stop.is_set():
            _welcome(stack, steps)
        stack.tend_until(stop)
    finally:
        begun = bool(stack.supervisor.children)
        if begun:
            steps.say("stopping", "")
        stack.stop()
        if begun:
            steps.say("stopped", "no process is left; the next start continues from here")


def _welcome(stack: object, steps: Steps) -> None:
    address = getattr(stack, "address", "")
    steps.say("ready", "")
    steps.say("riders", f"{address}/ride")
    steps.say("operators", f"{address}/fleet   (link with token: .venv/bin/trifleet keys operator)")
    steps.say("developers", f"{address}/openapi.json   docs/api.md")
    steps.say("stop", "Ctrl-C")
