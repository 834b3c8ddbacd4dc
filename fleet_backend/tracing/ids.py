"""Names in a trace, derived from the command: no message carries them, every program knows them.

MQTT 3.1.1 has no place for a trace context and the protocol has none either. SHA-256 with a domain
of its own: whoever sees a trace does not learn the command's id, which is the key to a ride.
"""

import hashlib

ACCEPT = "command.accept"  # API: the request, until the command is stored
PUBLISH = "command.publish"  # API: given to the broker, until the broker has it
DELIVER = "command.deliver"  # gateway: received, until the vehicle has it
ANSWER = "command.answer"  # ingest: the vehicle's record, until it is stored
COMPLETE = "command.complete"  # API: from the request until riders are told

# Each step under the one that led to it.
PARENTS = {ACCEPT: None, PUBLISH: ACCEPT, DELIVER: PUBLISH, ANSWER: DELIVER, COMPLETE: ACCEPT}

_TRACE = b"trifleet/trace/v1"
_SPAN = b"trifleet/span/v1"


def trace_id(command_id: bytes) -> int:
    """128 bits, never 0."""
    return int.from_bytes(hashlib.sha256(_TRACE + command_id).digest()[:16], "big") or 1


def span_id(command_id: bytes, step: str) -> int:
    """64 bits, never 0."""
    data = _SPAN + step.encode() + b"\0" + command_id
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big") or 1
