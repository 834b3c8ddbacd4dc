"""Bounds the logs of programs that append for ever: at most four files of ten megabytes each.

The file keeps its place, because a program that runs has it open: what is in it is copied, then it
is emptied. A line that is written in that very moment may be lost. Whoever changes lines of a log
holds the same lock, so that nothing moves under his hands.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_BYTES = 10_000_000
KEPT = 3


def rotate(path: Path, most_bytes: int = MOST_BYTES) -> bool:
    """Make room if the file is larger; true if it was. Raises OSError, where it stays as it was."""
    try:
        if path.stat().st_size <= most_bytes:
            return False
    except FileNotFoundError:
        return False
    with locked(path, wait=False) as held:
        if not held:
            return False  # the next time
        for number in range(KEPT - 1, 0, -1):
            older = numbered(path, number)
            if older.exists():
                older.replace(numbered(path, number + 1))
        _copy(path, numbered(path, 1))
        os.truncate(path, 0)
    return True


def numbered(path: Path, number: int) -> Path:
    """The log before this one is number 1."""
    return path.with_name(f"{path.name}.{number}")


def family(path: Path) -> list[Path]:
    """The log and its older ones, as far as they are there."""
    return [one for one in (path, *(numbered(path, n) for n in range(1, KEPT + 1))) if one.exists()]


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Nobody else moves lines of this log meanwhile; false where somebody does, and we do not wait.

    Programs that append are not kept from it.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def _copy(path: Path, target: Path) -> None:
    draft = target.with_name(target.name + ".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as out, path.open("rb") as source:
            shutil.copyfileobj(source, out)
        draft.replace(target)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
