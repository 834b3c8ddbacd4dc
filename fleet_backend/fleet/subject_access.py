"""Everything that the database holds about one rider, table by table, readable.

Bytes are in hex; signed documents stand beside what they say. Nothing about anybody else: where a
statement holds records of others too, `shared` says so and its content is left out.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, or_, select

from fleet_backend.fleet import content as contents
from fleet_backend.fleet import erasures, rollups, streamed
from fleet_backend.fleet.content import Content, inflate
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
)
from fleet_backend.fleet.schema import erasures as erasures_table
from fleet_backend.fleet.spans import RESOLUTIONS
from fleet_backend.fleet.trace import Trace
from protocol import lock, record
from protocol import statement as wire
from protocol.errors import DecodeError

Item = dict[str, Any]


def collect(connection: Connection, trace: Trace) -> dict[str, list[Item]]:
    """Table -> its rows about the rider."""
    own = [name for name in trace.command_ids if name not in trace.mentions]
    named = {item.hex() for item in (*trace.grant_ids, *trace.command_ids)}
    return {
        "riders": _rows(connection, riders, riders.c.thumbprint == trace.thumbprint),
        "grants": _rows(connection, grants, grants.c.holder == trace.thumbprint),
        "commands": sorted(
            _rows(connection, commands, commands.c.id.in_(own)),
            key=lambda row: (row["created"], row["action"]),
        ),
        "rides": [_ride(ride) for ride in trace.rides],
        "records": list(_records(connection, trace, named)),
        "telemetry": _of_rides(connection, telemetry, trace.rides),
        "spans": _spans(connection, trace.rides),
        "statements": list(_statements(connection, trace)),
        "events": [_plain(vars(event)) for event in streamed.of_rider(connection, trace)],
        "quarantine": _quarantine(connection, trace),
        "idempotency": _answers(connection, trace),
        "erasures": _rows(
            connection,
            erasures_table,
            erasures_table.c.rider_hash == erasures.digest(trace.thumbprint),
        ),
    }


def _rows(connection: Connection, table: Table, where: ColumnElement[bool]) -> list[Item]:
    order = list(table.primary_key.columns)
    query = select(table).where(where).order_by(*order)
    return [_item(row) for row in connection.execute(query)]


def _of_rides(connection: Connection, table: Table, rides: Iterable[Ride]) -> list[Item]:
    inside = [ride.rows(table) for ride in rides]
    return _rows(connection, table, or_(*inside)) if inside else []


def _spans(connection: Connection, rides: Iterable[Ride]) -> list[Item]:
    """Spans in which any of his samples may be; those of a second alone say where he was.

    A span at the edge of a ride holds samples from before or after it as well: it is shown where it
    lies within the ride alone.
    """
    return [
        {"step": one.name, **row}
        for one in RESOLUTIONS
        for ride in rides
        for row in _rows(connection, one.table, rollups.of_ride(one.table, ride))
        if ride.holds(ride.vehicle, (row["first_boot"], row["first_seq"]))
        and ride.holds(ride.vehicle, (row["last_boot"], row["last_seq"]))
    ]


def _records(connection: Connection, trace: Trace, named: set[str]) -> Iterator[Item]:
    """What the vehicles recorded while they were his, and their answers to him."""
    others = (record.ANSWER, record.REFUSAL)
    for row in connection.execute(select(records).order_by(records.c.id)):
        his = bool(named & {row.body.get("grant_id"), row.body.get("command_id")})
        ridden = any(ride.holds(row.vehicle, (row.boot, row.seq)) for ride in trace.rides)
        if his or (ridden and row.kind not in others):
            yield {**_item(row), "kind_name": record.KINDS[row.kind]}


def _statements(connection: Connection, trace: Trace) -> Iterator[Item]:
    """The statements that speak of him, with salt and body where it is his alone."""
    content = contents.of(trace)
    query = select(statements, bodies.c.salt, bodies.c.body).join(
        bodies, bodies.c.statement_id == statements.c.id
    )
    for row in connection.execute(query.order_by(statements.c.id)):
        body = inflate(row.body)
        if body is None or not content.speaks_of_him(body):
            continue
        item = _item(row)
        item["shared"] = _tells_of_others(body, content)
        if item["shared"]:
            del item["salt"], item["body"]
        else:
            item["body"] = body.hex()
        yield item


def _tells_of_others(body: bytes, content: Content) -> bool:
    """Would showing it tell where somebody else was, or what somebody else asked for?

    Faults, health and a locked vehicle's place are nobody's secret; when a ride of somebody else
    began or ended is.
    """
    try:
        items = wire.decode_records(body)
    except DecodeError:
        return False  # a grant: his
    return any(_is_of_others(item, content) for item in items)


def _is_of_others(item: bytes, content: Content) -> bool:
    try:
        entry = record.decode_unverified(item)
    except DecodeError:
        return not content.names_him(item)
    if entry.kind in (record.ANSWER, record.REFUSAL):
        return not content.names_him(item)
    if entry.kind in (record.LOCK, record.EGRESS):
        return not content.speaks_of_him(item)
    if entry.kind != record.TELEMETRY or entry.named().get("state") == lock.LOCKED:
        return False
    return not content.speaks_of_him(item)


def _quarantine(connection: Connection, trace: Trace) -> list[Item]:
    """Refused messages that speak of him, without their bytes: others may be in them."""
    content = contents.of(trace)
    kept = connection.execute(select(quarantine).order_by(quarantine.c.id))
    return [
        {name: value for name, value in _item(row).items() if name != "message"}
        for row in kept
        if content.in_message(row.message)
    ]


def _answers(connection: Connection, trace: Trace) -> list[Item]:
    names = (trace.thumbprint.hex(), *trace.requests, *(one.hex() for one in trace.command_ids))
    wanted = [name.encode() for name in names]
    kept = connection.execute(select(idempotency).order_by(idempotency.c.key))
    return [_text(row) for row in kept if any(name in row.answer for name in wanted)]


def _text(row: Row[Any]) -> Item:
    return {**_item(row), "answer": row.answer.decode(errors="replace")}


def _ride(ride: Ride) -> Item:
    return {"vehicle": ride.vehicle, "first": ride.first, "last": ride.last}


def _item(row: Row[Any]) -> Item:
    return _plain(dict(row._mapping))


def _plain(values: dict[str, Any]) -> Item:
    return {
        name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()
    }
