"""Records of the vehicles other than telemetry: what happened, newest first, and refusals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select

from fleet_backend.fleet.errors import UnknownError
from fleet_backend.fleet.schema import records, statements
from protocol import lock, refusal
from protocol import record as wire


@dataclass(frozen=True)
class RecordRow:
    """A record with the place of its statement. Byte strings of the body are in hex."""

    id: int
    vehicle: str
    boot: int
    seq: int
    kind: int
    uptime_ms: int
    time: int
    server_time: int
    body: dict[str, Any]
    statement_hash: bytes
    gateway: str
    gateway_seq: int
    leaf_index: int | None

    @property
    def kind_name(self) -> str:
        return wire.KINDS[self.kind]

    def as_item(self) -> dict[str, Any]:
        """As the API and the streams show it."""
        item = {name: value for name, value in vars(self).items() if name != "uptime_ms"}
        item["kind_name"] = self.kind_name
        item["statement_hash"] = self.statement_hash.hex()
        return item


def body_as_json(record: wire.Record) -> dict[str, Any]:
    """The record's body by names, bytes in hex."""
    return {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in record.named().items()
    }


def add(
    connection: Connection, record: wire.Record, statement_id: int, now: int
) -> RecordRow | None:
    """Keep a record; None where it is stored already, from this statement or another."""
    named = (records.c.vehicle == record.vehicle) & (records.c.boot == record.boot)
    query = select(records.c.id).where(named, records.c.seq == record.seq)
    if connection.execute(query).first() is not None:
        return None
    result = connection.execute(
        insert(records).values(
            vehicle=record.vehicle,
            boot=record.boot,
            seq=record.seq,
            statement_id=statement_id,
            kind=record.kind,
            uptime_ms=record.uptime_ms,
            time=record.time,
            server_time=now,
            body=body_as_json(record),
        )
    )
    (record_id,) = result.inserted_primary_key or (0,)
    return get(connection, record_id)


def locked_after(connection: Connection, vehicle: str, boot: int, seq: int) -> RecordRow | None:
    """A record behind (boot, seq) that says that the vehicle was locked, or None."""
    later = (records.c.boot > boot) | ((records.c.boot == boot) & (records.c.seq > seq))
    query = _select().where(records.c.vehicle == vehicle, records.c.kind == wire.LOCK, later)
    for row in connection.execute(query.order_by(records.c.boot, records.c.seq)):
        if row.body["state"] == lock.LOCKED:
            return _row(row)
    return None


def get(connection: Connection, record_id: int) -> RecordRow:
    """One record. Raises UnknownError."""
    row = connection.execute(_select().where(records.c.id == record_id)).first()
    if row is None:
        raise UnknownError(f"no record {record_id}")
    return _row(row)


def of_vehicle(
    connection: Connection, vehicle: str, before: int | None = None, limit: int = 50
) -> list[RecordRow]:
    """A vehicle's records, newest first; those with an id below `before` where it is given."""
    return _page(connection, _select().where(records.c.vehicle == vehicle), before, limit)


def of_statements(connection: Connection, ids: Sequence[int]) -> list[tuple[int, RecordRow]]:
    """(statement id, record) of the records in these statements, in the order of the vehicles."""
    place = records.c.statement_id.label("of_statement")
    query = _select().add_columns(place).where(records.c.statement_id.in_(ids))
    rows = connection.execute(query.order_by(records.c.id))
    named = [dict(row._mapping) for row in rows]
    return [(row.pop("of_statement"), RecordRow(**row)) for row in named]


def refusals(
    connection: Connection, before: int | None = None, limit: int = 50, vehicle: str | None = None
) -> list[RecordRow]:
    """What vehicles refused, newest first; of one vehicle where it is given."""
    query = _select().where(records.c.kind == wire.REFUSAL)
    if vehicle is not None:
        query = query.where(records.c.vehicle == vehicle)
    return _page(connection, query, before, limit)


def refusal_name(code: int) -> str:
    """The protocol's name of a refusal code; UNKNOWN for one that is not in its table."""
    return refusal.NAMES.get(code, "UNKNOWN")


def _page(
    connection: Connection, query: Select[Any], before: int | None, limit: int
) -> list[RecordRow]:
    if before is not None:
        query = query.where(records.c.id < before)
    return [
        _row(row) for row in connection.execute(query.order_by(records.c.id.desc()).limit(limit))
    ]


def _select() -> Select[Any]:
    own = [column for column in records.c if column.name != "statement_id"]
    place = (
        statements.c.hash.label("statement_hash"),
        statements.c.gateway,
        statements.c.seq.label("gateway_seq"),
        statements.c.leaf_index,
    )
    return select(*own, *place).join(statements, statements.c.id == records.c.statement_id)


def _row(row: Row[Any]) -> RecordRow:
    return RecordRow(**row._mapping)
