"""The ride that drives as it lies on the flash, so that a reset in motion does not end it.

Its limits, and whether a lock waits: what it may do was checked when it was opened.
"""

from protocol import cbor, fields
from protocol.errors import DecodeError

NONE = b""
MAX_BYTES = 64


def encode(limits: dict[int, int], pending: bool) -> bytes:
    """Of a session with these limits, in which a lock is `pending` or not. Never empty."""
    return cbor.encode([fields.VERSION, limits, pending])


def decode(data: bytes) -> tuple[dict[int, int], bool]:
    """(limits, pending). Raises DecodeError, also for the absence of a session."""
    if not 0 < len(data) <= MAX_BYTES:
        raise DecodeError("field", "session")
    value = fields.array(cbor.decode(data), "session", 3)
    fields.version(value[0], "session.version")
    limits = value[1]
    if not isinstance(limits, dict):
        raise DecodeError("field", "session.limits")
    for key in limits:
        fields.uint(limits[key], "session.limits", fields.MAX_TIME)
    return limits, fields.boolean(value[2], "session.pending")
