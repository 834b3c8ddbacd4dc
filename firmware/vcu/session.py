"""The open ride as it lies on the flash, so that a reset in motion does not end it.

Its limits and nothing else: what it may do was checked when it was opened.
"""

from protocol import cbor, fields
from protocol.errors import DecodeError

NONE = b""
MAX_BYTES = 64


def encode(limits: dict[int, int]) -> bytes:
    """Of a session with these limits. Never empty."""
    return cbor.encode([fields.VERSION, limits])


def decode(data: bytes) -> dict[int, int]:
    """The limits. Raises DecodeError, also for the absence of a session."""
    if not 0 < len(data) <= MAX_BYTES:
        raise DecodeError("field", "session")
    value = fields.array(cbor.decode(data), "session", 2)
    fields.version(value[0], "session.version")
    limits = value[1]
    if not isinstance(limits, dict):
        raise DecodeError("field", "session.limits")
    for key in limits:
        fields.uint(limits[key], "session.limits", fields.MAX_TIME)
    return limits
