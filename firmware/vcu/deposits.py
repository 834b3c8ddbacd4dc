"""What the vehicle keeps of grants with codes, for the time when no phone is there to show them.

A deposit stays until its grant has ended, even when its codes are used up: given back then, they
would open a second time. Nobody's deposits outlive a change of the owner.
"""

from protocol import codes, grant
from protocol.errors import DecodeError

MAX_DEPOSITS = 4
MAX_WRONG = 255
OWNER_BYTES = 16

# Fields at fixed places: CBOR of the same took 15 ms of the vehicle's time to read.
_VERSION = 1
_HEAD = 18  # version, wrong, owner
# number of ids, 3 ids, salt, not_before, not_after, generation, actions, limits, number of hashes,
# 4 hashes. What is not used is zero.
_ITEM = 153
_ID = 16
MAX_BYTES = _HEAD + MAX_DEPOSITS * _ITEM


class Deposit:
    """One grant: `ids` are those of its chain, its own last; `hashes` are its unused codes."""

    def __init__(
        self,
        ids: list[bytes],
        salt: bytes,
        not_before: int,
        not_after: int,
        generation: int,
        actions: int,
        limits: dict[int, int],
        hashes: list[bytes],
    ) -> None:
        self.ids = ids
        self.salt = salt
        self.not_before = not_before
        self.not_after = not_after
        self.generation = generation
        self.actions = actions
        self.limits = limits
        self.hashes = hashes

    def grant_id(self) -> bytes:
        return self.ids[-1]


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
        [link.grant_id for link in chain],
        codes.salt_for(last.vehicle, last.holder, last.codes[0]),
        last.not_before,
        last.not_after,
        last.generation,
        last.actions,
        last.limits,
        last.codes[1:],
    )


def encode_deposits(deposits: Deposits) -> bytes:
    """For the file `state`; at most MAX_BYTES."""
    out = bytearray((_VERSION, deposits.wrong))
    out.extend(deposits.owner)
    for item in deposits.items:
        _put_list(out, item.ids, grant.MAX_CHAIN)
        out.extend(item.salt)
        for number in (item.not_before, item.not_after, item.generation):
            out.extend(number.to_bytes(4, "big"))
        out.extend(item.actions.to_bytes(2, "big"))
        _put_limits(out, item.limits)
        _put_list(out, item.hashes, codes.MOST)
    return bytes(out)


def _put_list(out: bytearray, items: list[bytes], most: int) -> None:
    out.append(len(items))
    for item in items:
        out.extend(item)
    out.extend(bytes((most - len(items)) * _ID))


def _put_limits(out: bytearray, limits: dict[int, int]) -> None:
    # One bit a limit says whether it is there: a limit of 0 is another thing than none.
    present = 0
    for key in limits:
        present |= 1 << key
    out.append(present)
    for key in (grant.MAX_SPEED_MMPS, grant.MAX_GRANT_S):
        out.extend(limits.get(key, 0).to_bytes(4, "big"))


def decode_deposits(data: bytes, owner: bytes) -> Deposits:
    """Of this owner: another one's are dropped. Empty bytes are none. Raises DecodeError."""
    if not data:
        return Deposits(owner)
    count = (len(data) - _HEAD) // _ITEM
    if count > MAX_DEPOSITS or len(data) != _HEAD + count * _ITEM or data[0] != _VERSION:
        raise DecodeError("field", "deposits")
    items = [_decode(data, _HEAD + i * _ITEM) for i in range(count)]
    _require_distinct([item.grant_id() for item in items])
    kept = data[2:_HEAD] == owner[:OWNER_BYTES]
    return Deposits(owner, data[1], items if kept else None)


def _decode(data: bytes, at: int) -> Deposit:
    item = Deposit(
        _take_list(data, at, grant.MAX_CHAIN),
        data[at + 49 : at + 65],
        _number(data, at + 65, 4),
        _number(data, at + 69, 4),
        _number(data, at + 73, 4),
        _number(data, at + 77, 2),
        _take_limits(data, at + 79),
        _take_list(data, at + 88, codes.MOST),
    )
    _require(item.ids and item.not_after > item.not_before)
    _require(grant.may_have_codes(item.actions) and not item.actions & ~grant.GRANTABLE)
    _require_distinct(item.hashes)
    return item


def _take_list(data: bytes, at: int, most: int) -> list[bytes]:
    count = data[at]
    _require(count <= most)
    out = [data[at + 1 + i * _ID : at + 1 + (i + 1) * _ID] for i in range(count)]
    rest = data[at + 1 + count * _ID : at + 1 + most * _ID]
    _require(rest == bytes(len(rest)))
    return out


def _take_limits(data: bytes, at: int) -> dict[int, int]:
    present = data[at]
    _require(present <= 3)
    out = {}
    for key in (grant.MAX_SPEED_MMPS, grant.MAX_GRANT_S):
        value = _number(data, at + 1 + 4 * key, 4)
        if present >> key & 1:
            out[key] = value
        else:
            _require(value == 0)
    return out


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")


def _require_distinct(items: list[bytes]) -> None:
    _require(len(set(items)) == len(items))


def _require(holds: object) -> None:
    if not holds:
        raise DecodeError("field", "deposits")
