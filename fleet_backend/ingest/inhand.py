"""What the worker has in its hands, noted before it is touched: the memory that outlives a death.

A message that takes the process down with it cannot be caught by `except`. So the digests of what
is being handled lie in a small file; who starts next finds them there and knows its suspects. The
file is not synchronised to the disk: a process that dies leaves it whole, and a machine that loses
power was not stopped by a message.

Each process takes a file of its own in the folder (the first one that nobody has locked), so any
number of workers share it. A file that is torn or nobody's is as good as none.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from fleet_backend.ingest.errors import IngestError

DIGEST_BYTES = 16
MOST_WORKERS = 256
MOST_SUSPECTS = 10_000
_MAGIC = b"trifleet in hand 1\n"
_HEAD = struct.Struct(">III")  # CRC-32 of the rest, suspects, digests in hand
_SUSPECT = struct.Struct(f">{DIGEST_BYTES}sBI")


class Suspect(NamedTuple):
    """A message that was in hand when a process died; shut out until then, 0: it is not."""

    deaths: int
    until: int


Suspects = dict[bytes, Suspect]


class Note(Protocol):
    """`write` says what is known and what is taken up now; `read` gives what the last one said."""

    def read(self) -> tuple[Suspects, list[bytes]]: ...

    def write(self, suspects: Suspects, in_hand: Iterable[bytes]) -> None: ...

    def close(self) -> None: ...


class NoNote:
    """For who wants no memory: nothing outlives the process."""

    def read(self) -> tuple[Suspects, list[bytes]]:
        return {}, []

    def write(self, suspects: Suspects, in_hand: Iterable[bytes]) -> None: ...

    def close(self) -> None: ...


class NoteFile:
    """A note in a file of mode 0600, locked for as long as it is open."""

    def __init__(self, folder: Path) -> None:
        """Raises IngestError where the folder cannot be used."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._handle = _first_free(folder)
        except OSError as error:
            raise IngestError(f"cannot keep a note in {folder}: {error.strerror}") from error

    def read(self) -> tuple[Suspects, list[bytes]]:
        return decode(os.pread(self._handle, 1 << 20, 0))

    def write(self, suspects: Suspects, in_hand: Iterable[bytes]) -> None:
        os.pwrite(self._handle, encode(suspects, in_hand), 0)

    def close(self) -> None:
        os.close(self._handle)


def encode(suspects: Suspects, in_hand: Iterable[bytes]) -> bytes:
    """The newest suspects, as many as the bound allows, and what is in hand."""
    known = list(suspects.items())[-MOST_SUSPECTS:]
    held = list(in_hand)
    rest = b"".join(_SUSPECT.pack(digest, *one) for digest, one in known) + b"".join(held)
    return _MAGIC + _HEAD.pack(zlib.crc32(rest), len(known), len(held)) + rest


def decode(data: bytes) -> tuple[Suspects, list[bytes]]:
    """What `encode` wrote, whatever follows it; nothing where it was not written whole."""
    start = len(_MAGIC) + _HEAD.size
    if not data.startswith(_MAGIC) or len(data) < start:
        return {}, []
    crc, known, held = _HEAD.unpack_from(data, len(_MAGIC))
    middle = start + known * _SUSPECT.size
    rest = data[start : middle + held * DIGEST_BYTES]
    if len(rest) != known * _SUSPECT.size + held * DIGEST_BYTES or zlib.crc32(rest) != crc:
        return {}, []
    suspects = {
        digest: Suspect(deaths, until)
        for digest, deaths, until in _SUSPECT.iter_unpack(data[start:middle])
    }
    end = middle + held * DIGEST_BYTES
    digests = [data[at : at + DIGEST_BYTES] for at in range(middle, end, DIGEST_BYTES)]
    return suspects, digests


def _first_free(folder: Path) -> int:
    for number in range(MOST_WORKERS):
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        handle = os.open(folder / f"worker-{number}.note", flags, 0o600)
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        os.close(handle)
    raise OSError(0, f"{MOST_WORKERS} workers have one already")
