"""A gateway changes the key of its statements: what the event KEY_CHANGED says.

docs/protocol.md section 7. The statement is signed by the old key and names the new one, which
proves that somebody holds it by a signature over its very place in the chain.
"""

from collections import namedtuple

from protocol import cbor
from protocol.errors import DecodeError, VerifyError

LABEL = "trifleet/key-change/v1"
_HEX = "0123456789abcdef"
_KEY_DIGITS = 64
_PROOF_DIGITS = 128


# Of the statement that tells of the change.
Place = namedtuple("Place", ("gateway", "seq", "prev_hash"))


def proof_message(place: Place, old: bytes, new: bytes) -> bytes:
    """What the new key signs. Keys are raw Ed25519, 32 bytes."""
    return cbor.encode([LABEL, place.gateway, place.seq, place.prev_hash, old, new])


def encode(new: bytes, proof: bytes) -> str:
    """The event's text."""
    return new.hex() + " " + proof.hex()


def decode_unverified(text: str) -> tuple[bytes, bytes]:
    """(new key, its proof) of the event's text. Raises DecodeError."""
    if len(text) != _KEY_DIGITS + 1 + _PROOF_DIGITS or text[_KEY_DIGITS] != " ":
        raise DecodeError("field", "key-change")
    return _octets(text[:_KEY_DIGITS]), _octets(text[_KEY_DIGITS + 1 :])


def open_change(place: Place, old: bytes, text: str, verify) -> bytes:  # type: ignore[no-untyped-def]
    """The new key that a verified statement with this text brings in after `old`, which signed it.

    `verify(key, message, signature) -> bool`. Raises DecodeError or VerifyError.
    """
    new, proof = decode_unverified(text)
    if new == old:
        raise VerifyError("key-change-same")
    if not verify(new, proof_message(place, old, new), proof):
        raise VerifyError("key-change-proof")
    return new


def _octets(text: str) -> bytes:
    """Lower-case digits alone: one spelling."""
    for letter in text:
        if letter not in _HEX:
            raise DecodeError("field", "key-change")
    return bytes.fromhex(text)
