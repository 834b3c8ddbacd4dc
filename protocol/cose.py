"""COSE_Sign1 and COSE_Mac0 (RFC 9052), untagged, with the primitive passed in.

The algorithm comes from the key that the verifier holds: a message that names another is refused.
"""

from protocol import cbor
from protocol.errors import DecodeError

PS256 = -37
EDDSA = -8
HMAC_256 = 5


def sign1_message(alg: int, aad: bytes, payload: bytes) -> bytes:
    """The bytes that a COSE_Sign1 signature covers: Sig_structure, RFC 9052 section 4.4."""
    return cbor.encode(["Signature1", _protected(alg), aad, payload])


def mac0_message(aad: bytes, payload: bytes) -> bytes:
    """The bytes that a COSE_Mac0 tag covers: MAC_structure, RFC 9052 section 6.3."""
    return cbor.encode(["MAC0", _protected(HMAC_256), aad, payload])


def assemble(alg: int, payload: bytes, seal: bytes) -> bytes:
    """A COSE_Sign1 or COSE_Mac0 out of its payload and its signature or tag."""
    return cbor.encode([_protected(alg), {}, payload, seal])


def split(data: bytes, alg: int, where: str) -> tuple[bytes, bytes]:
    """(payload, signature or tag), both unverified. Raises DecodeError."""
    parts = cbor.decode(data)
    if not isinstance(parts, list) or len(parts) != 4:
        raise DecodeError("cose", where)
    protected, unprotected, payload, seal = parts
    if protected != _protected(alg):
        raise DecodeError("cose-algorithm", where)
    if unprotected != {}:
        raise DecodeError("cose-unprotected", where)
    if not isinstance(payload, bytes) or not isinstance(seal, bytes):
        raise DecodeError("cose", where)
    return payload, seal


def _protected(alg: int) -> bytes:
    return cbor.encode({1: alg})
