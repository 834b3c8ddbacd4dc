"""Acknowledgements of a batch: written without the general encoder, signed over the cores.

One goes to each gateway of a batch, so they cost as much as the checks. What comes out is what
`protocol.ack` makes, to the byte: a property test holds both to it.
"""

from collections.abc import Iterable, Sequence

from fleet_backend.ingest.signatures import SignaturePool
from protocol import ack, cose, fields

_EMPTY = b"\x40"
_SIGNED_HEAD = cose.sign1_message(cose.EDDSA, ack.AAD, b"").removesuffix(_EMPTY)
_MADE_HEAD = cose.assemble(cose.EDDSA, b"", b"").removesuffix(_EMPTY + _EMPTY)
_SEAL_HEAD = b"\x58\x40"  # 64 bytes follow
_HEAD = bytes((0x84, fields.VERSION))
_HEAD_2 = bytes((0x85, ack.VERSION_2))


def sealed(acks: Sequence[ack.Ack], pool: SignaturePool, key: bytes) -> list[bytes]:
    """Each of them as it travels."""
    payloads = [_octets(_payload(one)) for one in acks]
    seals = pool.sign(key, [_SIGNED_HEAD + one for one in payloads])
    return [
        b"".join((_MADE_HEAD, payload, _SEAL_HEAD, seal))
        for payload, seal in zip(payloads, seals, strict=True)
    ]


def _payload(one: ack.Ack) -> bytes:
    name = one.gateway.encode()
    parts = (_number(0x60, len(name)), name, _ranges(one.accepted), _ranges(one.refused))
    if one.replaced:
        return b"".join((_HEAD_2, *parts, _octets(one.replaced)))
    return b"".join((_HEAD, *parts))


def _ranges(ranges: Iterable[tuple[int, int]]) -> bytes:
    pairs = [b"\x82" + _number(0, first) + _number(0, last) for first, last in ranges]
    return _number(0x80, len(pairs)) + b"".join(pairs)


def _octets(content: bytes) -> bytes:
    return _number(0x40, len(content)) + content


def _number(major: int, value: int) -> bytes:
    """The head of an item in its shortest form, RFC 8949 section 4.2.1."""
    if value < 24:
        return bytes((major | value,))
    for form, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 1 << 8 * size:
            return bytes((major | form,)) + value.to_bytes(size, "big")
    raise OverflowError(value)
