"""One day of a fleet in the database: rows/s stored, and how fast one vehicle's day is read.

    python -m tests.bench telemetry [--vehicles N] [--every S] [--busy N] [--engine sqlite]

`--vehicles` send one sample every `--every` seconds, `--busy` others one a second; rows come in the
order of time, in transactions of 5,000, durable (fsync on), as the ingest writes them.
"""

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from fleet_backend.fleet import engine, gateways, rollups, schema, telemetry
from fleet_backend.fleet.database import Database, open_database
from trifleet import postgres
from trifleet.ports import free_port

LIMIT_MS = 50
DAY = 1_790_035_200 // 86_400 * 86_400
BATCH = 5_000
READS = 15
PLACES = {name: place for place, name in enumerate(schema.MEASURED)}


@contextmanager
def opened(name: str) -> Iterator[Database]:
    """A new durable database of an engine."""
    with tempfile.TemporaryDirectory(prefix="trifleet-bench-") as folder:
        if name == "sqlite":
            database = open_database(f"sqlite:///{folder}/fleet.db")
            yield database
            database.close()
            return
        Path(folder).chmod(0o711)  # PostgreSQL may run as another account
        server = postgres.initialise(Path(folder) / "server", free_port())
        server.start()
        try:
            database = open_database(server.url())
            yield database
            database.close()
        finally:
            server.stop()


def rows(vehicles: int, every: int, busy: int) -> Iterator[tuple[Any, ...]]:
    """The day in the order of time; a busy vehicle is `b-N`, another `v-N`."""
    for second in range(86_400):
        names = [f"b-{number}" for number in range(busy)]
        names += [f"v-{number}" for number in range(second % every, vehicles, every)]
        for name in names:
            values: list[int | None] = [None] * len(PLACES)
            values[PLACES["speed_mmps"]] = second * 37 % 12_000
            values[PLACES["odometer_m"]] = 1_000_000 + second * 6
            values[PLACES["pack_mv"]] = 52_000 - second % 4_000
            values[PLACES["pack_da"]] = second % 600 - 100
            values[PLACES["soc_permille"]] = 1_000 - second // 100
            values[PLACES["lat_e7"]] = 488_566_000 + second
            values[PLACES["lon_e7"]] = 23_522_000 + second
            values[PLACES["motor_temp_c"]] = 40 + second % 30
            yield (name, 1, second, 1, DAY + second, DAY + second, *values)


def fill(database: Database, vehicles: int, every: int, busy: int) -> tuple[int, float]:
    """(rows stored, seconds in the database); making the rows is not counted."""
    _prepare(database, vehicles, busy)
    stored, spent = 0, 0.0
    batch: list[tuple[Any, ...]] = []
    for row in rows(vehicles, every, busy):
        batch.append(row)
        if len(batch) == BATCH:
            spent += _store(database, batch)
            stored += len(batch)
            batch = []
    spent += _store(database, batch)
    return stored + len(batch), spent


def _prepare(database: Database, vehicles: int, busy: int) -> None:
    database.create_schema()
    names = [f"v-{number}" for number in range(vehicles)] + [f"b-{n}" for n in range(busy)]
    with database.begin() as connection:
        engine.partitions(connection).make_ahead(connection, DAY)
        gateways.register(connection, "gw-1", bytes(32), gateways.GATEWAY, 1)
        statement = (1, "gw-1", 0, bytes(32), bytes(32), 1, DAY, DAY, b"s", False)
        engine.batch(connection).insert_statements(connection, [statement])
        keys = [
            {
                "id": name,
                "gateway": "gw-1",
                "owner_thumbprint": bytes(32),
                "record_key": name.encode(),
                "key_fingerprint": name.encode(),
                "added": 1,
            }
            for name in names
        ]
        connection.execute(insert(schema.vehicles), keys)


def _store(database: Database, batch: list[tuple[Any, ...]]) -> float:
    started = time.perf_counter()
    with database.begin() as connection:
        engine.batch(connection).insert_samples(connection, batch)
        rollups.mark(connection, ((row[0], row[4]) for row in batch), DAY + 86_400)
    return time.perf_counter() - started


def roll_up(database: Database, busy: int) -> float:
    """Milliseconds for one busy vehicle's hour: 3,600 samples into spans of three lengths."""
    spent = []
    for vehicle in range(busy):
        for hour in range(24):
            started = time.perf_counter()
            with database.begin() as connection:
                rollups.compute(connection, f"b-{vehicle}", DAY + hour * 3_600)
            spent.append(time.perf_counter() - started)
    with database.begin() as connection:
        due = schema.rollups_due
        connection.execute(due.delete().where(due.c.vehicle.like("b-%")))
    return round(1_000 * statistics.median(spent), 1)


def read(database: Database, call: Callable[[Any], telemetry.Series]) -> dict[str, float]:
    """Median and longest time of one call in milliseconds, and how many points it gave."""
    times, points = [], 0
    for _ in range(READS):
        started = time.perf_counter()
        with database.read() as connection:
            points = len(call(connection).time)
        times.append(1_000 * (time.perf_counter() - started))
    return {
        "points": points,
        "median_ms": round(statistics.median(times), 1),
        "longest_ms": round(max(times), 1),
    }


def measure(name: str, vehicles: int, every: int, busy: int) -> dict[str, Any]:
    """One engine."""
    end = DAY + 86_399
    with opened(name) as database:
        stored, spent = fill(database, vehicles, every, busy)
        day: dict[str, Any] = {}
        due = read(database, lambda c: telemetry.rolled_up(c, "b-0", DAY, end, "1min"))
        compute_ms = roll_up(database, busy)
        for step in ("1h", "1min", "1s"):
            day[step] = read(
                database,
                lambda c, step=step: telemetry.rolled_up(c, "b-0", DAY, end, step, limit=20_000),
            )
        day["raw, newest 20,000"] = read(
            database, lambda c: telemetry.series(c, "b-0", DAY, end, limit=20_000)
        )
        day["raw, all"] = read(database, lambda c: telemetry.series(c, "b-0", DAY, end))
        day["raw, a vehicle that is not busy"] = read(
            database, lambda c: telemetry.series(c, "v-7", DAY, end)
        )
        day["1min while all hours are due"] = due
    return {
        "engine": name,
        "rows": stored,
        "rows_per_s": round(stored / spent),
        "roll_up_ms_an_hour": compute_ms,
        "limit_ms": LIMIT_MS,
        "one_vehicles_day": day,
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vehicles", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=1_800)
    parser.add_argument("--busy", type=int, default=4)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), action="append")
    asked = parser.parse_args()
    engines = asked.engine or ["sqlite", "postgresql"]
    runs = [measure(name, asked.vehicles, asked.every, asked.busy) for name in engines]
    report = {
        "bench": "telemetry",
        "python": platform.python_version(),
        "machine": platform.machine(),
        "vehicles": asked.vehicles + asked.busy,
        "seconds_between_samples": asked.every,
        "vehicles_with_one_a_second": asked.busy,
        "runs": runs,
    }
    json.dump(report, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
