"""Records as they lie on a vehicle's flash (docs/flash.md), read by a tool. Pure; strict.

Their seals are not checked: the vehicle's key stays on the vehicle. What the gateway brings to the
ledger counts; this is for a person who looks for a fault.
"""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass

from protocol import fault, record
from protocol.errors import DecodeError

MOST_RECORD_BYTES = 1_000
_HEAD = struct.Struct(">HIII")  # size, CRC-32 of what follows, boot, seq
_NAMED = 6  # bytes of the head before what the CRC covers


@dataclass(frozen=True)
class Segment:
    """The records of one file in their order, and how many bytes or frames of it say nothing."""

    records: tuple[record.Record, ...]
    damaged: int


def decode_segment(data: bytes) -> Segment:
    """Never raises: a damaged flash is when this is needed."""
    records, damaged, at = [], 0, 0
    while at + _HEAD.size <= len(data):
        size, check, boot, seq = _HEAD.unpack_from(data, at)
        end = at + _HEAD.size + size
        if not 0 < size <= MOST_RECORD_BYTES or end > len(data):
            break
        found = None
        if binascii.crc32(data[at + _NAMED : end]) == check:
            found = _decode(data[at + _HEAD.size : end], boot, seq)
        if found is None:
            damaged += 1
        else:
            records.append(found)
        at = end
    return Segment(tuple(records), damaged + (at < len(data)))


def as_values(one: record.Record) -> dict[str, object]:
    """For JSON: names for numbers, octets in hexadecimal, no time where the clock was wrong."""
    return {
        "vehicle": one.vehicle,
        "boot": one.boot,
        "seq": one.seq,
        "uptime_ms": one.uptime_ms,
        "time": one.time or None,
        "kind": record.KINDS[one.kind],
        "body": {name: _plain(value) for name, value in one.named().items()},
    }


def fault_words(body: dict[int, object]) -> str:
    """Of a FAULT record: node and fault, by name where they have one."""
    node, code = body[0], body[1]
    return f"{fault.NODES.get(node, node)} {fault.NAMES.get(code, code)}"  # type: ignore[call-overload]


def _decode(data: bytes, boot: int, seq: int) -> record.Record | None:
    try:
        found = record.decode_unverified(data)
    except DecodeError:
        return None
    return found if (found.boot, found.seq) == (boot, seq) else None


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
