"""The lowest release that a board may still run: its files `software.a` and `software.b`.

A pair (docs/flash.md): serial number, CBOR, SHA-256 over name, number and document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from protocol import cbor, fields
from protocol.errors import DecodeError
from workbench.bench import Bench
from workbench.errors import OlderError
from workbench.provision import read_file

NAME = "software"
COPIES = (NAME + ".a", NAME + ".b")
_SERIAL_BYTES, _HASH_BYTES = 4, 32
_FLOOR = 1


def check_floor(bench: Bench, number: int) -> None:
    """Raises OlderError."""
    floor = lowest(read_file(bench, name) for name in COPIES)
    if floor is None:
        raise OlderError(f"{bench.repl.port}: the number that it may not go below is unreadable")
    if number < floor:
        raise OlderError(f"{bench.repl.port}: number {number}, and the board takes {floor} or more")


def lowest(copies: Iterable[bytes | None]) -> int | None:
    """Of the copy that counts; 0 where there is none, None where all that there is is damaged."""
    there = [data for data in copies if data is not None]
    whole = [found for data in there if (found := _open(data)) is not None]
    if there and not whole:
        return None
    return max(whole)[1] if whole else 0


def _open(data: bytes) -> tuple[int, int] | None:
    """(serial number, floor)."""
    said, digest = data[:-_HASH_BYTES], data[-_HASH_BYTES:]
    if hashlib.sha256(NAME.encode() + said).digest() != digest:
        return None
    try:
        value = fields.map_of(cbor.decode(said[_SERIAL_BYTES:]), NAME, range(6))
        floor = fields.uint(value[_FLOOR], NAME, fields.MAX_TIME)
    except DecodeError:
        return None
    return int.from_bytes(said[:_SERIAL_BYTES], "big"), floor
