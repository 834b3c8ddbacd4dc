"""One-time codes that a rider types on the vehicle: how a code becomes what a grant carries.

docs/protocol.md section 12. A grant is read by many, so that it holds no code but a stretched hash
of each, under a salt of its own.
"""

import hashlib

from protocol import cbor, fields, rsa
from protocol.errors import DecodeError

AAD = "trifleet/code/v1"
# Sixteen digits hold 53 bits. What a search through them costs stands in docs/panel.md.
DIGITS = 16
ITEM_BYTES = 16
MOST = 4

ROUNDS = 2_048
# A piece of work that does not hold up the vehicle's frames.
ROUNDS_A_STEP = 16
_PIECE = 32
_PIECES = 16


def decode(value: object, where: str) -> list[bytes]:
    """`codes` of a grant or a request: a salt, then 1 to 4 hashes, no two alike."""
    items = fields.array(value, where)
    if not 2 <= len(items) <= 1 + MOST:
        raise DecodeError("field", where)
    for i in range(len(items)):
        if fields.octets(items[i], where, ITEM_BYTES) in items[:i]:
            raise DecodeError("field", where)
    return items


def salt_for(vehicle: str, holder: bytes, drawn: bytes) -> bytes:
    """The salt of a grant's codes: another vehicle's or another holder's are other codes."""
    return hashlib.sha256(cbor.encode([AAD, vehicle, holder, drawn])).digest()[:ITEM_BYTES]


def stretch_steps(salt: bytes, code: bytes):  # type: ignore[no-untyped-def]
    """Generator, yields between pieces of work; returns the hash of `code` (ASCII digits).

    A ring of 512 bytes, hashed whole and replaced piece by piece: nearly all of the work is
    SHA-256 itself, to which an interpreter adds little.
    """
    ring = bytearray(_PIECES * _PIECE)
    for i in range(_PIECES):
        _replace(ring, i, salt + bytes((i,)) + code)
    for i in range(ROUNDS):
        _replace(ring, i % _PIECES, ring)
        if i % ROUNDS_A_STEP == ROUNDS_A_STEP - 1:
            yield
    return hashlib.sha256(ring).digest()[:ITEM_BYTES]


def _replace(ring: bytearray, i: int, data: bytes | bytearray) -> None:
    ring[i * _PIECE : (i + 1) * _PIECE] = hashlib.sha256(data).digest()


def stretch(salt: bytes, code: bytes) -> bytes:
    """`stretch_steps` without a pause."""
    return rsa.run(stretch_steps(salt, code))  # type: ignore[return-value]
