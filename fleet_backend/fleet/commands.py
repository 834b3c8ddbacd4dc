"""Commands on their way: a state moves by what the gateway reports and the vehicle records.

Only the vehicle's own record makes a command executed or refused by the vehicle; what arrives late
still counts, because the vehicle knows better than a server that stopped waiting.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from fleet_backend.fleet import checks, lifecycle
from fleet_backend.fleet.errors import ExistsError, UnknownError
from fleet_backend.fleet.schema import commands

QUEUED = "queued"
SENT = "sent"
DELIVERED = "delivered"
EXECUTED = "executed"
PENDING = "pending"
REFUSED = "refused"
EXPIRED = "expired"
STATES = (QUEUED, SENT, DELIVERED, EXECUTED, PENDING, REFUSED, EXPIRED)

SEND = "send"  # given to the broker
DELIVER = "deliver"  # the gateway gave it to the vehicle
EXECUTE = "execute"  # the vehicle's answer: done
PEND = "pend"  # the vehicle's answer: waits for standstill
COMPLETE = "complete"  # the vehicle's record that the pending lock took effect
REFUSE = "refuse"  # the vehicle's refusal, or the gateway could not read it
EXPIRE = "expire"  # its time is over, or the vehicle was silent
EVENTS = (SEND, DELIVER, EXECUTE, PEND, COMPLETE, REFUSE, EXPIRE)

TRANSITIONS = {
    (QUEUED, SEND): SENT,
    (QUEUED, EXPIRE): EXPIRED,
    (SENT, EXPIRE): EXPIRED,
    (DELIVERED, EXPIRE): EXPIRED,
    (QUEUED, DELIVER): DELIVERED,
    (SENT, DELIVER): DELIVERED,
    (QUEUED, EXECUTE): EXECUTED,
    (SENT, EXECUTE): EXECUTED,
    (DELIVERED, EXECUTE): EXECUTED,
    (QUEUED, PEND): PENDING,
    (SENT, PEND): PENDING,
    (DELIVERED, PEND): PENDING,
    (QUEUED, REFUSE): REFUSED,
    (SENT, REFUSE): REFUSED,
    (DELIVERED, REFUSE): REFUSED,
    (PENDING, COMPLETE): EXECUTED,
    # The vehicle's record comes after we stopped waiting: the vehicle is right.
    (EXPIRED, EXECUTE): EXECUTED,
    (EXPIRED, PEND): PENDING,
    (EXPIRED, REFUSE): REFUSED,
    # A copy of a command is refused, because its challenge was spent by the first, and overtakes
    # the answer to the first: what the vehicle says it did, it did, whatever it refused.
    (REFUSED, EXECUTE): EXECUTED,
    (REFUSED, PEND): PENDING,
    # News of the way that the vehicle's own word has overtaken changes nothing.
    (SENT, SEND): SENT,
    (DELIVERED, SEND): DELIVERED,
    (EXECUTED, SEND): EXECUTED,
    (PENDING, SEND): PENDING,
    (REFUSED, SEND): REFUSED,
    (DELIVERED, DELIVER): DELIVERED,
    (EXECUTED, DELIVER): EXECUTED,
    (PENDING, DELIVER): PENDING,
    (REFUSED, DELIVER): REFUSED,
    (EXPIRED, DELIVER): EXPIRED,
    (EXECUTED, EXPIRE): EXECUTED,
    (PENDING, EXPIRE): PENDING,
    (REFUSED, EXPIRE): REFUSED,
    (EXPIRED, EXPIRE): EXPIRED,
}
WAITING = (QUEUED, SENT, DELIVERED)


@dataclass(frozen=True)
class CommandRow:
    id: bytes
    vehicle: str
    action: int
    presentation: bytes
    state: str
    refusal_code: int | None
    outcome: int | None
    created: int
    expires: int
    updated: int
    record_id: int | None


def create(
    connection: Connection,
    command_id: bytes,
    vehicle: str,
    action: int,
    presentation: bytes,
    expires: int,
    now: int,
) -> CommandRow:
    """Queue a command. The same one again gives the same row; raises ExistsError for another."""
    checks.octets(command_id, "command id", 16)
    known = find(connection, command_id)
    if known is not None:
        if (known.vehicle, known.presentation) != (vehicle, presentation):
            raise ExistsError("another command has this id")
        return known
    row = CommandRow(
        command_id, vehicle, action, presentation, QUEUED, None, None, now, expires, now, None
    )
    connection.execute(insert(commands).values(vars(row)))
    return row


def find(connection: Connection, command_id: bytes) -> CommandRow | None:
    """One command, or None."""
    row = connection.execute(select(commands).where(commands.c.id == command_id)).first()
    return None if row is None else _row(row)


def get(connection: Connection, command_id: bytes) -> CommandRow:
    """One command. Raises UnknownError."""
    found = find(connection, command_id)
    if found is None:
        raise UnknownError("no such command")
    return found


def advance(
    connection: Connection,
    command_id: bytes,
    event: str,
    now: int,
    *,
    refusal_code: int | None = None,
    outcome: int | None = None,
    record_id: int | None = None,
) -> CommandRow:
    """One step. Raises LifecycleError where the table has none, UnknownError.

    A step that stays where it is keeps the row as it was.
    """
    row = get(connection, command_id)
    state = lifecycle.step(TRANSITIONS, "command", row.state, event)
    if state == row.state:
        return row
    news = {"refusal_code": refusal_code, "outcome": outcome, "record_id": record_id}
    values: dict[str, Any] = {name: value for name, value in news.items() if value is not None}
    if state != REFUSED:
        values["refusal_code"] = None
    query = update(commands).where(commands.c.id == command_id)
    connection.execute(query.values(state=state, updated=now, **values))
    return get(connection, command_id)


def in_state(connection: Connection, state: str, vehicle: str | None = None) -> list[CommandRow]:
    """Commands in a state, oldest first; of one vehicle where it is given."""
    query = select(commands).where(commands.c.state == state)
    if vehicle is not None:
        query = query.where(commands.c.vehicle == vehicle)
    return [_row(row) for row in connection.execute(query.order_by(commands.c.created))]


def overdue(connection: Connection, now: int) -> list[CommandRow]:
    """Commands that still wait for the vehicle though their time is over."""
    late = commands.c.state.in_(WAITING) & (commands.c.expires < now)
    return [_row(row) for row in connection.execute(select(commands).where(late))]


def _row(row: Row[Any]) -> CommandRow:
    return CommandRow(**row._mapping)
