"""Messages between gateway and VCU on the ISO-TP channels (docs/protocol.md section 9)."""

from protocol import cbor, fields
from protocol.errors import DecodeError

# Requests, gateway to VCU.
PRESENTATION = 1
STORED = 2
HELLO_REQUEST = 3
# Records channel, VCU to gateway.
RECORD = 1
CHALLENGE = 2
HELLO = 3

_STORED_BYTES = 11


def pack(kind: int, payload: bytes = b"") -> bytes:
    """One type byte and the payload."""
    return bytes((kind,)) + payload


def unpack(message: bytes) -> tuple[int, bytes]:
    """(type, payload). Raises DecodeError for an empty message; unknown types are the caller's."""
    if not message:
        raise DecodeError("truncated", "link")
    return message[0], bytes(message[1:])


def encode_stored(boot: int, seq: int) -> bytes:
    """Everything up to (boot, seq) is on the gateway's disk."""
    return pack(STORED, cbor.encode([boot, seq]))


def decode_stored(payload: bytes) -> tuple[int, int]:
    """(boot, seq). Raises DecodeError."""
    # Two numbers of 32 bits. What is longer could be thousands of items, and fill a small heap.
    if len(payload) > _STORED_BYTES:
        raise DecodeError("too-large", "stored")
    boot, seq = fields.array(cbor.decode(payload), "stored", 2)
    return (
        fields.uint(boot, "stored.boot", fields.MAX_TIME),
        fields.uint(seq, "stored.seq", fields.MAX_TIME),
    )


def encode_challenge(challenge: bytes, life_s: int) -> bytes:
    """A challenge and the seconds that it still lives."""
    return pack(CHALLENGE, challenge + life_s.to_bytes(2, "big"))


def decode_challenge(payload: bytes) -> tuple[bytes, int]:
    """(challenge, seconds to live). Raises DecodeError."""
    if len(payload) != 18:
        raise DecodeError("field", "challenge")
    return payload[:16], int.from_bytes(payload[16:], "big")


def encode_hello(vehicle: str, boot: int, firmware: str) -> bytes:
    """Who is on this bus."""
    return pack(HELLO, cbor.encode([vehicle, boot, firmware]))


def decode_hello(payload: bytes) -> tuple[str, int, str]:
    """(vehicle, boot, firmware version). Raises DecodeError."""
    vehicle, boot, firmware = fields.array(cbor.decode(payload), "hello", 3)
    return (
        fields.identifier(vehicle, "hello.vehicle"),
        fields.uint(boot, "hello.boot", fields.MAX_TIME),
        fields.text(firmware, "hello.firmware", 64),
    )
