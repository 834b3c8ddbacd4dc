"""Roll-ups of telemetry by second, minute and hour, right however late the samples come.

Who stores samples marks their hours as due; a step of the housekeeping computes a due hour again
from the samples themselves, as often as it likes. A row that has seen more samples than are left
stays as it is: old samples are deleted sooner than their roll-ups.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    delete,
    or_,
    select,
    tuple_,
)

from fleet_backend.fleet import engine
from fleet_backend.fleet.rides import Ride
from fleet_backend.fleet.schema import rollups_due, telemetry, telemetry_1h
from fleet_backend.fleet.spans import RESOLUTIONS, SAMPLE, fold

HOUR_S = 3_600
# A clock before 2020 is none; nor is one that is a day ahead of the server's.
EARLIEST = 1_577_836_800
AHEAD_S = 86_400
# After the end of an hour its last samples are on their way.
SETTLE_S = 60
# Of one step.
MAX_HOURS = 50
MAX_SAMPLES = 5_000


def mark(connection: Connection, samples: Iterable[tuple[str, int]], now: int) -> None:
    """(vehicle, time) of what was just stored: their hours are due."""
    latest = now + AHEAD_S
    hours = {
        (vehicle, time - time % HOUR_S) for vehicle, time in samples if EARLIEST <= time <= latest
    }
    engine.batch(connection).mark_due(connection, sorted(hours))


def are_due(connection: Connection, now: int) -> bool:
    """Is there anything for `step` to do?"""
    return (
        connection.execute(select(rollups_due.c.hour).where(_over(now)).limit(1)).first()
        is not None
    )


def step(connection: Connection, now: int, limit: int = MAX_HOURS) -> int:
    """Compute the oldest hours that are due and over; returns how many.

    It ends with the hour that makes `MAX_SAMPLES` full: whoever else writes waits for this
    transaction.
    """
    c = rollups_due.c
    oldest = select(c.hour, c.vehicle).where(_over(now)).order_by(c.hour, c.vehicle)
    done, samples = [], 0
    for hour, vehicle in connection.execute(oldest.limit(limit)).all():
        samples += compute(connection, vehicle, hour)
        done.append((hour, vehicle))
        if samples >= MAX_SAMPLES:
            break
    if done:
        connection.execute(delete(rollups_due).where(tuple_(c.hour, c.vehicle).in_(done)))
    return len(done)


def _over(now: int) -> ColumnElement[bool]:
    return rollups_due.c.hour <= now - HOUR_S - SETTLE_S


def compute(connection: Connection, vehicle: str, hour: int) -> int:
    """The roll-ups of one hour of a vehicle, from its samples; doing it twice changes nothing.

    Returns how many samples there are.
    """
    samples = samples_of(connection, vehicle, hour, hour + HOUR_S - 1)
    batch = engine.batch(connection)
    for resolution in RESOLUTIONS:
        batch.put_spans(connection, resolution.table, fold(resolution, vehicle, samples))
    return len(samples)


def samples_of(connection: Connection, vehicle: str, first: int, last: int) -> Sequence[Row[Any]]:
    """What `spans.fold` reads, with first <= time <= last, in its order."""
    t = telemetry.c
    query = select(*(t[name] for name in SAMPLE)).where(
        t.vehicle == vehicle, t.time.between(first, last)
    )
    return connection.execute(query.order_by(t.time, t.boot, t.seq)).all()


def drop_ride(connection: Connection, ride: Ride) -> int:
    """Delete every span in which samples of the ride may be; what is left of it is due again.

    Found by the numbers of the samples: these may be deleted long since. Returns how many.
    """
    # Hours are kept longest, and there are few of them: they say where to look.
    of_him = select(telemetry_1h.c.time).where(of_ride(telemetry_1h, ride))
    hours = sorted(connection.execute(of_him).scalars())
    dropped = 0
    for hour in hours:
        for resolution in RESOLUTIONS:
            table = resolution.table
            inside = table.c.time.between(hour, hour + HOUR_S - 1)
            gone = delete(table).where(of_ride(table, ride), inside)
            dropped += connection.execute(gone).rowcount
    engine.batch(connection).mark_due(connection, [(ride.vehicle, hour) for hour in hours])
    return dropped


def of_ride(table: Table, ride: Ride) -> ColumnElement[bool]:
    """The spans of a roll-up in which samples of the ride may be, and no other vehicle's."""
    c = table.c
    boot, seq = ride.first
    inside = [
        c.vehicle == ride.vehicle,
        or_(c.last_boot > boot, and_(c.last_boot == boot, c.last_seq >= seq)),
    ]
    if ride.last is not None:
        boot, seq = ride.last
        inside.append(or_(c.first_boot < boot, and_(c.first_boot == boot, c.first_seq <= seq)))
    return and_(*inside)
