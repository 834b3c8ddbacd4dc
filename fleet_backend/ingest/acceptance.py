"""The judge: may this message become part of history? Pure: bytes, keys and neighbours go in.

A refusal says whether it is authentic, that is, whether statement AND body are the gateway's own.
Only then may it be acknowledged as refused: an acknowledgement makes the gateway forget, and a
body that somebody garbled on the way must not cost the one that the gateway still holds.
"""

from hashlib import sha256

from fleet_backend.ingest import contents, fast, reasons
from fleet_backend.ingest.fast import Sample, StatementParts
from fleet_backend.ingest.verdicts import (
    Accepted,
    BadRecord,
    Chain,
    Claim,
    Duplicate,
    Keyring,
    RefusalError,
    Refused,
    Verdict,
    View,
)
from protocol import cose, keychange, record, statement
from protocol.errors import DecodeError, VerifyError

MAX_MESSAGE_BYTES = 65_535
FUTURE_S = 120


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
    except RefusalError as error:
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
        return _judge_release(claim, claim.release, ring, chain, now)
    try:
        body = contents.inflate(claim.packed)
        if statement.commit(claim.salt, body) != parts.commitment:
            raise RefusalError(reasons.COMMITMENT)
    except RefusalError as error:
        return Refused(gateway, parts.seq, error.reason, error.detail)
    # From here on statement and body are the gateway's own word.
    try:
        _check_kind(parts, ring)
        _check_chain(parts, claim.hash, chain)
        return _open_body(claim, body, view, now)
    except RefusalError as error:
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


def _judge_release(claim: Claim, release: bytes, ring: Keyring, chain: Chain, now: int) -> Verdict:
    """The statement without its content. The gateway's own word for it is needed: who merely took
    a body away on the way must not make the gateway forget it.
    """
    gateway, parts = claim.gateway, claim.parts
    try:
        statement.check_release(claim.sign1, release, ring.since(parts.seq))
    except VerifyError:
        return Refused(gateway, parts.seq, reasons.RELEASE)
    try:
        if parts.kind != statement.RECORDS:
            raise RefusalError(reasons.RELEASE_KIND, statement.KINDS[parts.kind])
        _check_kind(parts, ring)
        _check_chain(parts, claim.hash, chain)
    except RefusalError as error:
        return Refused(gateway, parts.seq, error.reason, error.detail, authentic=True)
    return _accepted(claim, [], [], [], None, now)


def _read_statement(sign1: bytes, gateway: str) -> StatementParts:
    found = statement.decode_unverified(sign1)
    if found.gateway != gateway:
        raise RefusalError(reasons.WRONG_GATEWAY, f"{found.gateway} on the topic of {gateway}")
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


def _check_kind(parts: StatementParts, ring: Keyring) -> None:
    """A gateway has no word in what a workshop did, nor a notary in what a vehicle recorded."""
    if parts.kind not in ring.makes:
        raise RefusalError(reasons.KIND, statement.KINDS[parts.kind])


def _check_chain(parts: StatementParts, own_hash: bytes, chain: Chain) -> None:
    """Does it fit between the neighbours that are known? Order of arrival does not matter."""
    if parts.seq in chain:
        raise RefusalError(reasons.EQUIVOCATION, f"seq {parts.seq}")
    before = chain.get(parts.seq - 1)
    due = statement.FIRST_PREV_HASH if parts.seq == 0 else before and before[0]
    if due is not None and parts.prev_hash != due:
        raise RefusalError(reasons.BROKEN_CHAIN, f"seq {parts.seq} does not follow {parts.seq - 1}")
    after = chain.get(parts.seq + 1)
    if after is not None and after[1] != own_hash:
        raise RefusalError(reasons.BROKEN_CHAIN, f"seq {parts.seq + 1} does not follow {parts.seq}")


def _open_body(claim: Claim, body: bytes, view: View, now: int) -> Accepted:
    parts = claim.parts
    samples: list[Sample] = []
    records: list[record.Record] = []
    set_aside: list[BadRecord] = []
    event = None
    order = None
    if parts.kind == statement.RECORDS:
        contents.open_records(body, claim.gateway, view, samples, records, set_aside)
    elif parts.kind == statement.GATEWAY:
        event = contents.open_event(body)
    elif parts.kind == statement.RELEASE:
        contents.check_release_head(body)
    else:
        order = contents.open_work_order(body)
    accepted = _accepted(claim, samples, records, set_aside, event, now)
    if order is not None:
        return accepted._replace(work_order=order)
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
        raise RefusalError(reasons.KEY_CHANGE, f"statements beyond {parts.seq} are stored")
    place = keychange.Place(gateway, parts.seq, parts.prev_hash)
    try:
        new = keychange.open_change(place, ring.keys.at(parts.seq), text, ring.verify)
    except (DecodeError, VerifyError) as error:
        raise RefusalError(reasons.KEY_CHANGE, str(error)) from error
    if new in view.taken or new in ring.keys.since(0):
        raise RefusalError(reasons.KEY_CHANGE, "the key is another's, or was this gateway's")
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
