"""Roll-ups of telemetry by second, minute and hour, right however late the samples come.

Who stores samples marks their hours as due; a step of the housekeeping computes a due hour again
from the samples themselves, as often as it likes. A row that has seen more samples than are left
stays as it is: old samples are deleted sooner than their roll-ups.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Table,
    and_,
    case,
    cast,
    delete,
    func,
    or_,
    select,
    tuple_,
)

from fleet_backend.fleet import engine
from fleet_backend.fleet.rides import Ride
from fleet_backend.fleet.schema import (
    AVERAGED,
    NEWEST,
    POSITION,
    rollups_due,
    telemetry,
    telemetry_1h,
    telemetry_1min,
    telemetry_1s,
)

HOUR_S = 3_600
# A clock before 2020 is none; nor is one that is a day ahead of the server's.
EARLIEST = 1_577_836_800
AHEAD_S = 86_400
# After the end of an hour its last samples are on their way.
SETTLE_S = 60


@dataclass(frozen=True)
class Resolution:
    """Spans of `seconds`; those of one second say where the vehicle was."""

    name: str
    seconds: int
    table: Table

    @property
    def has_position(self) -> bool:
        return self.table is telemetry_1s

    @property
    def newest(self) -> tuple[str, ...]:
        """Columns with the newest value of a span."""
        return (*NEWEST, *POSITION) if self.has_position else NEWEST


RESOLUTIONS = (
    Resolution("1s", 1, telemetry_1s),
    Resolution("1min", 60, telemetry_1min),
    Resolution("1h", HOUR_S, telemetry_1h),
)


def mark(connection: Connection, samples: Iterable[tuple[str, int]], now: int) -> None:
    """(vehicle, time) of what was just stored: their hours are due."""
    latest = now + AHEAD_S
    hours = {
        (time - time % HOUR_S, vehicle) for vehicle, time in samples if EARLIEST <= time <= latest
    }
    engine.batch(connection).mark_due(connection, sorted(hours))


def are_due(connection: Connection, now: int) -> bool:
    """Is there anything for `step` to do?"""
    return (
        connection.execute(select(rollups_due.c.hour).where(_over(now)).limit(1)).first()
        is not None
    )


def step(connection: Connection, now: int, limit: int = 5) -> int:
    """Compute the oldest hours that are due and over; returns how many."""
    c = rollups_due.c
    oldest = select(c.hour, c.vehicle).where(_over(now)).order_by(c.hour, c.vehicle)
    hours = [tuple(row) for row in connection.execute(oldest.limit(limit))]
    for hour, vehicle in hours:
        compute(connection, vehicle, hour)
    done = tuple_(rollups_due.c.hour, rollups_due.c.vehicle).in_(hours)
    if hours:
        connection.execute(delete(rollups_due).where(done))
    return len(hours)


def _over(now: int) -> ColumnElement[bool]:
    return rollups_due.c.hour <= now - HOUR_S - SETTLE_S


def compute(connection: Connection, vehicle: str, hour: int) -> None:
    """The roll-ups of one hour of a vehicle, from its samples; doing it twice changes nothing."""
    for resolution in RESOLUTIONS:
        table = resolution.table
        found = spans(resolution, vehicle, hour, hour + HOUR_S - 1)
        put = engine.upsert(connection, table).from_select(table.columns.keys(), found)
        news = {
            column.name: _newer(column, put.excluded)
            for column in table.columns
            if not column.primary_key
        }
        connection.execute(put.on_conflict_do_update(index_elements=["vehicle", "time"], set_=news))


def _newer(column: Any, found: Any) -> Any:
    """What a row keeps: all of who saw more samples, and the widest places of both."""
    new = found[column.name]
    is_better = found.samples >= column.table.c.samples
    if column.name in ("first_boot", "first_seq"):
        is_better = new < column
    elif column.name in ("last_boot", "last_seq"):
        is_better = new > column
    return case((is_better, new), else_=column)


def spans(resolution: Resolution, vehicle: str, first: int, last: int) -> Select[Any]:
    """Rows of the roll-up, from the samples with first <= time <= last."""
    ranked = _ranked(resolution, vehicle, first, last)
    c = ranked.c
    columns: list[Any] = [
        c.vehicle,
        c.span.label("time"),
        func.count().label("samples"),
        *(
            function(c[name]).label(f"{place}_{name}")
            for place, function in (("first", func.min), ("last", func.max))
            for name in ("boot", "seq")
        ),
    ]
    for name in AVERAGED:
        columns += [
            func.min(c[name]).label(f"{name}_min"),
            func.max(c[name]).label(f"{name}_max"),
            cast(func.round(func.avg(c[name])), BigInteger).label(f"{name}_mean"),
        ]
    for name in resolution.newest:
        columns.append(func.max(case((c[f"rank_{name}"] == 1, c[name]))).label(name))
    return select(*columns).group_by(c.vehicle, c.span)


def _ranked(resolution: Resolution, vehicle: str, first: int, last: int) -> Subquery:
    """The samples, each with its span and its rank among those that say a value, newest first."""
    t = telemetry.c
    span = t.time - t.time % resolution.seconds
    ranks = [
        func.row_number()
        .over(
            partition_by=span,
            order_by=[t[name].is_(None), t.time.desc(), t.boot.desc(), t.seq.desc()],
        )
        .label(f"rank_{name}")
        for name in resolution.newest
        if name != POSITION[1]  # a position is one value of two columns
    ]
    if resolution.has_position:
        ranks.append(ranks[-1].element.label(f"rank_{POSITION[1]}"))
    wanted = [t[name] for name in (*AVERAGED, *resolution.newest)]
    query = select(t.vehicle, t.boot, t.seq, span.label("span"), *wanted, *ranks)
    return query.where(t.vehicle == vehicle, t.time.between(first, last)).subquery()


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
    engine.batch(connection).mark_due(connection, [(hour, ride.vehicle) for hour in hours])
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
