"""`trifleet ride`: one ride as a real client makes it, and its receipts verified offline."""

import logging
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands.common import Json, Steps, log_to_stderr, stop_on_signals


def ride(
    keep: Annotated[
        Path | None, typer.Option(help="Keep the receipts and the policy in this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Start a stack in a temporary folder, make one ride over its public API, stop everything,
    and verify the receipts with nothing but the receipt files and the policy file.
    """
    from trifleet import offline
    from trifleet.client import RiderClient
    from trifleet.ports import free_port
    from trifleet.ride import make_ride
    from trifleet.stack import Stack, StackSettings

    log_to_stderr(logging.WARNING)  # the steps tell the rest
    stop = stop_on_signals()
    steps = Steps(as_json)
    with tempfile.TemporaryDirectory(prefix="trifleet-ride-") as folder:
        data = Path(folder) / "data"
        stack = Stack(StackSettings(data=data, vehicles=1, port=free_port()))
        try:
            stack.start(steps.say, stop)
            if stop.is_set():
                raise typer.Exit(130)
            client = RiderClient(stack.address)
            try:
                made = make_ride(client, steps.say)
            finally:
                client.close()
        finally:
            stack.stop()
        steps.say("stopped", "every server; what follows needs files only")
        files = offline.write_files(Path(folder) / "receipts", made, stack.layout.policy)
        offline.verify_in_new_process(files, steps.say)
        if keep is not None:
            shutil.copytree(files.folder, keep, dirs_exist_ok=True)
            steps.say("kept", str(keep))
    steps.say("done", f"{made.distance_m} m, proved")
