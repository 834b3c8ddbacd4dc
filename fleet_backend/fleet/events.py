"""What the live streams tail: small, numbered upwards, trimmed to the newest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from fleet_backend.fleet.schema import events

VEHICLE = "vehicle"
RECORD = "record"
REFUSAL = "refusal"
COMMAND = "command"
GRANT = "grant"
GAP = "gap"
KEEP = 10_000


@dataclass(frozen=True)
class NewEvent:
    topic: str
    subject: str  # a vehicle, a gateway, or the id of the command or grant in hex
    data: dict[str, Any]


@dataclass(frozen=True)
class Event:
    id: int
    topic: str
    subject: str
    data: dict[str, Any]
    created: int


def append(connection: Connection, news: Sequence[NewEvent], now: int) -> None:
    """Add them in this order."""
    if news:
        rows = [{**vars(item), "created": now} for item in news]
        connection.execute(insert(events), rows)


def since(connection: Connection, after: int, limit: int = 500) -> list[Event]:
    """Events behind number `after`, oldest first."""
    query = select(events).where(events.c.id > after).order_by(events.c.id).limit(limit)
    return [Event(**row._mapping) for row in connection.execute(query)]


def about(connection: Connection, topic: str, subject: str) -> list[Event]:
    """What the table still holds of one subject, oldest first."""
    query = select(events).where(events.c.topic == topic, events.c.subject == subject)
    return [Event(**row._mapping) for row in connection.execute(query.order_by(events.c.id))]


def newest_id(connection: Connection) -> int:
    """The number of the newest event; 0 before the first."""
    return connection.execute(select(func.max(events.c.id))).scalar() or 0


def trim(connection: Connection, keep: int = KEEP) -> None:
    """Drop all but the newest. A number never comes back."""
    connection.execute(delete(events).where(events.c.id <= newest_id(connection) - keep))
