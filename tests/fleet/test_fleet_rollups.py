"""Roll-ups are right however late the samples come, and forget whoever is erased."""

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import Connection, delete, func, select

from fleet_backend.fleet import erasure, rollups, schema, subject_access, telemetry
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.errors import ValueRefusedError
from fleet_backend.fleet.rides import Ride
from fleet_backend.fleet.spans import RESOLUTIONS, fold
from fleet_backend.fleet.trace import Trace
from tests.fleet.sampled import DAY_LATER, HOUR, LATER, add_vehicles, put, settle


@pytest.fixture
def connection(database: Database) -> Any:
    with database.begin() as connection:
        add_vehicles(connection)
        yield connection


def table_rows(connection: Connection, table: Any) -> list[tuple[Any, ...]]:
    order = table.primary_key.columns
    return [tuple(row) for row in connection.execute(select(table).order_by(*order))]


def all_rows(connection: Connection) -> list[list[tuple[Any, ...]]]:
    return [table_rows(connection, one.table) for one in RESOLUTIONS]


def test_an_hour_waits_until_it_is_over_and_is_computed_once(connection: Connection) -> None:
    put(connection, range(10))
    assert not rollups.are_due(connection, LATER - 1)
    assert rollups.step(connection, LATER - 1) == 0
    assert rollups.are_due(connection, LATER)
    assert settle(connection) == 1
    assert not rollups.are_due(connection, LATER)
    samples = rollups.samples_of(connection, "trike-1", HOUR, HOUR + 3_599)
    assert len(samples) == 10
    assert all_rows(connection) == [fold(one, "trike-1", samples) for one in RESOLUTIONS]


def test_computing_again_changes_nothing(connection: Connection) -> None:
    put(connection, range(100))
    settle(connection)
    before = all_rows(connection)
    rollups.compute(connection, "trike-1", HOUR)
    assert all_rows(connection) == before


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_late_samples_lead_to_the_same_rows(connection: Connection, order: Any) -> None:
    """In three deliveries with a roll-up after each, in any order; the same as all at once."""
    pieces = (range(50), range(50, 90), range(90, 130))
    for number in order:
        put(connection, pieces[number])
        settle(connection)
    put(connection, range(130), vehicle="trike-2")
    settle(connection)
    for rows in all_rows(connection):
        of_one, of_two = ([row[1:] for row in rows if row[0] == f"trike-{n}"] for n in (1, 2))
        assert of_one == of_two
        assert of_one


def test_a_sample_that_comes_twice_counts_once(connection: Connection) -> None:
    put(connection, range(5))
    put(connection, range(5))
    settle(connection)
    assert [row[2] for row in table_rows(connection, schema.telemetry_1h)] == [5]


@pytest.mark.parametrize("time", [0, rollups.EARLIEST - 1, DAY_LATER + rollups.AHEAD_S + 1])
def test_a_time_that_cannot_be_is_in_no_span(connection: Connection, time: int) -> None:
    put(connection, [0], start=time)
    assert connection.execute(select(func.count()).select_from(schema.rollups_due)).scalar() == 0


def test_a_step_is_bounded_and_takes_the_oldest_first(connection: Connection) -> None:
    for hour in range(7):
        put(connection, [1], start=HOUR - hour * 3_600, boot=hour + 1)
    assert rollups.step(connection, LATER, limit=3) == 3
    found = [row[1] for row in table_rows(connection, schema.telemetry_1h)]
    assert found == [HOUR - hour * 3_600 for hour in (6, 5, 4)]
    assert settle(connection) == 4


def test_a_step_ends_where_it_has_read_enough(connection: Connection, monkeypatch: Any) -> None:
    """Whoever else writes waits for it, so a busy hour is not one of fifty."""
    monkeypatch.setattr(rollups, "MAX_SAMPLES", 150)
    for hour in range(4):
        put(connection, range(100), start=HOUR - hour * 3_600, boot=hour + 1)
    assert [rollups.step(connection, LATER) for _ in range(3)] == [2, 2, 0]
    assert [row[2] for row in table_rows(connection, schema.telemetry_1h)] == [100] * 4


def test_spans_outlive_their_samples(connection: Connection) -> None:
    """A sample that comes when its neighbours were deleted does not take their place."""
    put(connection, range(60))
    settle(connection)
    before = all_rows(connection)
    connection.execute(delete(schema.telemetry))
    put(connection, [30, 61])
    settle(connection)
    seconds, minutes, hours = all_rows(connection)
    assert seconds[:60] == before[0] and len(seconds) == 61
    assert minutes[0] == before[1][0] and len(minutes) == 2
    (hour,) = hours
    names = schema.telemetry_1h.columns.keys()
    assert dict(zip(names, hour, strict=True))["last_seq"] == 61  # an erasure finds it
    assert hour[2] == 60


def test_an_erasure_takes_a_ride_out_of_every_span(connection: Connection) -> None:
    """Whoever rode before and after stays, in the spans at the edges as well."""
    put(connection, range(300))
    settle(connection)
    put(connection, range(100), vehicle="trike-2")
    put(connection, range(200, 300), vehicle="trike-2")
    settle(connection)
    counts: Counter[str] = Counter()
    erasure.drop_measured(connection, [Ride("trike-1", (1, 100), (1, 199))], counts)
    assert counts["telemetry samples"] == 100
    # The ride's own seconds, the minutes that it touches, and the hour.
    assert counts["spans of telemetry"] == 100 + 3 + 1
    for rows in all_rows(connection):
        assert not [row for row in rows if row[0] == "trike-1" and row[6] > 99 and row[4] < 200]
    settle(connection)
    for rows in all_rows(connection):
        of_one, of_two = ([row[1:] for row in rows if row[0] == f"trike-{n}"] for n in (1, 2))
        assert of_one == of_two


def test_an_erasure_finds_spans_whose_samples_are_gone(connection: Connection) -> None:
    put(connection, range(300))
    settle(connection)
    connection.execute(delete(schema.telemetry))
    assert rollups.drop_ride(connection, Ride("trike-2", (1, 0), None)) == 0
    assert rollups.drop_ride(connection, Ride("trike-1", (1, 250), (1, 260))) == 11 + 1 + 1
    settle(connection)
    seconds, minutes, hours = all_rows(connection)
    assert len(seconds) == 289 and len(minutes) == 4 and not hours


def test_a_ride_without_an_end_goes_to_the_last_span(connection: Connection) -> None:
    put(connection, range(10))
    put(connection, range(20, 30), boot=2)
    settle(connection)
    assert rollups.drop_ride(connection, Ride("trike-1", (1, 5), None)) == 5 + 10 + 1 + 1


def test_who_asks_what_is_held_gets_the_spans_within_his_rides(connection: Connection) -> None:
    put(connection, range(200))
    settle(connection)
    ride = Ride("trike-1", (1, 50), (1, 130))
    found = subject_access.collect(connection, Trace(bytes(32), rides=(ride,)))["spans"]
    steps = Counter(row["step"] for row in found)
    assert steps == {"1s": 81, "1min": 1}  # the hour holds others as well
    assert all("lat_e7" in row for row in found if row["step"] == "1s")


@pytest.mark.parametrize("step", ["1s", "1min", "1h"])
def test_a_range_is_right_before_and_after_its_hours_are_computed(
    connection: Connection, step: str
) -> None:
    put(connection, range(0, 7_200, 3))
    put(connection, range(5), vehicle="trike-2")

    def read(first: int = HOUR, last: int = HOUR + 7_199) -> telemetry.Series:
        return telemetry.rolled_up(connection, "trike-1", first, last, step)

    before = read(), read(HOUR + 100, HOUR + 4_000)
    assert settle(connection) == 2  # the second hour is not over
    assert (read(), read(HOUR + 100, HOUR + 4_000)) == before
    settle(connection, LATER + 3_600)
    assert (read(), read(HOUR + 100, HOUR + 4_000)) == before
    whole = before[0]
    assert whole.step_s == {one.name: one.seconds for one in RESOLUTIONS}[step]
    assert whole.time == sorted(set(whole.time)) and whole.time[0] == HOUR
    assert set(whole.columns) == {
        "speed_mmps", "speed_mmps_min", "speed_mmps_max", "pack_mv", "pack_mv_min", "pack_mv_max",
        "soc_permille", "odometer_m",
    }  # fmt: skip
    assert whole.columns["odometer_m"][-1] == 1_000 + 7_197
    assert all(HOUR + 100 <= time <= HOUR + 4_000 for time in before[1].time)


def test_the_newest_spans_are_kept_where_there_are_too_many(connection: Connection) -> None:
    put(connection, range(100))
    found = telemetry.rolled_up(connection, "trike-1", 0, LATER, "1s", limit=7)
    settle(connection)
    assert telemetry.rolled_up(connection, "trike-1", 0, LATER, "1s", limit=7) == found
    assert found.time == [HOUR + second for second in range(93, 100)]


def test_a_late_sample_is_in_the_answer_at_once(connection: Connection) -> None:
    put(connection, range(60))
    settle(connection)
    put(connection, [70])
    found = telemetry.rolled_up(connection, "trike-1", HOUR, HOUR + 3_599, "1min")
    assert found.columns["speed_mmps_max"] == [59, 70]


@pytest.mark.parametrize(
    ("step", "names"), [("2min", ["speed_mmps"]), ("raw", ["speed_mmps"]), ("1h", ["lat_e7"]),
                        ("1min", ["no_such"])]
)  # fmt: skip
def test_what_no_span_holds_is_refused(connection: Connection, step: str, names: list[str]) -> None:
    with pytest.raises(ValueRefusedError):
        telemetry.rolled_up(connection, "trike-1", 0, 1, step, names)


@pytest.mark.parametrize(
    ("length", "points", "step"),
    [(100, 100, "raw"), (100, 99, "1min"), (1_000, 600, "1min"), (100, 1, "1h"), (90, 95, "raw"),
     (130, 120, "1min")],
)  # fmt: skip
def test_the_finest_step_that_fits_is_chosen(
    connection: Connection, length: int, points: int, step: str
) -> None:
    put(connection, range(length))
    last = HOUR + length - 1
    assert telemetry.step_for(connection, "trike-1", HOUR, last, points) == step


def test_a_second_is_chosen_where_a_vehicle_measures_more_often(connection: Connection) -> None:
    for boot in (1, 2, 3):
        put(connection, range(100), boot=boot)
    assert telemetry.step_for(connection, "trike-1", HOUR, HOUR + 99, 100) == "1s"
