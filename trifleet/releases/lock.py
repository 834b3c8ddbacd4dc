"""One writer of a folder at a time. Raises ReleaseError."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trifleet.releases.errors import ReleaseError

NAME = "lock"
_LOOK_S = 0.01


@contextmanager
def locked(folder: Path, wait_s: float) -> Iterator[None]:
    """Waits for so long, and not in a call that Ctrl-C does not end."""
    # Whoever may write the folder may not have us write elsewhere.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(folder / NAME, flags, 0o600)
    try:
        end_s = time.monotonic() + wait_s
        while not _took(handle):
            if time.monotonic() >= end_s:
                raise ReleaseError(f"{folder}: another program writes there: try again")
            time.sleep(_LOOK_S)
        yield
    finally:
        os.close(handle)


def _took(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
