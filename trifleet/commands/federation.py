"""`trifleet federation`: three owners who witness each other, and one who tries to lie."""

import logging
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands.common import Json, Steps, log_to_stderr, stop_on_signals

EVIDENCE = "split-view"


def federation(
    keep: Annotated[
        Path | None, typer.Option(help="Keep the evidence and the log's key in this folder.")
    ] = None,
    stay: Annotated[
        bool, typer.Option("--stay", help="Keep the three fleets running until Ctrl-C.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Start three owners' fleets in a temporary folder, each the witness of the others' logs.

    Then one of them writes a second history with his own key: no witness cosigns it, no reader
    accepts it, and what he signed is kept as a file that convinces a stranger.
    """
    from trifleet.federation import Federation

    log_to_stderr(logging.ERROR)  # the steps tell the rest; a log without its quorum is one of them
    stop = stop_on_signals()
    steps = Steps(as_json)
    if keep is not None:  # found out now, and not after a minute
        keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="trifleet-federation-") as folder:
        owners = Federation(Path(folder))
        try:
            owners.start(steps.say, stop)
            if stop.is_set():
                raise typer.Exit(130)
            fork = owners.fork(steps.say)
            if keep is not None:
                (keep / EVIDENCE).write_bytes(fork.evidence)
                (keep / "log.vkey").write_text(owners.owners[-1].log.vkey + "\n")
                steps.say(
                    "kept", f"{keep / EVIDENCE}: `trifleet witness verify-evidence` checks it"
                )
            owners.come_back(steps.say, stop)
            if stay:
                for owner in owners.owners:
                    steps.say(owner.name, f"{owner.stack.address}/ledger")
                steps.say("stop", "Ctrl-C")
                stop.wait()
        finally:
            owners.stop()
    steps.say("done", "one history each; no process is left")
