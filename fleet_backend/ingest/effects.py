"""What a vehicle's record does to the commands, and what the operator and the streams hear of it.

Each record is applied once: one that is stored already does nothing.
"""

import logging
from typing import Any

from sqlalchemy import Connection

from fleet_backend.fleet import commands, events, records, releases
from fleet_backend.fleet.commands import CommandRow
from fleet_backend.fleet.errors import LifecycleError
from fleet_backend.fleet.events import NewEvent
from fleet_backend.fleet.records import RecordRow
from fleet_backend.ingest import reasons
from protocol import command as wire_command
from protocol import lock, record, statement

_LOG = logging.getLogger("fleet_backend.ingest")


def apply_record(connection: Connection, entry: record.Record, statement_id: int, now: int) -> None:
    """Keep a record that is not telemetry, and let it take effect."""
    row = records.add(connection, entry, statement_id, now)
    if row is None:
        return
    events.append(connection, [NewEvent(events.RECORD, row.vehicle, row.as_item())], now)
    if row.kind == record.ANSWER:
        _answered(connection, row, now)
    elif row.kind == record.REFUSAL:
        _refused(connection, row, now)
    elif row.kind == record.LOCK and row.body["state"] == lock.LOCKED:
        _locked(connection, row, now)
    elif row.kind == record.UPDATE:
        releases.recorded(connection, row.vehicle, row.body, (row.boot, row.seq), now)


_FOR_THE_OPERATOR = (
    statement.RECORDS_REFUSED,
    statement.LOG_DISAGREES,
    statement.THINNED,
    statement.CLOCK_JUMPED,
    statement.KEY_CHANGED,
)


def report_gateway(connection: Connection, gateway: str, event: tuple[int, str], now: int) -> None:
    """A gateway that refuses records or a checkpoint, gave samples up for room, whose clock jumped
    or whose key is another one, is something for the operator.
    """
    number, text = event
    if number == statement.KEY_CHANGED:
        text = f"its statements have another key from now on, {text[:16]}..."
    _LOG.info("a gateway reports an event", extra={"gateway": gateway, "number": number})
    if number in _FOR_THE_OPERATOR:
        data = {"source": "gateway", "gateway": gateway, "text": text, "server_time": now}
        events.append(connection, [NewEvent(events.REFUSAL, gateway, data)], now)


def _answered(connection: Connection, row: RecordRow, now: int) -> None:
    outcome = row.body["outcome"]
    event = commands.EXECUTE if outcome == record.DONE else commands.PEND
    moved = _advance(connection, row, event, now, outcome=outcome, record_id=row.id)
    if moved is None or moved.state != commands.PENDING or moved.action != wire_command.LOCK:
        return
    # Statements overtake each other: the lock may have been reported before its answer.
    later = records.locked_after(connection, row.vehicle, row.boot, row.seq)
    if later is not None:
        advance(connection, moved.id, commands.COMPLETE, now, record_id=later.id)


def _refused(connection: Connection, row: RecordRow, now: int) -> None:
    code = row.body["code"]
    data = {"source": "vehicle", **row.as_item(), "code": code, "name": records.refusal_name(code)}
    events.append(connection, [NewEvent(events.REFUSAL, row.vehicle, data)], now)
    _advance(connection, row, commands.REFUSE, now, refusal_code=code, record_id=row.id)


def _locked(connection: Connection, row: RecordRow, now: int) -> None:
    """The vehicle is locked: the LOCK commands that waited for standstill took effect."""
    for waiting in commands.in_state(connection, commands.PENDING, row.vehicle):
        if waiting.action != wire_command.LOCK or waiting.record_id is None:
            continue
        answer = records.get(connection, waiting.record_id)
        if (answer.boot, answer.seq) < (row.boot, row.seq):
            advance(connection, waiting.id, commands.COMPLETE, now, record_id=row.id)


def _advance(
    connection: Connection, row: RecordRow, event: str, now: int, **news: Any
) -> CommandRow | None:
    """Move the command that the record names, if it came through us and is this vehicle's."""
    found = commands.find(connection, bytes.fromhex(row.body["command_id"]))
    if found is None or found.vehicle != row.vehicle:
        return None
    return advance(connection, found.id, event, now, **news)


def advance(
    connection: Connection, command_id: bytes, event: str, now: int, **news: Any
) -> CommandRow | None:
    """One step, told to the streams. None, and a refusal to look at, where it contradicts."""
    before = commands.get(connection, command_id)
    try:
        after = commands.advance(connection, command_id, event, now, **news)
    except LifecycleError as error:
        _LOG.warning("command %s: %s", command_id.hex(), error)
        data = {
            "source": "ingest",
            "vehicle": before.vehicle,
            "reason": reasons.CONTRADICTION,
            "text": reasons.TEXTS[reasons.CONTRADICTION],
            "detail": str(error),
            "server_time": now,
        }
        events.append(connection, [NewEvent(events.REFUSAL, before.vehicle, data)], now)
        return None
    if after != before:
        events.append(connection, [NewEvent(events.COMMAND, command_id.hex(), _shown(after))], now)
    return after


def _shown(row: CommandRow) -> dict[str, Any]:
    return {
        "id": row.id.hex(),
        "vehicle": row.vehicle,
        "action": row.action,
        "state": row.state,
        "refusal_code": row.refusal_code,
        "updated": row.updated,
    }
