"""The judge: may this message become part of history? Pure: bytes, keys and neighbours go in.

A refusal says whether it is authentic, that is, whether statement AND body are the gateway's own.
Only then may it be acknowledged as refused: an acknowledgement makes the gateway forget, and a
body that somebody garbled on the way must not cost the one that the gateway still holds.

A gateway passes on what its bus says. So a record that does not hold costs itself and nothing else:
the statement is accepted, the records beside it count, and it is set aside by name.
"""

import hmac
import zlib
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from fleet_backend.fleet.gateway_keys import Era, Keys
from fleet_backend.ingest import fast, macs, reasons
from fleet_backend.ingest.fast import Sample, StatementParts
from protocol import bodies, cose, keychange, record, statement
from protocol.errors import DecodeError, VerifyError
from protocol.mac import Hmac

MAX_BODY_BYTES = 65_535
MAX_MESSAGE_BYTES = 65_535
FUTURE_S = 120
_LARGEST = (1 << 63) - 1  # what a column of the database holds

Verify = Callable[[bytes, bytes], bool]
VerifyWith = Callable[[bytes, bytes, bytes], bool]  # (key, message, signature)
# The statements of one gateway that are known: seq -> (hash, prev_hash).
Chain = MutableMapping[int, tuple[bytes, bytes]]


class Keyring(NamedTuple):
    """A gateway's keys by number of statement, and how a signature is checked."""

    keys: Keys
    verify: VerifyWith

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


class _RefusalError(Exception):
    """Ends the examination of a message; never leaves this module."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def judge(message: bytes, gateway: str, view: View, now: int) -> Verdict:
    """One message that came by the topic of `gateway`."""
    claim = read(message, gateway)
    return claim if isinstance(claim, Refused) else judge_claim(claim, view, now)


def read(message: bytes, gateway: str) -> Claim | Refused:
    """Decode message and statement. Nothing is verified yet."""
    if len(message) > MAX_MESSAGE_BYTES:
        return Refused(gateway, None, reasons.MESSAGE, "too-large")
    try:
        sign1, salt, packed, release = _split(message)
    except DecodeError as error:
        return Refused(gateway, None, reasons.MESSAGE, str(error))
    try:
        parts = fast.read_statement(sign1, gateway) or _read_statement(sign1, gateway)
    except DecodeError as error:
        return Refused(gateway, None, reasons.STATEMENT, str(error))
    except _RefusalError as error:
        return Refused(gateway, None, error.reason, error.detail)
    return Claim(gateway, sign1, sha256(sign1).digest(), salt, packed, parts, release)


def _split(message: bytes) -> tuple[bytes, bytes, bytes, bytes | None]:
    """(statement, salt, body, None), or of one whose content was given up (.., b"", b"", word)."""
    if message[:1] == b"\x82":
        sign1, release = statement.decode_release(message)
        return sign1, b"", b"", release
    return *(fast.split_message(message) or statement.decode_message(message)), None


def judge_claim(claim: Claim, view: View, now: int) -> Verdict:
    """The rest of the examination. Cheap checks first; the order decides which reason is told."""
    gateway, parts = claim.gateway, claim.parts
    ring = view.gateways.get(gateway)
    if ring is None:
        return Refused(gateway, parts.seq, reasons.UNKNOWN_GATEWAY)
    chain = view.chains.get(gateway, {})
    known = chain.get(parts.seq)
    # The stored statement was verified when it came first, and it is these same bytes.
    if known is not None and known[0] == claim.hash:
        return Duplicate(gateway, parts.seq)
    if not ring.signed(parts.seq, parts.message, parts.signature):
        return _wrong_key(claim, ring)
    if claim.release is not None:
        return _judge_release(claim, claim.release, ring.since(parts.seq), chain, now)
    try:
        body = _inflate(claim.packed)
        if statement.commit(claim.salt, body) != parts.commitment:
            raise _RefusalError(reasons.COMMITMENT)
    except _RefusalError as error:
        return Refused(gateway, parts.seq, error.reason, error.detail)
    # From here on statement and body are the gateway's own word.
    try:
        _check_chain(parts, claim.hash, chain)
        return _open_body(claim, body, view, now)
    except _RefusalError as error:
        return Refused(gateway, parts.seq, error.reason, error.detail, authentic=True)


def _wrong_key(claim: Claim, ring: Keyring) -> Refused:
    """Never authentic, though an old key signed it: whoever stole one must not make the gateway
    forget the statement that it made itself under this number.
    """
    gateway, parts = claim.gateway, claim.parts
    era = ring.replaced(parts.seq, parts.message, parts.signature)
    if era is None:
        return Refused(gateway, parts.seq, reasons.SIGNATURE)
    detail = f"seq {parts.seq}, by the key that signs from {era.first} on and no longer"
    return Refused(gateway, parts.seq, reasons.KEY_REPLACED, detail, replaced=era.key)


def _judge_release(claim: Claim, release: bytes, verify: Verify, chain: Chain, now: int) -> Verdict:
    """The statement without its content. The gateway's own word for it is needed: who merely took
    a body away on the way must not make the gateway forget it.
    """
    gateway, parts = claim.gateway, claim.parts
    try:
        statement.check_release(claim.sign1, release, verify)
    except VerifyError:
        return Refused(gateway, parts.seq, reasons.RELEASE)
    try:
        if parts.kind != statement.RECORDS:
            raise _RefusalError(reasons.RELEASE_KIND, statement.KINDS[parts.kind])
        _check_chain(parts, claim.hash, chain)
    except _RefusalError as error:
        return Refused(gateway, parts.seq, error.reason, error.detail, authentic=True)
    return _accepted(claim, [], [], [], None, now)


def _read_statement(sign1: bytes, gateway: str) -> StatementParts:
    found = statement.decode_unverified(sign1)
    if found.gateway != gateway:
        raise _RefusalError(reasons.WRONG_GATEWAY, f"{found.gateway} on the topic of {gateway}")
    payload, signature = cose.split(sign1, cose.EDDSA, "statement")
    message = cose.sign1_message(cose.EDDSA, statement.AAD, payload)
    return StatementParts(
        found.seq,
        found.prev_hash,
        found.time,
        found.kind,
        found.commitment,
        message,
        signature,
        found.clock,
        found.error_ms,
    )


def _inflate(packed: bytes) -> bytes:
    """At most 65,535 bytes, whatever the stream would grow to (protocol section 7)."""
    stream = zlib.decompressobj()
    try:
        body = stream.decompress(packed, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise _RefusalError(reasons.INFLATE, str(error)[:80]) from error
    if len(body) > MAX_BODY_BYTES:
        raise _RefusalError(reasons.INFLATE, "too-large")
    if not stream.eof or stream.unused_data:
        raise _RefusalError(reasons.INFLATE, "truncated or trailing bytes")
    return body


def _check_chain(parts: StatementParts, own_hash: bytes, chain: Chain) -> None:
    """Does it fit between the neighbours that are known? Order of arrival does not matter."""
    if parts.seq in chain:
        raise _RefusalError(reasons.EQUIVOCATION, f"seq {parts.seq}")
    before = chain.get(parts.seq - 1)
    due = statement.FIRST_PREV_HASH if parts.seq == 0 else before and before[0]
    if due is not None and parts.prev_hash != due:
        raise _RefusalError(
            reasons.BROKEN_CHAIN, f"seq {parts.seq} does not follow {parts.seq - 1}"
        )
    after = chain.get(parts.seq + 1)
    if after is not None and after[1] != own_hash:
        raise _RefusalError(
            reasons.BROKEN_CHAIN, f"seq {parts.seq + 1} does not follow {parts.seq}"
        )


def _open_body(claim: Claim, body: bytes, view: View, now: int) -> Accepted:
    parts = claim.parts
    samples: list[Sample] = []
    records: list[record.Record] = []
    set_aside: list[BadRecord] = []
    event = None
    if parts.kind == statement.RECORDS:
        _open_records(body, claim.gateway, view, samples, records, set_aside)
    elif parts.kind == statement.GATEWAY:
        event = _open_event(body)
    else:
        raise _RefusalError(reasons.KIND, statement.KINDS[parts.kind])
    accepted = _accepted(claim, samples, records, set_aside, event, now)
    if event is not None and event[0] == statement.KEY_CHANGED:
        return accepted._replace(new_key=_open_change(claim, event[1], view))
    return accepted


def _open_change(claim: Claim, text: str, view: View) -> bytes:
    """The new key. Nothing beyond the change may be stored already: it has the old key's signature,
    so somebody besides the gateway's program used that key.
    """
    gateway, parts = claim.gateway, claim.parts
    ring = view.gateways[gateway]
    if view.highest.get(gateway, -1) > parts.seq:
        raise _RefusalError(reasons.KEY_CHANGE, f"statements beyond {parts.seq} are stored")
    place = keychange.Place(gateway, parts.seq, parts.prev_hash)
    try:
        new = keychange.open_change(place, ring.keys.at(parts.seq), text, ring.verify)
    except (DecodeError, VerifyError) as error:
        raise _RefusalError(reasons.KEY_CHANGE, str(error)) from error
    if new in view.taken or new in ring.keys.since(0):
        raise _RefusalError(reasons.KEY_CHANGE, "the key is another's, or was this gateway's")
    return new


def _accepted(
    claim: Claim,
    samples: list[Sample],
    records: list[record.Record],
    set_aside: list[BadRecord],
    event: tuple[int, str] | None,
    now: int,
) -> Accepted:
    parts = claim.parts
    return Accepted(
        claim.gateway,
        parts.seq,
        claim.hash,
        parts.prev_hash,
        parts.time,
        parts.kind,
        claim.sign1,
        claim.salt,
        claim.packed,
        samples,
        records,
        set_aside,
        event,
        parts.time > now + FUTURE_S,
        parts.clock,
        parts.error_ms,
        claim.release is not None,
    )


def _open_event(body: bytes) -> tuple[int, str]:
    try:
        return statement.decode_gateway_event(body)
    except DecodeError as error:
        raise _RefusalError(reasons.BODY, str(error)) from error


def _open_records(
    body: bytes,
    gateway: str,
    view: View,
    samples: list[Sample],
    records: list[record.Record],
    set_aside: list[BadRecord],
) -> None:
    try:
        items = fast.split_records(body) or statement.decode_records(body)
    except DecodeError as error:
        raise _RefusalError(reasons.BODY, str(error)) from error
    for position, item in enumerate(items):
        sample = _fast_sample(item, gateway, view)
        if sample is not None:
            samples.append(sample)
            continue
        try:
            found = _open_record(item, gateway, view)
        except _RefusalError as error:
            set_aside.append(BadRecord(position, item, error.reason, error.detail))
            continue
        if found.kind == record.TELEMETRY:
            samples.append(_sample(found))
        else:
            records.append(found)


def _fast_sample(item: bytes, gateway: str, view: View) -> Sample | None:
    found = fast.read_sample(item)
    known = None if found is None else view.vehicles.get(found.sample.vehicle)
    if found is None or known is None or known.gateway != gateway:
        return None
    tag = macs.of(known.record_key).tag(found.message)
    return found.sample if hmac.compare_digest(tag, found.tag) else None


def _open_record(item: bytes, gateway: str, view: View) -> record.Record:
    try:
        claimed = record.decode_unverified(item)
        known = view.vehicles.get(claimed.vehicle)
        if known is None or known.gateway != gateway:
            raise _RefusalError(reasons.RECORD_VEHICLE, claimed.vehicle)
        found = record.open_record(item, Hmac(known.record_key).matches)
    except DecodeError as error:
        raise _RefusalError(reasons.RECORD, str(error)) from error
    except VerifyError as error:
        where = f"{claimed.vehicle} boot {claimed.boot} seq {claimed.seq}"
        raise _RefusalError(reasons.RECORD_MAC, where) from error
    _check_range(found.vehicle, found.seq, found.body.values())
    return found


def _check_range(vehicle: str, seq: int, values: Iterable[object]) -> None:
    """The wire carries 65 bits of integer, the database 64: refuse by name what does not fit."""
    for value in values:
        if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
            raise _RefusalError(reasons.RECORD_RANGE, f"{vehicle} seq {seq}")


def _sample(found: record.Record) -> Sample:
    values = tuple(found.body.get(key) for key in range(len(bodies.BODIES[record.TELEMETRY])))
    return Sample(found.vehicle, found.boot, found.seq, found.time, values)  # type: ignore[arg-type]
