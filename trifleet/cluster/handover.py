"""A change of the log's writer in good order: it gives its lease up, and the other one takes it."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from trifleet.cluster.health import writer as writer_of
from trifleet.cluster.place import RUN_FILE
from trifleet.errors import ChildError, InstallationError

_PATIENCE_S = 30.0


def hand_over(root: Path) -> tuple[str, str, float]:
    """(who wrote, who writes now, seconds). Raises InstallationError, ChildError."""
    ports, _ = _running(root)
    before = writer_of(ports)
    if before is None:
        raise ChildError("nobody writes the log now: see the logs of ledger-1 and ledger-2")
    return hand_over_from(before, lambda: _running(root)[1].get(before), ports)


def hand_over_from(
    before: str, pid: Callable[[], int | None], ports: dict[str, int]
) -> tuple[str, str, float]:
    """The same for who knows; `pid` gives the writer's process number of now. Raises ChildError.

    Who is started again may be the writer again, where the other one is only beginning: then he is
    asked once more.
    """
    begin, asked = time.monotonic(), 0
    while time.monotonic() - begin < _PATIENCE_S:
        after, now = writer_of(ports), pid()
        if after not in (None, before):
            return before, str(after), time.monotonic() - begin
        if after == before and now not in (None, asked):
            asked = now or 0
            with contextlib.suppress(ProcessLookupError):
                os.kill(asked, signal.SIGTERM)
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
