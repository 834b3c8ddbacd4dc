"""Finds statements by day and by vehicle, for the operator: where a vehicle was tells where its
riders went. Newest first; a page goes on below the (time, id) where the one before ended."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, Select, exists, select, tuple_, union

from fleet_backend.fleet import records
from fleet_backend.fleet.records import RecordRow
from fleet_backend.fleet.schema import bodies, statements, telemetry
from fleet_backend.fleet.schema import records as records_table

# A vehicle measures once a second: over longer spans only its other records are searched.
MAX_MEASURED_SPAN_S = 2 * 86_400


@dataclass(frozen=True)
class Wanted:
    """What to find: `first` to `last` in seconds since 1970, both included.

    With a vehicle they are the vehicle's own time of a record in the statement, else the time at
    which the gateway signed.
    """

    vehicle: str | None
    first: int
    last: int


@dataclass(frozen=True)
class Found:
    """A statement with the records in it other than telemetry."""

    id: int
    leaf_index: int | None
    statement_hash: bytes
    gateway: str
    gateway_seq: int
    kind: int
    time: int
    server_time: int
    has_body: bool
    records: list[RecordRow]


def find(
    connection: Connection, wanted: Wanted, before: tuple[int, int] | None, limit: int
) -> list[Found]:
    """At most `limit` statements, those below `before` (time, id) where it is given."""
    query = _select()
    if wanted.vehicle is None:
        query = query.where(statements.c.time.between(wanted.first, wanted.last))
    else:
        query = query.where(statements.c.id.in_(_of_vehicle(wanted.vehicle, wanted)))
    place = tuple_(statements.c.time, statements.c.id)
    if before is not None:
        query = query.where(place < before)
    newest_first = query.order_by(statements.c.time.desc(), statements.c.id.desc())
    rows = list(connection.execute(newest_first.limit(limit)))
    inside = _records_of(connection, [row.id for row in rows])
    return [Found(**row._mapping, records=inside.get(row.id, [])) for row in rows]


def _select() -> Select[tuple[int]]:
    s = statements.c
    has_body = exists().where(bodies.c.statement_id == s.id)
    return select(
        s.id, s.leaf_index, s.hash.label("statement_hash"), s.gateway, s.seq.label("gateway_seq"),
        s.kind, s.time, s.server_time, has_body.label("has_body"),
    )  # fmt: skip


def _of_vehicle(vehicle: str, wanted: Wanted) -> Select[tuple[int]]:
    tables = [records_table]
    if wanted.last - wanted.first <= MAX_MEASURED_SPAN_S:
        tables.append(telemetry)
    parts = [
        select(table.c.statement_id).where(
            table.c.vehicle == vehicle, table.c.time.between(wanted.first, wanted.last)
        )
        for table in tables
    ]
    return select(union(*parts).subquery().c.statement_id)


def _records_of(connection: Connection, ids: Iterable[int]) -> dict[int, list[RecordRow]]:
    """Statement id -> its records, oldest first."""
    found: dict[int, list[RecordRow]] = {}
    for statement_id, row in records.of_statements(connection, list(ids)):
        found.setdefault(statement_id, []).append(row)
    return found
