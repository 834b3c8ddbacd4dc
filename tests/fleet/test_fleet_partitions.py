"""PostgreSQL divides telemetry by day: made ahead, found by the planner, dropped whole."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select, text

from fleet_backend.fleet import engine, schema
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.fleet.postgres import partitions
from fleet_backend.fleet.postgres.partitions import AHEAD_DAYS, BEHIND_DAYS, DAY_S, Partition
from fleet_backend.fleet.retention import RetentionSettings, retain
from tests.fleet.engines import POSTGRES, database_url

NOW = 1_790_000_000
TODAY = NOW // DAY_S
DAYS = BEHIND_DAYS + AHEAD_DAYS + 1


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(database_url(POSTGRES, tmp_path))) as opened:
        yield opened


def put(connection: Connection, seq: int, time: int, server_time: int) -> None:
    values = [None] * len(schema.MEASURED)
    row = ("trike-1", 1, seq, 1, time, server_time, *values)
    engine.batch(connection).insert_samples(connection, [row])


def places(connection: Connection) -> dict[int, str]:
    """seq -> the partition that holds the sample."""
    rows = connection.execute(
        text("SELECT seq, tableoid::regclass::text FROM telemetry ORDER BY seq")
    )
    return {row[0]: row[1] for row in rows}


def register(connection: Connection) -> None:
    gateway = {"id": "gw-1", "public_key": bytes(32), "kind": "gateway", "added": 1}
    connection.execute(insert(schema.gateways).values(gateway))
    vehicle = {
        "id": "trike-1", "gateway": "gw-1", "owner_thumbprint": b"", "record_key": b"",
        "key_fingerprint": b"", "added": 1,
    }  # fmt: skip
    connection.execute(insert(schema.vehicles).values(vehicle))


def test_partitions_are_made_around_today_once(database: Database) -> None:
    with database.begin() as connection:
        assert partitions.make_ahead(connection, NOW) == 2 * DAYS
        assert partitions.make_ahead(connection, NOW) == 0
        assert partitions.make_ahead(connection, NOW + DAY_S) == 2
        for table in partitions.DIVIDED:
            days = [one.day for one in partitions.existing(connection, table)]
            assert days == list(range(TODAY - BEHIND_DAYS, TODAY + AHEAD_DAYS + 2))


def test_a_sample_lies_in_its_day_and_an_impossible_one_apart(database: Database) -> None:
    with database.begin() as connection:
        partitions.make_ahead(connection, NOW)
        start = TODAY * DAY_S
        times = [0, start - 1, start, start + DAY_S - 1, start + DAY_S, 1 << 40, (1 << 63) - 1]
        for seq, time in enumerate(times):
            put(connection, seq, time, NOW)
        day = "telemetry_d{}".format
        assert list(places(connection).values()) == [
            "telemetry_rest", day(TODAY - 1), day(TODAY), day(TODAY), day(TODAY + 1),
            "telemetry_rest", "telemetry_rest",
        ]  # fmt: skip


def test_what_came_before_its_partition_moves_into_it(database: Database) -> None:
    with database.begin() as connection:
        for seq, time in enumerate((NOW, NOW + 1, 0)):
            put(connection, seq, time, NOW)
        assert set(places(connection).values()) == {"telemetry_rest"}
        partitions.make_ahead(connection, NOW)
        day = f"telemetry_d{TODAY}"
        assert places(connection) == {0: day, 1: day, 2: "telemetry_rest"}
        put(connection, 0, NOW, NOW + 9)  # and is known there
        assert len(places(connection)) == 3


def test_a_day_is_read_from_its_own_partition(database: Database) -> None:
    with database.begin() as connection:
        partitions.make_ahead(connection, NOW)
        start = TODAY * DAY_S
        plan = connection.execute(
            text(
                "EXPLAIN SELECT speed_mmps FROM telemetry WHERE vehicle = 'trike-1'"
                f" AND time BETWEEN {start} AND {start + DAY_S - 1}"
            )
        )
        told = " ".join(plan.scalars())
    assert f"telemetry_d{TODAY}" in told
    assert f"telemetry_d{TODAY - 1}" not in told and f"telemetry_d{TODAY + 1}" not in told


def test_old_days_are_dropped_whole_and_late_ones_wait_for_their_time(database: Database) -> None:
    settings = RetentionSettings(telemetry_days=10)
    last = NOW - 10 * DAY_S
    with database.begin() as connection:
        register(connection)
        partitions.make_ahead(connection, NOW)
        put(connection, 1, last - 3 * DAY_S, last - 3 * DAY_S)  # its whole day is old
        put(connection, 2, last - 2 * DAY_S, NOW)  # came late
        put(connection, 3, last - 2 * DAY_S + 1, last - 2 * DAY_S)  # beside it, in time
        put(connection, 4, last - 1, last - 1)  # its day is not over
        put(connection, 5, last, last)
        put(connection, 6, NOW, NOW)
        assert retain(connection, settings, NOW)["telemetry"] > 2
        assert sorted(places(connection)) == [2, 5, 6]
        days = [one.day for one in partitions.existing(connection, "telemetry")]
        late, today = (last - 2 * DAY_S) // DAY_S, last // DAY_S
        assert days == [late, *range(today, TODAY + AHEAD_DAYS + 1)]
        retain(connection, settings, NOW + 10 * DAY_S + 1)
        assert sorted(places(connection)) == []


def test_spans_of_a_second_are_dropped_by_day(database: Database) -> None:
    with database.begin() as connection:
        register(connection)
        partitions.make_ahead(connection, NOW)
        place = dict.fromkeys(("samples", "first_boot", "first_seq", "last_boot", "last_seq"), 1)
        for time in (NOW - 20 * DAY_S, NOW):
            connection.execute(
                insert(schema.telemetry_1s).values(vehicle="trike-1", time=time, **place)
            )
        retain(connection, RetentionSettings(telemetry_1s_days=10), NOW)
        count = select(func.count()).select_from(schema.telemetry_1s)
        assert connection.execute(count).scalar() == 1
        oldest = partitions.existing(connection, "telemetry_1s")[0]
        assert oldest == Partition("telemetry_1s", TODAY - 10)
