"""Commands: what a key holder asks of one vehicle, bound to one challenge.

docs/protocol.md section 4.
"""

import hashlib

from protocol import cbor, cose, fields, refusal
from protocol.errors import DecodeError, RefusedError

AAD = b"trifleet/command/v1"

UNLOCK = 1
LOCK = 2
RAISE_GENERATION = 3
REVOKE_GRANT = 4
RAISE_TIME = 5
TRANSFER = 6
# 7 is not used: it stands in vectors as an action that is none.
DEPOSIT_CODES = 8
LIMIT_SPEED = 9
# 10 is not used: its bit stands in vectors as one that no grant carries.
UPDATE = 11
DIAGNOSE = 12
NAMES = {
    UNLOCK: "UNLOCK",
    LOCK: "LOCK",
    RAISE_GENERATION: "RAISE_GENERATION",
    REVOKE_GRANT: "REVOKE_GRANT",
    RAISE_TIME: "RAISE_TIME",
    TRANSFER: "TRANSFER",
    DEPOSIT_CODES: "DEPOSIT_CODES",
    LIMIT_SPEED: "LIMIT_SPEED",
    UPDATE: "UPDATE",
    DIAGNOSE: "DIAGNOSE",
}
# 6 km/h, a walking pace. A limit below it would be a way to stop a vehicle in traffic.
MIN_ZONE_MMPS = 1_700
CHALLENGE_BYTES = 16
ID_BYTES = 16


class Command:
    """A decoded command; nothing in it is verified yet."""

    def __init__(
        self,
        vehicle: str,
        challenge: bytes,
        action: int,
        args: dict[int, object],
        grant_id: bytes,
    ) -> None:
        self.vehicle = vehicle
        self.challenge = challenge
        self.action = action
        self.args = args
        self.grant_id = grant_id


def encode(command: Command) -> bytes:
    """The payload that the holder signs."""
    return cbor.encode(
        {
            0: fields.VERSION,
            1: command.vehicle,
            2: command.challenge,
            3: command.action,
            4: command.args,
            5: command.grant_id,
        }
    )


def decode(payload: bytes) -> Command:
    """Raises DecodeError. Arguments have a refusal code of their own: see `check_args`."""
    value = fields.map_of(cbor.decode(payload), "command", range(6))
    fields.version(value[0], "command.version")
    args = value[4]
    if not isinstance(args, dict):
        raise DecodeError("field", "command.args")
    grant_id = fields.octets(value[5], "command.grant_id")
    if len(grant_id) not in (0, ID_BYTES):
        raise DecodeError("field", "command.grant_id")
    return Command(
        fields.identifier(value[1], "command.vehicle"),
        fields.octets(value[2], "command.challenge", CHALLENGE_BYTES),
        fields.uint(value[3], "command.action", 15),
        args,
        grant_id,
    )


def signed_message(payload: bytes) -> bytes:
    """What the holder's PS256 signature covers."""
    return cose.sign1_message(cose.PS256, AAD, payload)


def command_id(sign1: bytes) -> bytes:
    """The name of a signed command everywhere: 16 bytes."""
    return hashlib.sha256(sign1).digest()[:ID_BYTES]


def check_args(action: int, args: dict[int, object]) -> None:
    """Raises RefusedError: ACTION for an unknown action, ARGUMENT for wrong arguments."""
    if action not in NAMES:
        raise RefusedError(refusal.ACTION)
    try:
        if action in (UNLOCK, LOCK, DEPOSIT_CODES, DIAGNOSE):
            fields.map_of(args, "args", ())
            return
        if action == LIMIT_SPEED:
            _check_limit(args)
            return
        fields.map_of(args, "args", (0,))
        if action == REVOKE_GRANT:
            fields.octets(args[0], "args.0", ID_BYTES)
        elif action in (TRANSFER, UPDATE):
            fields.octets(args[0], "args.0", 32)
        else:
            fields.uint(args[0], "args.0", fields.MAX_TIME)
    except DecodeError:
        raise RefusedError(refusal.ARGUMENT)


def _check_limit(args: dict[int, object]) -> None:
    fields.map_of(args, "args", (0, 1))
    if 0 < fields.uint(args[0], "args.0", fields.MAX_TIME) < MIN_ZONE_MMPS:
        raise DecodeError("field", "args.0")
    fields.uint(args[1], "args.1", fields.MAX_TIME)
