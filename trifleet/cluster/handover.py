"""A change of the log's writer in good order: it gives its lease up, and the other one takes it."""

import json
import os
import signal
import time
from pathlib import Path

from trifleet.cluster.health import writer as writer_of
from trifleet.cluster.place import RUN_FILE
from trifleet.errors import ChildError, InstallationError

_PATIENCE_S = 30.0


def hand_over(root: Path) -> tuple[str, str, float]:
    """(who wrote, who writes now, seconds). Raises InstallationError, ChildError."""
    ports, pids = _running(root)
    before = writer_of(ports)
    if before is None or before not in pids:
        raise ChildError("nobody writes the log now: see the logs of ledger-1 and ledger-2")
    return hand_over_from(before, pids[before], ports)


def hand_over_from(before: str, pid: int, ports: dict[str, int]) -> tuple[str, str, float]:
    """The same for who knows. Raises ChildError."""
    begin = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    while time.monotonic() - begin < _PATIENCE_S:
        after = writer_of(ports)
        if after not in (None, before):
            return before, str(after), time.monotonic() - begin
        time.sleep(0.05)
    raise ChildError(f"no other writer in {_PATIENCE_S:.0f} s: see the logs of the ledger programs")


def _running(root: Path) -> tuple[dict[str, int], dict[str, int]]:
    file = root / RUN_FILE
    try:
        found = json.loads(file.read_text())
        return dict(found["ports"]), dict(found["pids"])
    except FileNotFoundError:
        raise InstallationError(
            f"no cluster runs on {root}: start one with `trifleet cluster run`"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InstallationError(f"{file} is damaged: {type(error).__name__}") from error
