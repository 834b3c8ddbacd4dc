"""Requests for enrolment on their way between the API and the registrar: opaque, bounded, brief.

WAITING --answer--> ANSWERED --a day--> OVER, WAITING --refuse--> OVER. The same request that comes
again is the same row; one that is over begins anew, and the registrar decides again.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from fleet_backend.fleet.errors import LifecycleError, UnknownError
from fleet_backend.fleet.schema import enrolments

WAITING = "waiting"
ANSWERED = "answered"
OVER = "over"

ANSWER_S = 86_400  # how long an answer lies there for whoever asked
ROW_S = 30 * 86_400  # and how long it can be told that there was one


@dataclass(frozen=True)
class Enrolment:
    """`answer` where it is ANSWERED, `reason` where it was refused."""

    id: str
    state: str
    request: bytes
    answer: bytes | None
    reason: str | None


def name_of(request: bytes) -> str:
    """32 hexadecimal digits, which nobody guesses who has not the request."""
    return hashlib.sha256(request).hexdigest()[:32]


def ask(connection: Connection, request: bytes, now: int) -> Enrolment:
    """Queue a request, or find what became of the very same one."""
    name = name_of(request)
    known = find(connection, name)
    if known is not None and known.state != OVER:
        return known
    row = {"state": WAITING, "request": request, "answer": None, "reason": None, "updated": now}
    if known is None:
        connection.execute(insert(enrolments).values(id=name, created=now, **row))
    else:
        connection.execute(update(enrolments).where(enrolments.c.id == name).values(**row))
    return get(connection, name)


def find(connection: Connection, name: str) -> Enrolment | None:
    """One request, or None."""
    row = connection.execute(select(enrolments).where(enrolments.c.id == name)).first()
    return None if row is None else _enrolment(row)


def get(connection: Connection, name: str) -> Enrolment:
    """One request. Raises UnknownError."""
    found = find(connection, name)
    if found is None:
        raise UnknownError("no such enrolment")
    return found


def waiting(connection: Connection, limit: int) -> list[Enrolment]:
    """Requests without an answer, oldest first."""
    query = select(enrolments).where(enrolments.c.state == WAITING)
    ordered = query.order_by(enrolments.c.updated, enrolments.c.id).limit(limit)
    return [_enrolment(row) for row in connection.execute(ordered)]


def count_waiting(connection: Connection) -> int:
    """How many there are without an answer."""
    query = select(func.count()).where(enrolments.c.state == WAITING)
    return int(connection.execute(query).scalar_one())


def answer(connection: Connection, name: str, sealed: bytes, now: int) -> None:
    """Raises UnknownError, LifecycleError."""
    _end(connection, name, {"state": ANSWERED, "answer": sealed}, now)


def refuse(connection: Connection, name: str, reason: str, now: int) -> None:
    """Raises UnknownError, LifecycleError."""
    _end(connection, name, {"state": OVER, "reason": reason, "request": b""}, now)


def sweep(connection: Connection, now: int) -> None:
    """Empty what was answered a day ago, forget what ended a month ago."""
    old = (enrolments.c.state == ANSWERED) & (enrolments.c.updated < now - ANSWER_S)
    emptied = {"state": OVER, "request": b"", "answer": None, "updated": now}
    connection.execute(update(enrolments).where(old).values(**emptied))
    gone = (enrolments.c.state == OVER) & (enrolments.c.updated < now - ROW_S)
    connection.execute(delete(enrolments).where(gone))


def _end(connection: Connection, name: str, values: dict[str, object], now: int) -> None:
    known = get(connection, name)
    if known.state != WAITING:
        raise LifecycleError("enrolment", known.state, str(values["state"]))
    where = enrolments.c.id == name
    connection.execute(update(enrolments).where(where).values(**values, updated=now))


def _enrolment(row: object) -> Enrolment:
    values = row._asdict()  # type: ignore[attr-defined]
    return Enrolment(*(values[name] for name in Enrolment.__dataclass_fields__))
