"""The list of what was sent: 52 bytes a statement, appended, one file a process.

A row is written before the statement is handed to the line, so nothing is sent that is not listed.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from trifleet.errors import UsageError

# Gateway's number, seq, SHA-256 of the statement, Unix time in milliseconds.
_ROW = struct.Struct(">IQ32sQ")
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Listed:
    """A statement that was made."""

    gateway: int
    seq: int
    hash: bytes
    made_ms: int


class Journal:
    """The writer's side."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("xb")

    def add(self, gateway: int, seq: int, statement_hash: bytes, made_ms: int) -> None:
        """One more."""
        self._file.write(_ROW.pack(gateway, seq, statement_hash, made_ms))

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(path: Path) -> Iterator[Listed]:
    """All rows, in the order of their making. Raises UsageError for a file that was cut off."""
    with path.open("rb") as file:
        while data := file.read(_ROW.size * _ROWS_AT_ONCE):
            if len(data) % _ROW.size:
                raise UsageError(f"{path.name} ends in the middle of a row")
            for row in _ROW.iter_unpack(data):
                yield Listed(*row)
