"""What gateways and the backend tell each other over MQTT beside statements.

docs/protocol.md section 10.
"""

from protocol import cbor, fields, presentation, sighting
from protocol.errors import DecodeError

UP_STATEMENT = "up/statement"
UP_CHALLENGE = "up/challenge"
UP_STATUS = "up/status"
UP_COMMAND = "up/command"
UP_SIGHTING = "up/sighting"
UP_RELEASE = "up/release"
DOWN_ACK = "down/ack"
DOWN_COMMAND = "down/command"
DOWN_CHECKPOINT = "down/checkpoint"
DOWN_RELEASE = "down/release"
# Quality of service of what comes down. Who misses an answer asks again, so a broker need not keep
# one; a command is asked for once.
DOWN_QOS = {DOWN_ACK: 0, DOWN_COMMAND: 1, DOWN_CHECKPOINT: 0, DOWN_RELEASE: 0}
MAX_SIZE = 0x7FFFFFFFFFFFFFFF

DELIVERED = 1
EXPIRED = 2
SILENT = 3
MALFORMED = 4
STATUSES = {
    DELIVERED: "DELIVERED",
    EXPIRED: "EXPIRED",
    SILENT: "SILENT",
    MALFORMED: "MALFORMED",
}


def topic(gateway: str, name: str) -> str:
    """The topic of one gateway, such as tf/1/gw-1/up/statement."""
    return f"tf/{fields.VERSION}/{gateway}/{name}"


def challenge_name(vehicle: str) -> str:
    """Where a vehicle's challenge is retained: one topic each, as a gateway may have several."""
    return UP_CHALLENGE + "/" + vehicle


def challenge_vehicle(name: str) -> str | None:
    """The vehicle that up/challenge/<vehicle> names; None for what is no such topic."""
    head, separator, vehicle = name.partition(UP_CHALLENGE + "/")
    if head or not separator:
        return None
    try:
        return fields.identifier(vehicle, "topic.vehicle")
    except DecodeError:
        return None


def encode_challenge(vehicle: str, challenge: bytes, expires: int) -> bytes:
    """The vehicle's current challenge, published ahead."""
    return cbor.encode([fields.VERSION, vehicle, challenge, expires])


def decode_challenge(data: bytes) -> tuple[str, bytes, int]:
    """(vehicle, challenge, expires). Raises DecodeError."""
    value = fields.array(cbor.decode(data), "challenge", 4)
    fields.version(value[0], "challenge.version")
    return (
        fields.identifier(value[1], "challenge.vehicle"),
        fields.octets(value[2], "challenge.challenge", 16),
        fields.uint(value[3], "challenge.expires", fields.MAX_TIME),
    )


def encode_status(online: bool, time: int) -> bytes:
    """Is the gateway connected, and since when?"""
    return cbor.encode([fields.VERSION, online, time])


def decode_status(data: bytes) -> tuple[bool, int]:
    """(online, time). Raises DecodeError."""
    value = fields.array(cbor.decode(data), "status", 3)
    fields.version(value[0], "status.version")
    return (
        fields.boolean(value[1], "status.online"),
        fields.uint(value[2], "status.time", fields.MAX_TIME),
    )


def encode_command_status(command_id: bytes, status: int) -> bytes:
    """What became of a command on its way to the vehicle."""
    return cbor.encode([fields.VERSION, command_id, status])


def decode_command_status(data: bytes) -> tuple[bytes, int]:
    """(command_id, status). Raises DecodeError."""
    value = fields.array(cbor.decode(data), "command-status", 3)
    fields.version(value[0], "command-status.version")
    status = fields.uint(value[2], "command-status.status", MALFORMED)
    return fields.octets(value[1], "command-status.command_id", 16), status


def encode_command(command_id: bytes, vehicle: str, expires: int, data: bytes) -> bytes:
    """A presentation on its way down, with the time after which nobody shall deliver it."""
    return cbor.encode([fields.VERSION, command_id, vehicle, expires, data])


def decode_command(data: bytes) -> tuple[bytes, str, int, bytes]:
    """(command_id, vehicle, expires, presentation). Raises DecodeError."""
    value = fields.array(cbor.decode(data), "command", 5)
    fields.version(value[0], "command.version")
    asked = fields.octets(value[4], "command.presentation")
    presentation.decode(asked)
    return (
        fields.octets(value[1], "command.command_id", 16),
        fields.identifier(value[2], "command.vehicle"),
        fields.uint(value[3], "command.expires", fields.MAX_TIME),
        asked,
    )


def encode_checkpoint(origin: str, note: bytes, old_size: int, proof: list[bytes]) -> bytes:
    """A log's published checkpoint, with the proof that it continues the tree of `old_size`."""
    return cbor.encode([fields.VERSION, origin, note, old_size, proof])


def decode_checkpoint(data: bytes) -> tuple[str, bytes, int, list[bytes]]:
    """(origin, note, old_size, proof), all unverified. Raises DecodeError."""
    value = fields.array(cbor.decode(data), "checkpoint", 5)
    fields.version(value[0], "checkpoint.version")
    note = sighting.note(value[2], "checkpoint.note")
    if not note:
        raise DecodeError("field", "checkpoint.note")
    return (
        sighting.origin(value[1], "checkpoint.origin"),
        note,
        fields.uint(value[3], "checkpoint.old_size", MAX_SIZE),
        sighting.hashes(value[4], "checkpoint.proof"),
    )
