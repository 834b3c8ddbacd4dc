"""One day of a fleet in the database: rows/s stored, and how fast one vehicle's day is answered.

    python -m tests.bench telemetry [--vehicles N] [--every S] [--busy N] [--engine sqlite]

`--vehicles` send one sample every `--every` seconds, `--busy` others one a second; rows come in the
order of time, in transactions of 5,000, durable (fsync on), as the ingest writes them. Answers are
those of the API over HTTP, JSON and all, in this process: `own_processor_ms` holds the server's
work, of SQLite all of it, and a little of the client's.
"""

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from fleet_backend.fleet import engine, gateways, rollups, schema
from fleet_backend.fleet.collector import spare_the_collector
from fleet_backend.fleet.database import Database
from tests.api.api_stand import ApiStand, Client, serving
from trifleet import postgres
from trifleet.ports import free_port

LIMIT_MS = 50
DAY = 1_790_035_200 // 86_400 * 86_400
BATCH = 5_000
READS = 20
PLACES = {name: place for place, name in enumerate(schema.MEASURED)}


@contextmanager
def opened(name: str) -> Iterator[ApiStand]:
    """The API over a new durable database of an engine."""
    with tempfile.TemporaryDirectory(prefix="trifleet-bench-") as folder:
        if name == "sqlite":
            with closing(ApiStand(Path(folder))) as stand:
                yield stand
            return
        Path(folder).chmod(0o711)  # PostgreSQL may run as another account
        server = postgres.initialise(Path(folder) / "server", free_port())
        server.start()
        try:
            with closing(ApiStand(Path(folder), server.url())) as stand:
                yield stand
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
    names = [f"v-{number}" for number in range(vehicles)] + [f"b-{n}" for n in range(busy)]
    with database.begin() as connection:
        engine.partitions(connection).make_ahead(connection, DAY)
        gateways.register(connection, "gw-day", bytes(32), gateways.GATEWAY, 1)
        statement = (1, "gw-day", 0, bytes(32), bytes(32), 1, DAY, DAY, b"s", False)
        engine.batch(connection).insert_statements(connection, [statement])
        keys = [
            {
                "id": name,
                "gateway": "gw-day",
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


def roll_up(database: Database, busy: int) -> dict[str, float]:
    """Milliseconds for one busy vehicle's hour: 3,600 samples into spans of three lengths."""
    spent, own = [], []
    for vehicle in range(busy):
        for hour in range(24):
            started, used = time.perf_counter(), time.process_time()
            with database.begin() as connection:
                rollups.compute(connection, f"b-{vehicle}", DAY + hour * 3_600)
            spent.append(1_000 * (time.perf_counter() - started))
            own.append(1_000 * (time.process_time() - used))
    with database.begin() as connection:
        due = schema.rollups_due
        connection.execute(due.delete().where(due.c.vehicle.like("b-%")))
    return {
        "shortest_ms": round(min(spent), 1),
        "median_ms": round(statistics.median(spent), 1),
        "own_processor_ms": round(statistics.median(own), 1),
    }


def _analyse(database: Database) -> None:
    """What PostgreSQL does by itself within a minute: without figures it sorts the whole day."""
    with database.begin() as connection:
        connection.exec_driver_sql("ANALYZE")


def answered(client: Client, step: str, vehicle: str = "b-0") -> dict[str, float]:
    """Times in milliseconds of one request for a day, and the points of its answer."""
    path = f"/v1/fleet/vehicles/{vehicle}/telemetry?from={DAY}&to={DAY + 86_399}&step={step}"
    times, own = [], []
    for _ in range(READS):
        started, used = time.perf_counter(), time.process_time()
        answer = client.operator(path)
        times.append(1_000 * (time.perf_counter() - started))
        own.append(1_000 * (time.process_time() - used))
        answer.raise_for_status()
    found = answer.json()
    return {
        "points": len(found["time"]),
        "hours_due": len(found["due"]),
        "shortest_ms": round(min(times), 1),
        "median_ms": round(statistics.median(times), 1),
        "longest_ms": round(max(times), 1),
        "own_processor_ms": round(statistics.median(own), 1),
    }


def measure(name: str, vehicles: int, every: int, busy: int) -> dict[str, Any]:
    """One engine."""
    with opened(name) as stand, serving(stand.app) as address:
        stored, spent = fill(stand.database, vehicles, every, busy)
        day: dict[str, Any] = {}
        spare_the_collector()  # as the API's program does
        _analyse(stand.database)
        with Client(base_url=address, timeout=60, trust_env=False) as client:
            for step in ("1s", "1min", "1h"):
                day[f"{step}, all hours due"] = answered(client, step)
            computed = roll_up(stand.database, busy)
            _analyse(stand.database)
            for step in ("1h", "1min", "1s", "raw"):
                day[step] = answered(client, step)
            day["raw, a vehicle that is not busy"] = answered(client, "raw", "v-7")
    slowest = max(one["median_ms"] for one in day.values())
    return {
        "engine": name,
        "rows": stored,
        "rows_per_s": round(stored / spent),
        "roll_up_of_an_hour": computed,
        "limit_ms": LIMIT_MS,
        "slowest_median_ms": slowest,
        "slowest_own_processor_ms": max(one["own_processor_ms"] for one in day.values()),
        "verdict": "ok" if slowest < LIMIT_MS else "over",
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
