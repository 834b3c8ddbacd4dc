"""Reads messages in exactly the shape in which gateways and vehicles write them; else None.

The strict decoders of `protocol` take longer than the signature check leaves room for. Encoding is
deterministic, so a document that has this shape to the byte is the one that `protocol` would read:
the same value comes out, which a property test holds both to. None means: ask `protocol`, which
finds the name of the fault, or reads what is merely unusual.
"""

import hashlib
import hmac
from typing import NamedTuple

from protocol import cbor, cose, fields, record, statement

_COSE_SIGN1 = bytes.fromhex("8443a10127a0")
_COSE_MAC0 = bytes.fromhex("8443a10105a0")
_SIGNATURE_HEAD = b"\x58\x40"
_TAG_HEAD = b"\x58\x20"
_HASH_HEAD = b"\x58\x20"
_SALT_HEAD = b"\x50"
_EMPTY = b"\x40"
# Sig_structure and MAC_structure up to the payload, which follows as it stands in the document.
_SIGNED_HEAD = cose.sign1_message(cose.EDDSA, statement.AAD, b"").removesuffix(_EMPTY)
_SEALED_HEAD = cose.mac0_message(record.AAD, b"").removesuffix(_EMPTY)
_TELEMETRY_KEYS = len(record.BODIES[record.TELEMETRY])
_UNSIGNED = tuple(check == "uint" for _, check in record.BODIES[record.TELEMETRY])
_MAX_BOOT = _MAX_SEQ = _MAX_TIME = fields.MAX_TIME
_MAX_UPTIME = 0xFFFFFFFFFFFF
_NOTHING: tuple[int | None, ...] = (None,) * _TELEMETRY_KEYS


class StatementParts(NamedTuple):
    """A statement that was read and not verified."""

    seq: int
    prev_hash: bytes
    time: int
    kind: int
    commitment: bytes
    message: bytes
    signature: bytes


class Sample(NamedTuple):
    """A telemetry record; `values` in the order of `record.BODIES`, None where there is none."""

    vehicle: str
    boot: int
    seq: int
    time: int
    values: tuple[int | None, ...]


def split_message(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """`statement.decode_message`."""
    if data[:1] != b"\x83" or len(data) > cbor.MAX_BYTES:
        return None
    first = _octets(data, 1)
    if first is None:
        return None
    sign1, at = first
    after_salt = at + 1 + statement.SALT_BYTES
    if data[at : at + 1] != _SALT_HEAD:
        return None
    last = _octets(data, after_salt)
    if last is None or last[1] != len(data):
        return None
    return sign1, data[at + 1 : after_salt], last[0]


def read_statement(sign1: bytes, gateway: str) -> StatementParts | None:
    """`statement.decode_unverified` for a statement of this gateway, with what is signed."""
    if sign1[:6] != _COSE_SIGN1 or sign1[-66:-64] != _SIGNATURE_HEAD:
        return None
    wrapped = sign1[6:-66]
    inner = _octets(wrapped, 0)
    if inner is None or inner[1] != len(wrapped):
        return None
    payload = inner[0]
    head = b"\x87\x01" + _name(gateway)
    number = _integer(payload, len(head))
    if number is None or not payload.startswith(head) or not 0 <= number[0] < 1 << 63:
        return None
    seq, at = number
    rest = payload[at:]
    # 58 20 prev_hash | 1a time | kind | 58 20 commitment
    if len(rest) != 74 or rest[:2] != _HASH_HEAD or rest[40:42] != _HASH_HEAD or rest[34] != 0x1A:
        return None
    time, kind = int.from_bytes(rest[35:39], "big"), rest[39]
    if time < 0x10000 or kind not in statement.KINDS:
        return None
    message = _SIGNED_HEAD + wrapped
    return StatementParts(seq, rest[2:34], time, kind, rest[42:], message, sign1[-64:])


def split_records(body: bytes) -> list[bytes] | None:
    """`statement.decode_records`."""
    if not body:
        return None
    count = body[0] - 0x80
    at = 1
    if body[0] == 0x98 and len(body) > 1 and body[1] >= 24:
        count, at = body[1], 2
    elif not 0 <= count < 24:
        return None
    if not 1 <= count <= statement.MAX_RECORDS:
        return None
    records = []
    for _ in range(count):
        item = _octets(body, at)
        if item is None:
            return None
        records.append(item[0])
        at = item[1]
    return records if at == len(body) else None


def read_sample(data: bytes, vehicle: str, record_key: bytes) -> Sample | None:
    """`record.open_record` for a telemetry record of this vehicle with a tag that matches."""
    if data[:6] != _COSE_MAC0 or data[-34:-32] != _TAG_HEAD:
        return None
    wrapped = data[6:-34]
    inner = _octets(wrapped, 0)
    if inner is None or inner[1] != len(wrapped):
        return None
    sample = _read_telemetry(inner[0], vehicle)
    if sample is None:
        return None
    tag = hmac.digest(record_key, _SEALED_HEAD + wrapped, hashlib.sha256)
    return sample if hmac.compare_digest(tag, data[-32:]) else None


def vehicle_of(data: bytes) -> str | None:
    """The vehicle that a record of the usual shape names; unverified."""
    start = 12 if data[6:7] == b"\x59" else 11 if data[6:7] == b"\x58" else 10
    size = data[start - 1 : start]
    if not size or not 0x61 <= size[0] <= 0x77:
        return None
    name = data[start : start + size[0] - 0x60]
    return name.decode("ascii") if name.isascii() else None


def _read_telemetry(payload: bytes, vehicle: str) -> Sample | None:
    head = b"\x88\x01" + _name(vehicle)
    if not payload.startswith(head):
        return None
    numbers = _integers(payload, len(head), 5)
    if numbers is None:
        return None
    (boot, seq, uptime_ms, time, kind), at = numbers
    if kind != record.TELEMETRY or not 0 <= uptime_ms <= _MAX_UPTIME:
        return None
    if not (0 <= boot <= _MAX_BOOT and 0 <= seq <= _MAX_SEQ and 0 <= time <= _MAX_TIME):
        return None
    values = _read_values(payload, at)
    return None if values is None else Sample(vehicle, boot, seq, time, values)


def _read_values(payload: bytes, at: int) -> tuple[int | None, ...] | None:
    """The map of a telemetry body: keys ascending, each 0 to 9, values of the right sign."""
    count = payload[at] - 0xA0 if at < len(payload) else -1
    if not 0 <= count <= _TELEMETRY_KEYS:
        return None
    found = _integers(payload, at + 1, 2 * count)
    if found is None or found[1] != len(payload):
        return None
    numbers = found[0]
    values = list(_NOTHING)
    last = -1
    for place in range(0, 2 * count, 2):
        key, value = numbers[place], numbers[place + 1]
        if not last < key < _TELEMETRY_KEYS or (value < 0 and _UNSIGNED[key]):
            return None
        values[key] = value
        last = key
    return tuple(values)


def _name(identifier: str) -> bytes:
    """A text of up to 23 characters; longer names take the slow way, for no head fits them."""
    return bytes((0x60 + min(len(identifier), 24),)) + identifier.encode()


def _octets(data: bytes, at: int) -> tuple[bytes, int] | None:
    """A byte string and where it ends, if it is in its shortest form and all there."""
    if at >= len(data):
        return None
    first = data[at]
    if first == 0x58 and at + 1 < len(data) and data[at + 1] >= 24:
        start, size = at + 2, data[at + 1]
    elif first == 0x59:
        start, size = at + 3, int.from_bytes(data[at + 1 : at + 3], "big")
        if size < 256:
            return None
    elif 0x40 <= first < 0x58:
        start, size = at + 1, first - 0x40
    else:
        return None
    end = start + size
    return (data[start:end], end) if end <= len(data) else None


def _integer(data: bytes, at: int) -> tuple[int, int] | None:
    found = _integers(data, at, 1)
    return None if found is None else (found[0][0], found[1])


def _integers(data: bytes, at: int, count: int) -> tuple[list[int], int] | None:
    """`count` integers of either sign in their shortest form, and where they end."""
    out = []
    end = len(data)
    for _ in range(count):
        if at >= end:
            return None
        first = data[at]
        info = first & 0x1F
        at += 1
        if first >= 0x40 or info > 27:
            return None
        if info >= 24:
            size = 1 << (info - 24)
            argument = int.from_bytes(data[at : at + size], "big")
            at += size
            if at > end or argument < 24 or (size > 1 and not argument >> (4 * size)):
                return None
        else:
            argument = info
        out.append(argument if first < 0x20 else -1 - argument)
    return out, at
