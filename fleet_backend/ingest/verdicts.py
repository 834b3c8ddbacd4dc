"""What the judge is told, reads and says: values alone, no rule."""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fleet_backend.fleet.gateway_keys import Era, Keys
from fleet_backend.ingest.fast import Sample, StatementParts
from protocol import record, statement
from protocol.workorder import WorkOrder

Verify = Callable[[bytes, bytes], bool]
VerifyWith = Callable[[bytes, bytes, bytes], bool]  # (key, message, signature)
# The statements of one gateway that are known: seq -> (hash, prev_hash).
Chain = MutableMapping[int, tuple[bytes, bytes]]


class Keyring(NamedTuple):
    """A gateway's keys by number of statement, how a signature is checked, and which kinds of
    statements it may make."""

    keys: Keys
    verify: VerifyWith
    makes: tuple[int, ...] = statement.GATEWAYS_MAKE

    def signed(self, seq: int, message: bytes, signature: bytes) -> bool:
        """Is it by the key that signs statement `seq`?"""
        return self.verify(self.keys.at(seq), message, signature)

    def replaced(self, seq: int, message: bytes, signature: bytes) -> Era | None:
        """The era whose key signed it though it was over before `seq`."""
        over = (one for one in self.keys.before(seq) if self.verify(one.key, message, signature))
        return next(over, None)

    def since(self, seq: int) -> Verify:
        """By that key or a later one: what the gateway says of a statement after it made it."""
        known = self.keys.since(seq)
        return lambda message, signature: any(self.verify(key, message, signature) for key in known)


class KnownVehicle(NamedTuple):
    gateway: str
    record_key: bytes


@dataclass(frozen=True)
class View:
    """What the judge is told: the registered keys, and the neighbours that are stored."""

    gateways: MutableMapping[str, Keyring]
    vehicles: Mapping[str, KnownVehicle]
    chains: MutableMapping[str, Chain] = field(default_factory=dict)
    # The highest number that is stored, of gateways that may be about to change their key.
    highest: MutableMapping[str, int] = field(default_factory=dict)
    # Every key that any gateway has or had.
    taken: frozenset[bytes] = frozenset()

    def note(self, accepted: "Accepted") -> None:
        """Make an accepted statement a neighbour of those that follow it."""
        chain = self.chains.setdefault(accepted.gateway, {})
        chain[accepted.seq] = (accepted.hash, accepted.prev_hash)
        name, seq = accepted.gateway, accepted.seq
        self.highest[name] = max(seq, self.highest.get(name, -1))
        if accepted.new_key is not None:
            ring = self.gateways[name]
            keys = ring.keys.after_change(seq, accepted.new_key)
            self.gateways[name] = ring._replace(keys=keys)


class Claim(NamedTuple):
    """A message that was read; nothing in it is verified."""

    gateway: str
    sign1: bytes
    hash: bytes
    salt: bytes
    packed: bytes
    parts: StatementParts
    # The gateway's word that it gave the content up; then there is no salt and no body.
    release: bytes | None = None


class BadRecord(NamedTuple):
    """A record that counts for nothing. Bytes of anybody's; `position` in the body, from 0."""

    position: int
    data: bytes
    reason: str
    detail: str


class Accepted(NamedTuple):
    """The gateway's own word, whole: all of it holds but the records in `set_aside`."""

    gateway: str
    seq: int
    hash: bytes
    prev_hash: bytes
    time: int
    kind: int
    statement: bytes
    salt: bytes
    packed: bytes
    samples: list[Sample]
    records: list[record.Record]
    set_aside: list[BadRecord]
    event: tuple[int, str] | None
    future: bool
    # Where `time` comes from and how far it may be off; None in statements of version 1.
    clock: int | None = None
    error_ms: int | None = None
    # The gateway gave salt and body up for room: there is nothing to keep of them.
    released: bool = False
    # What signs every later statement of the gateway.
    new_key: bytes | None = None
    work_order: WorkOrder | None = None


class Duplicate(NamedTuple):
    """This very statement is stored: acknowledge it once more."""

    gateway: str
    seq: int


class Refused(NamedTuple):
    """`reason` is from `reasons`; `seq` only where the statement could be read."""

    gateway: str
    seq: int | None
    reason: str
    detail: str = ""
    authentic: bool = False
    # A key of the gateway that was over before this statement, and signed it all the same.
    replaced: bytes = b""


Verdict = Accepted | Duplicate | Refused


class RefusalError(Exception):
    """Ends the examination of a message; never leaves the judge."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
