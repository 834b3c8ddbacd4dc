"""Time series of a vehicle: samples as they came, or spans of a second, a minute or an hour."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, func, select, tuple_

from fleet_backend.fleet import duehours
from fleet_backend.fleet.errors import ValueRefusedError
from fleet_backend.fleet.rollups import HOUR_S
from fleet_backend.fleet.schema import AVERAGED, telemetry
from fleet_backend.fleet.spans import RESOLUTIONS, Resolution

COLUMNS = ("speed_mmps", "soc_permille", "pack_mv", "odometer_m")
RAW = "raw"
STEPS = (RAW, *(one.name for one in RESOLUTIONS))
# Of one page: more would keep whoever asks waiting, and everybody beside him.
MAX_POINTS = 5_000


@dataclass(frozen=True)
class Series:
    """Columns of equal length, in the order of time; None where nothing fresh was measured.

    `time` is when a sample was made, or when a span of `step_s` seconds began; `step_s` is 0 for
    samples. A column of spans is the mean, with `_min` and `_max` beside it, or the newest value.
    """

    time: list[int]
    columns: dict[str, list[int | None]]
    step_s: int = 0
    # Where a page of older ones begins, None at the end: (time, boot, seq), of spans (time,).
    before: tuple[int, ...] | None = None
    # Hours that these spans do not hold, or not wholly: they are still to be rolled up.
    due: list[int] = field(default_factory=list)


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
    limit: int = MAX_POINTS,
    before: tuple[int, ...] | None = None,
) -> Series:
    """Samples with first <= time <= last, by the vehicle's own time; at most the newest `limit`.

    `before`: of those alone that are older than the page that named it.
    """
    t = telemetry.c
    inside = [t.vehicle == vehicle, t.time.between(first, last)]
    if before is not None:
        inside += [t.time <= before[0], tuple_(t.time, t.boot, t.seq) < before]
    query = (
        select(t.time, *(t[name] for name in names), t.boot, t.seq)
        .where(*inside)
        .order_by(t.time.desc(), t.boot.desc(), t.seq.desc())
        .limit(limit + 1)
    )
    found = connection.execute(query).all()
    rows = found[:limit][::-1]
    made = _series(rows, names, 0)
    if len(found) <= limit:
        return made
    return replace(made, before=(rows[0].time, rows[0].boot, rows[0].seq))


def rolled_up(
    connection: Connection,
    vehicle: str,
    first: int,
    last: int,
    step: str,
    names: Sequence[str] = COLUMNS,
    limit: int = MAX_POINTS,
    before: tuple[int, ...] | None = None,
) -> Series:
    """Spans that begin with first <= time <= last; at most the newest `limit`.

    Of the hours that are due the newest are computed from their samples, within a bound
    (`duehours.py`): they are right at once, and the others are named. Raises ValueRefusedError for
    a step that there is not, and for a column that has no place in it.
    """
    resolution = _resolution(step)
    shown = _shown(resolution, names)
    if before is not None:
        last = min(last, before[0] - 1)
    c = resolution.table.c
    wanted = ("time", *shown, "samples")
    query = (
        select(*(c[name] for name in wanted))
        .where(c.vehicle == vehicle, c.time.between(first, last))
        .order_by(c.time.desc())
        .limit(limit + 1)
    )
    rows: dict[int, Any] = {row[0]: row for row in connection.execute(query)}
    computed = duehours.compute(connection, resolution, vehicle, first, last)
    pick = itemgetter(*map(list(c.keys()).index, wanted))
    for row in map(pick, computed.spans):
        is_inside = first <= row[0] <= last
        # What was rolled up from samples that are gone since is worth more than what is left.
        if is_inside and (row[0] not in rows or row[-1] >= rows[row[0]][-1]):
            rows[row[0]] = row
    newest = sorted(rows)[-limit:]
    keys = [name.removesuffix("_mean") for name in shown]
    made = _series([rows[time] for time in newest], keys, resolution.seconds)
    if len(rows) <= limit:
        return replace(made, due=computed.due)
    # Hours before these spans are the next page's to tell.
    due = [hour for hour in computed.due if hour + HOUR_S > newest[0]]
    return replace(made, before=(newest[0],), due=due)


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


def _series(rows: Sequence[Any], names: Sequence[str], step_s: int) -> Series:
    """Of rows that begin with the time; what follows the named columns is left out."""
    if not rows:
        return Series([], {name: [] for name in names}, step_s)
    time, *columns = zip(*rows, strict=True)
    named = dict(zip(names, map(list, columns), strict=False))
    return Series(list(time), named, step_s)
