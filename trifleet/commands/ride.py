"""`trifleet ride`: one ride as a real client makes it, and its receipts verified offline."""

import logging
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.brokers.kinds import BrokerKind
from trifleet.commands.common import Json, Steps, log_to_stderr, stop_on_signals

if TYPE_CHECKING:
    from trifleet.client import RiderClient
    from trifleet.ride import Ride, Say
    from trifleet.stack import Stack


def ride(
    keep: Annotated[
        Path | None, typer.Option(help="Keep the receipts and the policy in this folder.")
    ] = None,
    by_code: Annotated[
        bool, typer.Option("--by-code", help="Open and lock by the vehicle's keypad.")
    ] = False,
    broker: Annotated[
        BrokerKind, typer.Option(help="What carries the messages, as for `trifleet run`.")
    ] = BrokerKind.EMBEDDED,
    as_json: Json = False,
) -> None:
    """Start a stack in a temporary folder, make one ride over its public API, stop everything,
    and verify the receipts with nothing but the receipt files and the policy file.
    """
    from trifleet import offline
    from trifleet.ports import free_port
    from trifleet.stack import Stack, StackSettings

    log_to_stderr(logging.WARNING)  # the steps tell the rest
    stop = stop_on_signals()
    steps = Steps(as_json)
    with tempfile.TemporaryDirectory(prefix="trifleet-ride-") as folder:
        data = Path(folder) / "data"
        stack = Stack(StackSettings(data=data, vehicles=1, port=free_port(), broker=broker))
        try:
            stack.start(steps.say, stop)
            if stop.is_set():
                raise typer.Exit(130)
            made = _make(stack, by_code, steps.say)
        finally:
            stack.stop()
        steps.say("stopped", "every server; what follows needs files only")
        files = offline.write_files(Path(folder) / "receipts", made, stack.layout.policy)
        offline.verify_in_new_process(files, steps.say)
        if keep is not None:
            shutil.copytree(files.folder, keep, dirs_exist_ok=True)
            steps.say("kept", str(keep))
    steps.say("done", f"{made.distance_m} m, proved")


def _make(stack: "Stack", by_code: bool, say: "Say") -> "Ride":
    from trifleet.client import RiderClient
    from trifleet.ride import make_ride

    client = RiderClient(stack.address)
    try:
        return _make_by_code(stack, client, say) if by_code else make_ride(client, say)
    finally:
        client.close()


def _make_by_code(stack: "Stack", client: "RiderClient", say: "Say") -> "Ride":
    from trifleet.keypad import type_keys
    from trifleet.operator import OperatorClient
    from trifleet.ride_by_code import make_ride_by_code

    operator = OperatorClient(stack.address, stack.layout.operator_token.read_text().strip())
    try:
        return make_ride_by_code(
            client,
            operator,
            lambda vehicle, keys: type_keys(stack.layout.keypad(vehicle), keys),
            say,
        )
    finally:
        operator.close()
