"""Keeps what was refused, with its reason, within bounds; says which may be acknowledged.

Refused is a message as a whole, or one record of a statement that was accepted.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection

from fleet_backend.fleet import events, quarantine
from fleet_backend.fleet.events import NewEvent
from fleet_backend.ingest import reasons
from fleet_backend.ingest.acceptance import MAX_MESSAGE_BYTES
from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.limits import QuarantineLimits, RateLimit
from fleet_backend.ingest.verdicts import Accepted, BadRecord, Refused
from protocol import courier

_LOG = logging.getLogger("fleet_backend.ingest")


@dataclass(frozen=True)
class Kept:
    """Authentic refusals that are durable once the transaction is, and how many were left out."""

    refused: list[Refused]
    dropped: int


def keep(
    connection: Connection,
    refusals: Sequence[tuple[Message, Refused]],
    limits: QuarantineLimits,
    rate: RateLimit,
    now: int,
) -> Kept:
    """Put them into quarantine. The same bytes again are kept once."""
    durable: list[Refused] = []
    dropped = 0
    for message, refused in refusals:
        digest = sha256(message.payload).digest()
        kept = quarantine.holds(connection, message.gateway, digest)
        if not kept and _has_room(connection, refused, limits, rate):
            _add(connection, message, refused, digest, limits, now)
            kept = True
        dropped += not kept
        if kept and refused.authentic:
            durable.append(refused)
    return Kept(durable, dropped)


def keep_whole(
    connection: Connection, message: Message, refused: Refused, rate: RateLimit, now: int
) -> bool:
    """Put one into quarantine as it came; False where its gateway has no room left."""
    digest = sha256(message.payload).digest()
    if quarantine.holds(connection, message.gateway, digest):
        return True
    if not rate.take(message.gateway):
        return False
    topic = courier.topic(message.gateway, message.name)
    _put(connection, refused, topic, digest, message.payload[: MAX_MESSAGE_BYTES + 1], now)
    return True


def set_aside(
    connection: Connection,
    accepted: Sequence[Accepted],
    limits: QuarantineLimits,
    rate: RateLimit,
    now: int,
) -> int:
    """Keep the bad records of accepted statements, each by itself; returns how many were left out.

    `rate` is the records' own: a flood of them must not cost a refused statement its place, for
    without a place that one is not acknowledged.
    """
    dropped = 0
    for statement in accepted:
        for bad in statement.set_aside:
            if rate.take(statement.gateway):
                _add_record(connection, statement, bad, limits, now)
            else:
                dropped += 1
    return dropped


def _add_record(
    connection: Connection, statement: Accepted, bad: BadRecord, limits: QuarantineLimits, now: int
) -> None:
    refused = Refused(
        statement.gateway, statement.seq, bad.reason, f"record {bad.position}: {bad.detail}"
    )
    # The name of its place, so that no message's own digest is ever taken for kept.
    digest = sha256(statement.hash + bytes((bad.position,)) + bad.data).digest()
    topic = courier.topic(statement.gateway, courier.UP_STATEMENT)
    _put(connection, refused, topic, digest, bad.data[: limits.forged_bytes], now)


def _has_room(
    connection: Connection, refused: Refused, limits: QuarantineLimits, rate: RateLimit
) -> bool:
    if refused.authentic:
        held = quarantine.count_authentic(connection, refused.gateway)
        if held >= limits.authentic_kept:
            return False
    return rate.take(refused.gateway)


def _add(
    connection: Connection,
    message: Message,
    refused: Refused,
    digest: bytes,
    limits: QuarantineLimits,
    now: int,
) -> None:
    topic = courier.topic(message.gateway, message.name)
    # Evidence is kept whole; what anybody may have sent, only in part.
    payload = message.payload if refused.authentic else message.payload[: limits.forged_bytes]
    _put(connection, refused, topic, digest, payload, now)


def _put(
    connection: Connection, refused: Refused, topic: str, digest: bytes, payload: bytes, now: int
) -> None:
    """One row, and the event that tells of it."""
    new = quarantine.NewMessage(
        refused.gateway,
        refused.seq,
        topic,
        refused.reason,
        refused.detail,
        refused.authentic,
        digest,
        payload,
    )
    number = quarantine.add(connection, new, now)
    said = {"topic": topic, "reason": refused.reason, "detail": refused.detail}
    _LOG.warning("a message is refused", extra=said)
    data = {
        "source": "quarantine",
        "id": number,
        "gateway": refused.gateway,
        "gateway_seq": refused.seq,
        "reason": refused.reason,
        "text": reasons.TEXTS[refused.reason],
        "detail": refused.detail,
        "authentic": refused.authentic,
        "server_time": now,
    }
    events.append(connection, [NewEvent(events.REFUSAL, refused.gateway, data)], now)
