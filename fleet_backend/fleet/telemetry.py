"""Time series of a vehicle: decoded columns beside the signed batches."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from fleet_backend.fleet.schema import telemetry

COLUMNS = ("speed_mmps", "soc_permille", "pack_mv", "odometer_m")


@dataclass(frozen=True)
class Series:
    """Columns of equal length, in the order of time; None where nothing fresh was measured."""

    time: list[int]
    columns: dict[str, list[int | None]]


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
    rows = connection.execute(query).all()[::-1]
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names, 1)}
    return Series([row[0] for row in rows], columns)
