"""Answers that were given, by the key that the client chose: the same request is done once."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from fleet_backend.fleet.schema import idempotency


@dataclass(frozen=True)
class Answer:
    key: str
    route: str
    request_hash: bytes
    status: int
    answer: bytes


def find(connection: Connection, key: str) -> Answer | None:
    """What was answered under this key, or None. The caller compares route and request."""
    columns = [idempotency.c[name] for name in Answer.__dataclass_fields__]
    row = connection.execute(select(*columns).where(idempotency.c.key == key)).first()
    return None if row is None else Answer(**row._mapping)


def keep(connection: Connection, answer: Answer, now: int) -> None:
    """Remember an answer, in the transaction that had the effect."""
    connection.execute(insert(idempotency).values(**vars(answer), created=now))


def forget(connection: Connection, before: int) -> None:
    """Drop what was answered before that time."""
    connection.execute(delete(idempotency).where(idempotency.c.created < before))
