"""Reads messages in exactly the shape in which gateways and vehicles write them; else None.

The strict decoders of `protocol` take longer than the signature check leaves room for. Encoding is
deterministic, so a document that has this shape to the byte is the one that `protocol` would read:
the same value comes out, which a property test holds both to. None means: ask `protocol`, which
finds the name of the fault, or reads what is merely unusual.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from protocol import bodies, cbor, cose, record, statement

_EMPTY = b"\x40"
# Sig_structure and MAC_structure up to the payload, which follows as it stands in the document.
_SIGNED_HEAD = cose.sign1_message(cose.EDDSA, statement.AAD, b"").removesuffix(_EMPTY)
_SEALED_HEAD = cose.mac0_message(record.AAD, b"").removesuffix(_EMPTY)

# Shortest forms only. No alternative begins like another, so a match never goes back.
_U32 = rb"[\x00-\x17]|\x18[\x18-\xff]|\x19(?!\x00)..|\x1a(?!\x00\x00).{4}"
_N32 = rb"[\x20-\x37]|\x38[\x18-\xff]|\x39(?!\x00)..|\x3a(?!\x00\x00).{4}"
_U63 = _U32 + rb"|\x1b(?!\x00{4})[\x00-\x7f].{7}"
_U48 = _U32 + rb"|\x1b\x00\x00(?!\x00\x00).{6}"
_OCTETS_HEAD = rb"[\x40-\x57]|\x58[\x18-\xff]|\x59(?!\x00).."
_NAME = rb"[\x61-\x77][a-z0-9-]+"
_KEYS = bodies.BODIES[record.TELEMETRY]


def _values() -> Iterable[bytes]:
    """The telemetry map: keys ascending, each at most once, values of 32 bits."""
    for key, (_, check) in enumerate(_KEYS):
        value = _U32 if check == "uint" else _U32 + b"|" + _N32
        yield rb"(?:\x%02x(%s))?" % (key, value)


_STATEMENT = re.compile(
    rb"\x84\x43\xa1\x01\x27\xa0((%s)(\x87\x01(%s)(%s)\x58\x20(.{32})"
    rb"(\x1a(?!\x00\x00).{4})([\x01-\x03])\x58\x20(.{32})))\x58\x40(.{64})"
    % (_OCTETS_HEAD, _NAME, _U63),
    re.DOTALL,
)
_SAMPLE = re.compile(
    rb"\x84\x43\xa1\x01\x05\xa0((%s)(\x88\x01(%s)(%s)(%s)(?:%s)(%s)\x05([\xa0-\x%02x])%s))"
    rb"\x58\x20(.{32})"
    % (_OCTETS_HEAD, _NAME, _U32, _U32, _U48, _U32, 0xA0 + len(_KEYS), b"".join(_values())),
    re.DOTALL,
)


_REMEMBERED = 50_000


class _Numbers(dict[bytes | None, int | None]):
    """Integers by their encoding, in their shortest form. Remembers those of up to three bytes."""

    def __missing__(self, item: bytes) -> int:
        first = item[0]
        # Without a slice: the head is taken away from the number that head and value make.
        if first == 0x1A:
            return int.from_bytes(item, "big") - 0x1A00000000
        if first == 0x3A:
            return 0x39FFFFFFFF - int.from_bytes(item, "big")
        number = _integer(item)
        if len(item) < 4 and len(self) < _REMEMBERED:
            self[item] = number
        return number


class _Names(dict[bytes, str | None]):
    """Names by their encoding; None where the length is not the one that the head says."""

    def __missing__(self, item: bytes) -> str | None:
        name = _text(item)
        if len(self) < _REMEMBERED:
            self[item] = name
        return name


_number_of = _Numbers({None: None}).__getitem__
_names = _Names()


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
    """A telemetry record; `values` in the order of `bodies.BODIES`, None where there is none."""

    vehicle: str
    boot: int
    seq: int
    time: int
    values: tuple[int | None, ...]


class UnverifiedSample(NamedTuple):
    """A telemetry record with what its tag covers."""

    sample: Sample
    message: bytes
    tag: bytes


def split_message(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """`statement.decode_message`."""
    if data[:1] != b"\x83" or len(data) > cbor.MAX_BYTES:
        return None
    first = _octets(data, 1)
    if first is None:
        return None
    sign1, at = first
    after_salt = at + 1 + statement.SALT_BYTES
    if data[at : at + 1] != b"\x50":
        return None
    last = _octets(data, after_salt)
    if last is None or last[1] != len(data):
        return None
    return sign1, data[at + 1 : after_salt], last[0]


def read_statement(sign1: bytes, gateway: str) -> StatementParts | None:
    """`statement.decode_unverified` for a statement of this gateway, with what is signed."""
    found = _STATEMENT.fullmatch(sign1)
    if found is None:
        return None
    wrapped, head, payload, name, seq, prev_hash, time, kind, commitment, signature = found.groups()
    if _size(head) != len(payload) or _text(name) != gateway:
        return None
    message = _SIGNED_HEAD + wrapped
    return StatementParts(
        _integer(seq), prev_hash, _integer(time), kind[0], commitment, message, signature
    )


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


def read_sample(data: bytes) -> UnverifiedSample | None:
    """`record.decode_unverified` for a telemetry record, with what is sealed.

    The vehicle's name is one only if it is among the registered ones.
    """
    found = _SAMPLE.fullmatch(data)
    if found is None:
        return None
    wrapped, head, payload, name, boot, seq, time, count, *items, tag = found.groups()
    vehicle = _names[name]
    # Most of the bytes that a fleet sends are read in this line.
    values = tuple(map(_number_of, items))
    if (
        vehicle is None
        or _size(head) != len(payload)
        or count[0] - 0xA0 != len(_KEYS) - values.count(None)
    ):
        return None
    sample = Sample._make((vehicle, *map(_number_of, (boot, seq, time)), values))
    return UnverifiedSample(sample, _SEALED_HEAD + wrapped, tag)


def _integer(item: bytes) -> int:
    """An integer of either sign in its shortest form."""
    first = item[0]
    if first < 0x18:
        return first
    if first < 0x20:
        return int.from_bytes(item[1:], "big")
    return 0x1F - first if first < 0x38 else -1 - int.from_bytes(item[1:], "big")


def _text(item: bytes) -> str | None:
    return item[1:].decode("ascii") if item[0] - 0x60 == len(item) - 1 else None


def _size(head: bytes) -> int:
    """The length that the head of a byte string says."""
    return int.from_bytes(head[1:], "big") if len(head) > 1 else head[0] - 0x40


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
