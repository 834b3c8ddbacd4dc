"""Rides as the vehicle's own records bound them: from the answer to an unlock until it is locked.

Order is by (boot, seq), never by a clock. Two who unlocked a vehicle before it was locked again
both have that ride.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, or_, select

from fleet_backend.fleet.schema import records
from protocol import command, lock
from protocol import record as wire

Place = tuple[int, int]  # (boot, seq)


@dataclass(frozen=True)
class Ride:
    """From `first` to `last`, both included; `last` is None while the vehicle is not locked."""

    vehicle: str
    first: Place
    last: Place | None

    def holds(self, vehicle: str, place: Place) -> bool:
        """Is this record of the vehicle part of the ride?"""
        if vehicle != self.vehicle or place < self.first:
            return False
        return self.last is None or place <= self.last

    def rows(self, table: Table) -> ColumnElement[bool]:
        """The rows of `records` or `telemetry` that the ride made."""
        inside = [table.c.vehicle == self.vehicle, _from(table, self.first)]
        if self.last is not None:
            boot, seq = self.last
            upto = and_(table.c.boot == boot, table.c.seq <= seq)
            inside.append(or_(table.c.boot < boot, upto))
        return and_(*inside)


def of_answers(
    connection: Connection, named: Callable[[str], bool], *where: ColumnElement[bool]
) -> list[Ride]:
    """The rides that began with an unlock by a grant, command or code that `named` knows."""
    found: list[Ride] = []
    for row in connection.execute(_places().where(records.c.kind == wire.ANSWER, *where)):
        body = row.body
        if not named(body["grant_id"]) and not named(body["command_id"]):
            continue
        if body["action"] == command.UNLOCK and body["outcome"] == wire.DONE:
            ride = _around(connection, row.vehicle, (row.boot, row.seq))
            if ride not in found:
                found.append(ride)
    return found


def ended(connection: Connection, ride: Ride) -> Ride:
    """The ride with its end, where the vehicle has told it since."""
    if ride.last is not None:
        return ride
    return Ride(ride.vehicle, ride.first, _end(connection, ride.vehicle, ride.first))


def _around(connection: Connection, vehicle: str, answer: Place) -> Ride:
    first = answer
    for place, body in _locks(connection, vehicle, _before(answer), newest=True):
        # The change of state is recorded just before the answer to the command that caused it.
        if body["previous"] == lock.LOCKED and body["state"] != lock.LOCKED:
            first = place
        break
    return Ride(vehicle, first, _end(connection, vehicle, answer))


def _end(connection: Connection, vehicle: str, after: Place) -> Place | None:
    for place, body in _locks(connection, vehicle, _from(records, after), newest=False):
        if body["state"] == lock.LOCKED:
            return place
    return None


def _locks(
    connection: Connection, vehicle: str, where: ColumnElement[bool], *, newest: bool
) -> Iterator[tuple[Place, dict[str, Any]]]:
    own = _places().where(records.c.vehicle == vehicle, records.c.kind == wire.LOCK, where)
    order = (records.c.boot, records.c.seq)
    rows = own.order_by(*(column.desc() for column in order)) if newest else own.order_by(*order)
    for row in connection.execute(rows):
        yield (row.boot, row.seq), row.body


def _from(table: Table, place: Place) -> ColumnElement[bool]:
    boot, seq = place
    return or_(table.c.boot > boot, and_(table.c.boot == boot, table.c.seq >= seq))


def _before(place: Place) -> ColumnElement[bool]:
    boot, seq = place
    earlier = and_(records.c.boot == boot, records.c.seq < seq)
    return or_(records.c.boot < boot, earlier)


def _places() -> Any:
    return select(records.c.vehicle, records.c.boot, records.c.seq, records.c.body)
