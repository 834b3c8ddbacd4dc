"""Grants: who may do what with one vehicle, from when to when (docs/protocol.md section 3).

A grant that carries DELEGATE is a delegation; what is granted below it may only be narrower.
"""

from protocol import cbor, codes, command, cose, fields
from protocol.errors import DecodeError

AAD = b"trifleet/grant/v1"
MAX_CHAIN = 3
DELEGATE = 0x8000
# TRANSFER is missing on purpose: only the owner's own signature moves ownership.
GRANTABLE = (
    1 << (command.UNLOCK - 1)
    | 1 << (command.LOCK - 1)
    | 1 << (command.RAISE_GENERATION - 1)
    | 1 << (command.REVOKE_GRANT - 1)
    | 1 << (command.RAISE_TIME - 1)
    | 1 << (command.DEPOSIT_CODES - 1)
    | 1 << (command.LIMIT_SPEED - 1)
    | 1 << (command.UPDATE - 1)
    | 1 << (command.DIAGNOSE - 1)
    | DELEGATE
)
# A code opens one ride: a grant with codes carries these two actions, and never DELEGATE.
CODE_ACTIONS = 1 << (command.UNLOCK - 1) | 1 << (command.DEPOSIT_CODES - 1)
MAX_SPEED_MMPS = 0
MAX_GRANT_S = 1
# 9 stays unused: it stands in vectors as a key that is none.
_CODES = 10
_KEYS_WITH_CODES = (0, 1, 2, 3, 4, 5, 6, 7, 8, _CODES)


class Grant:
    """A decoded grant; nothing in it is verified yet."""

    def __init__(
        self,
        vehicle: str,
        holder: bytes,
        actions: int,
        not_before: int,
        not_after: int,
        generation: int,
        grant_id: bytes,
        limits: dict[int, int],
        codes: list[bytes] | None = None,
    ) -> None:
        self.vehicle = vehicle
        self.holder = holder
        self.actions = actions
        self.not_before = not_before
        self.not_after = not_after
        self.generation = generation
        self.grant_id = grant_id
        self.limits = limits
        self.codes = codes or []

    def allows(self, action: int) -> bool:
        """May the holder give this command?"""
        return action > 0 and bool(self.actions >> (action - 1) & 1)


def encode(grant: Grant) -> bytes:
    """The payload that the owner or a delegate signs."""
    value = {
        0: fields.VERSION,
        1: grant.vehicle,
        2: grant.holder,
        3: grant.actions,
        4: grant.not_before,
        5: grant.not_after,
        6: grant.generation,
        7: grant.grant_id,
        8: grant.limits,
    }
    if grant.codes:
        value[_CODES] = grant.codes
    return cbor.encode(value)


def decode(payload: bytes) -> Grant:
    """Raises DecodeError."""
    value = cbor.decode(payload)
    with_codes = isinstance(value, dict) and _CODES in value
    value = fields.map_of(value, "grant", _KEYS_WITH_CODES if with_codes else range(9))
    fields.version(value[0], "grant.version")
    actions = fields.uint(value[3], "grant.actions", 0xFFFF)
    if actions & ~GRANTABLE:
        raise DecodeError("field", "grant.actions")
    not_before = fields.uint(value[4], "grant.not_before", fields.MAX_TIME)
    not_after = fields.uint(value[5], "grant.not_after", fields.MAX_TIME)
    if not_after <= not_before:
        raise DecodeError("field", "grant.not_after")
    limits = fields.map_of(value[8], "grant.limits", (MAX_SPEED_MMPS, MAX_GRANT_S), optional=True)
    for key in limits:
        fields.uint(limits[key], f"grant.limits.{key}", fields.MAX_TIME)
    return Grant(
        fields.identifier(value[1], "grant.vehicle"),
        fields.octets(value[2], "grant.holder", 32),
        actions,
        not_before,
        not_after,
        fields.uint(value[6], "grant.generation", fields.MAX_TIME),
        fields.octets(value[7], "grant.grant_id", command.ID_BYTES),
        limits,
        _decode_codes(value[_CODES], actions) if with_codes else None,
    )


def may_have_codes(actions: int) -> bool:
    """May a grant of these actions carry codes?"""
    return actions & (CODE_ACTIONS | DELEGATE) == CODE_ACTIONS


def _decode_codes(value: object, actions: int) -> list[bytes]:
    if not may_have_codes(actions):
        raise DecodeError("field", "grant.codes")
    return codes.decode(value, "grant.codes")


def signed_message(payload: bytes) -> bytes:
    """What the PS256 signature of a grant covers."""
    return cose.sign1_message(cose.PS256, AAD, payload)


def is_narrower(child: Grant, parent: Grant) -> bool:
    """Does `child` give nothing that `parent`, which must carry DELEGATE, does not give?

    Codes need no line: they come with an action, which the parent must carry, too.
    """
    return (
        bool(parent.actions & DELEGATE)
        and child.vehicle == parent.vehicle
        and child.generation == parent.generation
        and not child.actions & ~parent.actions
        and child.not_before >= parent.not_before
        and child.not_after <= parent.not_after
        and child.not_after - child.not_before <= parent.limits.get(MAX_GRANT_S, fields.MAX_TIME)
        and _limits_kept(child.limits, parent.limits)
    )


def _limits_kept(child: dict[int, int], parent: dict[int, int]) -> bool:
    return all(key in child and child[key] <= parent[key] for key in parent)
