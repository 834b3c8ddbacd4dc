"""What a vehicle runs, asked on its serial line while it runs: nothing is interrupted."""

from __future__ import annotations

import time

from workbench.cable import Cable, CableSoftware
from workbench.errors import NoReplyError, NotRunningError, WorkbenchError

# From a reset to the first turn of the loop, on the slowest board, with room.
STARTED_WITHIN_S = 30.0
_ASKED_EVERY_S = 1.0


def await_software(port: str, sealed: bytes, *, within_s: float | None = None) -> str:
    """Waits for a board that was just reset; returns the version it says that it runs. Raises
    NotRunningError unless what runs is what is sealed with this SHA-256."""
    try:
        found = _ask(port, STARTED_WITHIN_S if within_s is None else within_s)
    except WorkbenchError as error:
        raise NotRunningError(f"{port}: after the reset no application answers: {error}") from error
    if found.sealed != sealed:
        raise NotRunningError(
            f"{port}: after the reset another application runs: {found.version}"
            f" {found.sealed.hex() or 'without a slot'}, not {sealed.hex()}"
        )
    return found.version


def _ask(port: str, within_s: float) -> CableSoftware:
    deadline = time.monotonic() + within_s
    with Cable(port) as cable:
        while True:
            left_s = deadline - time.monotonic()
            try:
                return cable.software(timeout_s=max(0.0, min(_ASKED_EVERY_S, left_s)))
            except NoReplyError:
                if left_s <= 0:
                    raise
