"""What the vehicle keeps of grants with codes, for the time when no phone is there to show them.

A deposit stays until its grant has ended, even when its codes are used up: given back then, they
would open a second time. Nobody's deposits outlive a change of the owner.
"""

from protocol import cbor, codes, fields, grant
from protocol.errors import DecodeError

MAX_DEPOSITS = 4
MAX_BYTES = 1_024
MAX_WRONG = 255
OWNER_BYTES = 16
_LIMITS = (grant.MAX_SPEED_MMPS, grant.MAX_GRANT_S)


class Deposit:
    """One grant: `ids` are those of its chain, its own last; `hashes` are its unused codes."""

    def __init__(self, value: list) -> None:  # type: ignore[type-arg]
        (
            self.ids,
            self.salt,
            self.not_before,
            self.not_after,
            self.generation,
            self.actions,
            self.limits,
            self.hashes,
        ) = value

    def as_list(self) -> list[object]:
        return [
            self.ids,
            self.salt,
            self.not_before,
            self.not_after,
            self.generation,
            self.actions,
            self.limits,
            self.hashes,
        ]

    def grant_id(self) -> bytes:
        out: bytes = self.ids[-1]
        return out


class Deposits:
    """`wrong` counts wrong codes since the last right one."""

    def __init__(self, owner: bytes, wrong: int = 0, items: list[Deposit] | None = None) -> None:
        self.owner = owner[:OWNER_BYTES]
        self.wrong = wrong
        self.items = items or []

    def holds(self, grant_id: bytes) -> bool:
        return any(item.grant_id() == grant_id for item in self.items)


def of_grant(chain: list[grant.Grant]) -> Deposit:
    """What is kept of the last grant of a chain that was verified; it has codes."""
    last = chain[-1]
    return Deposit(
        [
            [link.grant_id for link in chain],
            codes.salt_for(last.vehicle, last.holder, last.codes[0]),
            last.not_before,
            last.not_after,
            last.generation,
            last.actions,
            last.limits,
            last.codes[1:],
        ]
    )


def encode_deposits(deposits: Deposits) -> bytes:
    """For the file `state`; at most 1,024 bytes."""
    items = [item.as_list() for item in deposits.items]
    return cbor.encode([fields.VERSION, deposits.owner, deposits.wrong, items])


def decode_deposits(data: bytes, owner: bytes) -> Deposits:
    """Of this owner: another one's are dropped. Empty bytes are none. Raises DecodeError."""
    if not data:
        return Deposits(owner)
    if len(data) > MAX_BYTES:
        raise DecodeError("too-large", "deposits")
    value = fields.array(cbor.decode(data), "deposits", 4)
    fields.version(value[0], "deposits.version")
    kept_for = fields.octets(value[1], "deposits.owner", OWNER_BYTES)
    wrong = fields.uint(value[2], "deposits.wrong", MAX_WRONG)
    items = [_decode(item) for item in fields.array(value[3], "deposits.items")]
    if len(items) > MAX_DEPOSITS:
        raise DecodeError("field", "deposits.items")
    ids = [item.grant_id() for item in items]
    if len(set(ids)) != len(ids):
        raise DecodeError("field", "deposits.items")
    return Deposits(owner, wrong, items if kept_for == owner[:OWNER_BYTES] else None)


def _decode(value: object) -> Deposit:
    item = Deposit(fields.array(value, "deposit", 8))
    if not 1 <= len(fields.array(item.ids, "deposit.ids")) <= grant.MAX_CHAIN:
        raise DecodeError("field", "deposit.ids")
    for one in item.ids:
        fields.octets(one, "deposit.ids", 16)
    fields.octets(item.salt, "deposit.salt", codes.ITEM_BYTES)
    fields.uint(item.not_before, "deposit.not_before", fields.MAX_TIME)
    if fields.uint(item.not_after, "deposit.not_after", fields.MAX_TIME) <= item.not_before:
        raise DecodeError("field", "deposit.not_after")
    fields.uint(item.generation, "deposit.generation", fields.MAX_TIME)
    if not grant.may_have_codes(fields.uint(item.actions, "deposit.actions", 0xFFFF)):
        raise DecodeError("field", "deposit.actions")
    fields.map_of(item.limits, "deposit.limits", _LIMITS, optional=True)
    for key in item.limits:
        fields.uint(item.limits[key], "deposit.limits", fields.MAX_TIME)
    _check_hashes(item.hashes)
    return item


def _check_hashes(value: object) -> None:
    hashes = fields.array(value, "deposit.hashes")
    if len(hashes) > codes.MOST:
        raise DecodeError("field", "deposit.hashes")
    for i in range(len(hashes)):
        if fields.octets(hashes[i], "deposit.hashes", codes.ITEM_BYTES) in hashes[:i]:
            raise DecodeError("field", "deposit.hashes")
