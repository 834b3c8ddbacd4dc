"""Time series of a vehicle: samples as they came, or spans of a second, a minute or an hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, func, select

from fleet_backend.fleet.errors import ValueRefusedError
from fleet_backend.fleet.rollups import HOUR_S, samples_of
from fleet_backend.fleet.schema import AVERAGED, rollups_due, telemetry
from fleet_backend.fleet.spans import RESOLUTIONS, Resolution, fold

COLUMNS = ("speed_mmps", "soc_permille", "pack_mv", "odometer_m")
RAW = "raw"
STEPS = (RAW, *(one.name for one in RESOLUTIONS))
# So many hours that are not rolled up yet are computed on the spot.
MAX_DUE_HOURS = 48


@dataclass(frozen=True)
class Series:
    """Columns of equal length, in the order of time; None where nothing fresh was measured.

    `time` is when a sample was made, or when a span of `step_s` seconds began; `step_s` is 0 for
    samples. A column of spans is the mean, with `_min` and `_max` beside it, or the newest value.
    """

    time: list[int]
    columns: dict[str, list[int | None]]
    step_s: int = 0


def step_for(connection: Connection, vehicle: str, first: int, last: int, points: int) -> str:
    """The finest step that gives at most so many points; the coarsest where none does.

    A range is as long as it is asked for, whatever there is in it; samples are counted.
    """
    inside = (telemetry.c.vehicle == vehicle) & telemetry.c.time.between(first, last)
    some = select(telemetry.c.time).where(inside).limit(points + 1).subquery()
    if connection.execute(select(func.count()).select_from(some)).scalar_one() <= points:
        return RAW
    fitting = [one.name for one in RESOLUTIONS if (last - first + 1) / one.seconds <= points]
    return fitting[0] if fitting else RESOLUTIONS[-1].name


def series(
    connection: Connection,
    vehicle: str,
    first: int,
    last: int,
    names: Sequence[str] = COLUMNS,
    limit: int = 100_000,
) -> Series:
    """Samples with first <= time <= last, by the vehicle's own time; at most the newest `limit`."""
    wanted = [telemetry.c[name] for name in names]
    query = (
        select(telemetry.c.time, *wanted)
        .where(telemetry.c.vehicle == vehicle, telemetry.c.time.between(first, last))
        .order_by(telemetry.c.time.desc(), telemetry.c.boot.desc(), telemetry.c.seq.desc())
        .limit(limit)
    )
    return _series(connection.execute(query).all()[::-1], names, 0)


def rolled_up(
    connection: Connection,
    vehicle: str,
    first: int,
    last: int,
    step: str,
    names: Sequence[str] = COLUMNS,
    limit: int = 100_000,
) -> Series:
    """Spans that begin with first <= time <= last; at most the newest `limit`.

    Hours that are due are computed from their samples: the answer is right at once. Raises
    ValueRefusedError for a step that there is not, and for a column that has no place in it.
    """
    resolution = _resolution(step)
    shown = _shown(resolution, names)
    hours = _due(connection, vehicle, first, last)
    c = resolution.table.c
    wanted = ("time", "samples", *shown)
    query = (
        select(*(c[name] for name in wanted))
        .where(c.vehicle == vehicle, c.time.between(first, last))
        .order_by(c.time.desc())
        .limit(limit)
    )
    rows: dict[int, Any] = {row[0]: row for row in connection.execute(query)}
    pick = itemgetter(*map(list(c.keys()).index, wanted))
    for start, end in _runs(hours):
        samples = samples_of(connection, vehicle, start, end)
        for row in map(pick, fold(resolution, vehicle, samples)):
            is_inside = first <= row[0] <= last
            # What was rolled up from samples that are gone since is worth more than what is left.
            if is_inside and (row[0] not in rows or row[1] >= rows[row[0]][1]):
                rows[row[0]] = row
    newest = sorted(rows)[-limit:]
    keys = [name.removesuffix("_mean") for name in shown]
    return _series([(time, *rows[time][2:]) for time in newest], keys, resolution.seconds)


def _resolution(step: str) -> Resolution:
    for one in RESOLUTIONS:
        if one.name == step:
            return one
    raise ValueRefusedError(f"no step {step[:20]!r}: {', '.join(STEPS)}")


def _shown(resolution: Resolution, names: Sequence[str]) -> list[str]:
    """The columns of the roll-up for these measured values."""
    shown: list[str] = []
    for name in names:
        if name in AVERAGED:
            shown += [f"{name}_{what}" for what in ("mean", "min", "max")]
        elif name in resolution.newest:
            shown.append(name)
        else:
            raise ValueRefusedError(f"spans of {resolution.name} have no {name[:40]!r}")
    return shown


def _due(connection: Connection, vehicle: str, first: int, last: int) -> list[int]:
    """The newest hours of the range that lack samples, oldest first."""
    c = rollups_due.c
    inside = c.hour.between(first - first % HOUR_S, last)
    query = select(c.hour).where(c.vehicle == vehicle, inside).order_by(c.hour.desc())
    return sorted(connection.execute(query.limit(MAX_DUE_HOURS)).scalars())


def _runs(hours: Sequence[int]) -> list[tuple[int, int]]:
    """Hours that follow each other as one range (first, last) of seconds."""
    runs: list[tuple[int, int]] = []
    for hour in hours:
        if runs and runs[-1][1] + 1 == hour:
            runs[-1] = (runs[-1][0], hour + HOUR_S - 1)
        else:
            runs.append((hour, hour + HOUR_S - 1))
    return runs


def _series(rows: Sequence[Any], names: Sequence[str], step_s: int) -> Series:
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names, 1)}
    return Series([row[0] for row in rows], columns, step_s)
