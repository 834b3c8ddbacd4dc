"""Takes one rider out of the database: bodies and salts, decoded rows, requests, events.

Steps, each of which may be repeated: `begin` writes down what to look for; `sweep` goes through the
bodies in pieces; `clear` drops the rows. The statements stay, and with them every proof. What a
gateway delivers afterwards is dropped by `late`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    delete,
    func,
    select,
    update,
)

from fleet_backend.fleet import content as contents
from fleet_backend.fleet import erasures, rollups, streamed, trace
from fleet_backend.fleet.content import Content, inflate
from fleet_backend.fleet.erasures import Erasure
from fleet_backend.fleet.errors import ValueRefusedError
from fleet_backend.fleet.rides import Ride
from fleet_backend.fleet.schema import (
    bodies,
    commands,
    grants,
    idempotency,
    quarantine,
    records,
    riders,
    statements,
    telemetry,
    vehicles,
)
from fleet_backend.fleet.trace import Trace
from protocol import record as wire

SWEEP_BODIES = 500
# What a ride leaves beside its answers; faults and health are the vehicle's and have no place.
RIDE_KINDS = (wire.LOCK, wire.EGRESS)
NAMED_KINDS = (wire.ANSWER, wire.REFUSAL)
_PIECE = 500  # parameters of one query

Counts = Counter[str]


def begin(connection: Connection, thumbprint: bytes, now: int, swept: int = 0) -> Erasure:
    """Write down that the rider is being erased, and everything to look for.

    Called again at the end, with the newest statement of the first time: what he did meanwhile is
    in statements behind that one alone. Raises ValueRefusedError for the key of an owner: vehicles
    obey it.
    """
    owned = select(vehicles.c.id).where(vehicles.c.owner_thumbprint == thumbprint)
    names = connection.execute(owned).scalars().all()
    if names:
        raise ValueRefusedError(f"this key owns {', '.join(names)}: transfer the ownership first")
    return erasures.begin(connection, trace.find(connection, thumbprint), now, swept)


def newest_statement(connection: Connection) -> int:
    """The number of the newest one; 0 before the first."""
    return connection.execute(select(func.max(statements.c.id))).scalar() or 0


def open_rides(erasure: Erasure) -> list[Ride]:
    """Rides of which no end is known."""
    return [ride for ride in erasure.rides if ride.last is None]


def sweep(connection: Connection, erasure: Erasure, counts: Counts) -> bool:
    """Look through the next bodies and delete his; False when there are no more."""
    his = _trace(erasure)
    content = contents.of(his)
    rows = connection.execute(
        select(bodies.c.statement_id, bodies.c.body)
        .where(bodies.c.statement_id > _swept(connection, erasure))
        .order_by(bodies.c.statement_id)
        .limit(SWEEP_BODIES)
    ).all()
    found = []
    for row in rows:
        body = inflate(row.body)
        if body is None or not content.speaks_of_him(body):
            continue
        found.append(row.statement_id)
        counts["bodies that held records of others as well"] += not content.only_of_him(body)
    counts["bodies and salts of statements"] += delete_bodies(connection, found)
    if rows:
        erasures.note_swept(connection, erasure.id, rows[-1].statement_id)
    return bool(rows)


def clear(connection: Connection, erasure: Erasure, counts: Counts) -> None:
    """Drop every decoded row of the rider, in one transaction."""
    his = _trace(erasure)
    content = contents.of(his)
    counts["commands"] += _delete_named(connection, commands, commands.c.id, _own(his))
    for piece in _pieces(his.mentions):
        emptied = update(commands).where(commands.c.id.in_(piece)).values(presentation=b"")
        counts["presentations of others that named him"] += connection.execute(emptied).rowcount
    counts["grants and requests for them"] += connection.execute(
        delete(grants).where(grants.c.holder == his.thumbprint)
    ).rowcount
    counts["events"] += streamed.forget(connection, streamed.of_rider(connection, his))
    drop_measured(connection, his.rides, counts)
    named = {item.hex() for item in (*his.grant_ids, *his.command_ids)}
    drop_answers(connection, lambda name: name in named, counts)
    counts["refused messages"] += drop_quarantine(connection, content)
    counts["answers kept for repeated requests"] += drop_answers_given(connection, his)
    counts["riders"] += connection.execute(
        delete(riders).where(riders.c.thumbprint == his.thumbprint)
    ).rowcount


def _trace(erasure: Erasure) -> Trace:
    assert erasure.trace is not None, "an erasure that is finished knows nobody"
    return erasure.trace


def _swept(connection: Connection, erasure: Erasure) -> int:
    found = erasures.find(connection, _trace(erasure).thumbprint)
    return 0 if found is None else found.swept


def _own(his: Trace) -> list[bytes]:
    return [name for name in his.command_ids if name not in his.mentions]


def drop_measured(connection: Connection, of: Iterable[Ride], counts: Counts) -> None:
    """Samples and spans of the rides, the records that bound them, and the bodies of both."""
    kept = _held_by_commands()
    for ride in of:
        samples = ride.rows(telemetry)
        single = [ride.rows(records), records.c.kind.in_(RIDE_KINDS)]
        counts["spans of telemetry"] += rollups.drop_ride(connection, ride)
        found = {
            *connection.execute(select(telemetry.c.statement_id).where(samples)).scalars(),
            *connection.execute(select(records.c.statement_id).where(*single)).scalars(),
        }
        counts["bodies and salts of statements"] += delete_bodies(connection, list(found))
        counts["telemetry samples"] += connection.execute(delete(telemetry).where(samples)).rowcount
        counts["records"] += connection.execute(
            delete(records).where(*single, records.c.id.not_in(kept))
        ).rowcount


def drop_answers(
    connection: Connection,
    named: Callable[[str], bool],
    counts: Counts,
    *where: ColumnElement[bool],
) -> None:
    """Answers and refusals to his commands, wherever they are, and their bodies."""
    found, origins = [], set()
    answers = select(records.c.id, records.c.statement_id, records.c.body)
    for row in connection.execute(answers.where(records.c.kind.in_(NAMED_KINDS), *where)):
        if any(named(row.body.get(name) or "") for name in ("grant_id", "command_id")):
            found.append(row.id)
            origins.add(row.statement_id)
    counts["bodies and salts of statements"] += delete_bodies(connection, list(origins))
    for piece in _pieces(found):
        # Commands of others are never answered in his name, but nothing may break if they were.
        freed = update(commands).where(commands.c.record_id.in_(piece)).values(record_id=None)
        connection.execute(freed)
    counts["records"] += _delete_named(connection, records, records.c.id, found)


def _held_by_commands() -> Select[Any]:
    """Records that a command of somebody else was answered by: the end of his ride, say."""
    return select(commands.c.record_id).where(commands.c.record_id.is_not(None))


def drop_quarantine(connection: Connection, content: Content) -> int:
    """Refused messages that speak of him."""
    kept = connection.execute(select(quarantine.c.id, quarantine.c.message))
    found = [row.id for row in kept if content.in_message(row.message)]
    return _delete_named(connection, quarantine, quarantine.c.id, found)


def drop_answers_given(connection: Connection, his: Trace) -> int:
    """Each answer of the API names what it was about in its JSON."""
    names = (his.thumbprint.hex(), *his.requests, *(item.hex() for item in his.command_ids))
    wanted = [name.encode() for name in names]
    found = [
        row.key
        for row in connection.execute(select(idempotency.c.key, idempotency.c.answer))
        if any(name in row.answer for name in wanted)
    ]
    return _delete_named(connection, idempotency, idempotency.c.key, found)


def delete_bodies(connection: Connection, ids: Sequence[int]) -> int:
    """Salt and content of these statements."""
    return _delete_named(connection, bodies, bodies.c.statement_id, ids)


def _delete_named(
    connection: Connection, table: Table, column: Column[Any], names: Sequence[Any]
) -> int:
    deleted = 0
    for piece in _pieces(names):
        deleted += connection.execute(delete(table).where(column.in_(piece))).rowcount
    return deleted


def _pieces(names: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for at in range(0, len(names), _PIECE):
        yield names[at : at + _PIECE]
