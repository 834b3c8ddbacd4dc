"""What came of a release file so far, on disk, so that a restart goes on from there.

The name on disk is a hash of the file's name. A torn end is cut to whole pieces; bytes that are
wrong are found by the hash in the signed metadata, and then all of it is thrown away.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from edge_gateway.updates.errors import UpdateError
from protocol import delivery

# Files under way at once; more is an attack, or rubbish of releases that are wanted no more.
_MOST_KEPT = 4
_SYNC_EVERY = 16 * delivery.PIECE


class Sink(Protocol):
    """Where the bytes of one file go, in order."""

    @property
    def size(self) -> int: ...
    def cut(self, size: int) -> None: ...
    def write(self, data: bytes) -> None: ...
    def content(self) -> bytes: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None: ...


class NotKept:
    """For small files: in memory."""

    def __init__(self) -> None:
        self._data = bytearray()

    @property
    def size(self) -> int:
        return len(self._data)

    def cut(self, size: int) -> None:
        del self._data[size:]

    def write(self, data: bytes) -> None:
        self._data += data

    def content(self) -> bytes:
        return bytes(self._data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        return None


class _Kept:
    """A file on disk. Raises UpdateError where there is no room."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._handle).st_size
        self._synced = self._size

    @property
    def size(self) -> int:
        return self._size

    def cut(self, size: int) -> None:
        os.ftruncate(self._handle, size)
        self._size = size

    def write(self, data: bytes) -> None:
        if not data:
            return
        _no_room(lambda: os.pwrite(self._handle, data, self._size) == len(data))
        self._size += len(data)
        if self._size - self._synced >= _SYNC_EVERY:
            os.fdatasync(self._handle)
            self._synced = self._size

    def content(self) -> bytes:
        return os.pread(self._handle, self._size, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        os.fdatasync(self._handle)
        os.close(self._handle)


class Partials:
    """A folder of files under way."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, name: str) -> _Kept:
        """What is there of a file, to go on with. The oldest others give way."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(name)
        others = sorted(
            (one for one in self._folder.iterdir() if one != path),
            key=lambda one: one.stat().st_mtime,
        )
        for old in others[: max(0, len(others) - _MOST_KEPT + 1)]:
            old.unlink()
        return _Kept(path)

    def forget(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / hashlib.sha256(name.encode()).hexdigest()[:32]


def _no_room(write: Callable[[], bool]) -> None:
    try:
        whole = write()
    except OSError as error:
        raise UpdateError(
            f"a release cannot be kept: {error.strerror}", delivery.NO_ROOM
        ) from error
    if not whole:
        raise UpdateError("a release cannot be kept: no room", delivery.NO_ROOM)
