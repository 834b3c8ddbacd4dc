"""Messages that were refused, with the reason: shown to the operator, never dropped silently.

One record that was set aside has a row of its own, with the number of its statement.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from fleet_backend.fleet.schema import quarantine


@dataclass(frozen=True)
class NewMessage:
    gateway: str
    seq: int | None
    topic: str
    reason: str
    detail: str
    authentic: bool
    digest: bytes
    message: bytes


@dataclass(frozen=True)
class Message(NewMessage):
    id: int
    server_time: int


def add(connection: Connection, new: NewMessage, now: int) -> int:
    """Keep it; returns its number."""
    result = connection.execute(insert(quarantine).values(**vars(new), server_time=now))
    (number,) = result.inserted_primary_key or (0,)
    return int(number)


def holds(connection: Connection, gateway: str, digest: bytes) -> bool:
    """Is this very message (SHA-256) of this gateway kept already?"""
    same = (quarantine.c.gateway == gateway) & (quarantine.c.digest == digest)
    return connection.execute(select(quarantine.c.id).where(same).limit(1)).first() is not None


def count_authentic(connection: Connection, gateway: str) -> int:
    """How many that this gateway signed are kept."""
    own = (quarantine.c.gateway == gateway) & quarantine.c.authentic
    return connection.execute(select(func.count()).select_from(quarantine).where(own)).scalar_one()


def newest(connection: Connection, before: int | None = None, limit: int = 50) -> list[Message]:
    """Newest first; those with a number below `before` where it is given."""
    query = select(quarantine).order_by(quarantine.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(quarantine.c.id < before)
    return [Message(**row._mapping) for row in connection.execute(query)]


def trim_unauthentic(connection: Connection, keep: int) -> None:
    """Drop the oldest that nobody signed; what a gateway signed is evidence and stays."""
    forged = quarantine.c.authentic.is_(False)
    newest_ids = select(quarantine.c.id).where(forged).order_by(quarantine.c.id.desc())
    oldest_kept = connection.execute(newest_ids.offset(keep).limit(1)).scalar()
    if oldest_kept is not None:
        connection.execute(delete(quarantine).where(forged, quarantine.c.id <= oldest_kept))


def count_by_reason(connection: Connection) -> dict[str, int]:
    """How many are kept, by reason."""
    query = select(quarantine.c.reason, func.count()).group_by(quarantine.c.reason)
    return {row[0]: row[1] for row in connection.execute(query)}
