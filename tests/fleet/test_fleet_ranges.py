"""A range is answered in bounded pages, which together are the whole of it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection

from fleet_backend.fleet import duehours, telemetry
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.telemetry import Series
from tests.fleet.sampled import HOUR, LATER, add_vehicles, put, settle

Read = Callable[..., Series]


@pytest.fixture
def connection(database: Database) -> Any:
    with database.begin() as connection:
        add_vehicles(connection)
        yield connection


def samples(connection: Connection, **more: Any) -> Series:
    return telemetry.series(connection, "trike-1", HOUR, LATER, **more)


def spans(connection: Connection, step: str = "1s", **more: Any) -> Series:
    return telemetry.rolled_up(connection, "trike-1", HOUR, LATER, step, **more)


def pages(read: Read) -> list[Series]:
    """From the newest page to the oldest."""
    found = [read()]
    while found[-1].before is not None:
        found.append(read(before=found[-1].before))
    return found


@pytest.mark.parametrize("read", [samples, spans])
@pytest.mark.parametrize("is_settled", [False, True])
@pytest.mark.parametrize("limit", [7, 20])
def test_pages_are_the_range_with_nothing_twice_and_nothing_left_out(
    connection: Connection, read: Read, is_settled: bool, limit: int
) -> None:
    put(connection, range(0, 40, 2))
    put(connection, range(5), vehicle="trike-2")
    if is_settled:
        settle(connection)
    whole = read(connection)
    found = pages(partial(read, connection, limit=limit))
    assert len(found) == -(-20 // limit)
    times = [time for page in reversed(found) for time in page.time]
    assert times == whole.time == [HOUR + second for second in range(0, 40, 2)]
    for name, column in whole.columns.items():
        assert [value for page in reversed(found) for value in page.columns[name]] == column
    assert whole.before is None


def test_samples_of_one_second_are_told_apart_by_their_numbers(connection: Connection) -> None:
    """The page ends within the second; of each boot every number comes once."""
    for boot in (1, 2, 3):
        put(connection, range(2), boot=boot)
        put(connection, range(10, 12), boot=boot, start=HOUR - 10)
    found = pages(partial(samples, connection, limit=5))
    assert [len(page.time) for page in found] == [5, 5, 2]
    told = [
        pair
        for page in reversed(found)
        for pair in zip(page.time, page.columns["speed_mmps"], strict=True)
    ]
    expected = [(HOUR + n, speed) for n in (0, 1) for _ in range(3) for speed in (n, 10 + n)]
    assert told == expected


def test_a_sample_that_comes_between_two_pages_moves_none(connection: Connection) -> None:
    put(connection, range(10))
    first = samples(connection, limit=4)
    put(connection, range(20, 25))
    second = samples(connection, limit=100, before=first.before)
    assert second.time + first.time == [HOUR + second for second in range(10)]


@pytest.mark.parametrize("step", ["1s", "1min", "1h"])
def test_an_answer_computes_what_is_within_its_bound_and_names_the_rest(
    connection: Connection, monkeypatch: Any, step: str
) -> None:
    """The newest hours first, and whole ones alone: half of a span would be a wrong number."""
    for hour in range(5):
        put(connection, range(100), start=HOUR + hour * 3_600, boot=hour + 1)
    now = HOUR + 5 * 3_600

    def read() -> Series:
        return telemetry.rolled_up(connection, "trike-1", HOUR, now, step)

    monkeypatch.setattr(duehours, "MAX_SAMPLES", 10_000)
    whole = read()
    assert whole.due == []
    monkeypatch.setattr(duehours, "MAX_SAMPLES", 250)
    found = read()
    assert found.due == [HOUR, HOUR + 3_600, HOUR + 7_200]
    at = whole.time.index(HOUR + 3 * 3_600)
    assert found.time == whole.time[at:]
    assert found.columns == {name: column[at:] for name, column in whole.columns.items()}
    monkeypatch.setattr(duehours, "MAX_SAMPLES", 99)
    assert read().time == [] and len(read().due) == 5
    settle(connection, now + 3_600)
    assert read() == whole


def test_the_newest_hour_is_computed_where_older_ones_find_no_room(
    connection: Connection, monkeypatch: Any
) -> None:
    monkeypatch.setattr(duehours, "OLDER_SAMPLES", 150)
    for hour, count in ((0, 40), (1, 30), (2, 120)):
        put(connection, range(count), start=HOUR + hour * 3_600, boot=hour + 1)
    read = partial(telemetry.rolled_up, connection, "trike-1", HOUR, HOUR + 3 * 3_600, "1h")
    assert (read().time, read().due) == ([HOUR + 3_600, HOUR + 7_200], [HOUR])
    monkeypatch.setattr(duehours, "OLDER_SAMPLES", 50)
    assert (read().time, read().due) == ([HOUR + 7_200], [HOUR, HOUR + 3_600])


def test_hours_that_do_not_follow_each_other_share_one_bound(
    connection: Connection, monkeypatch: Any
) -> None:
    monkeypatch.setattr(duehours, "MAX_SAMPLES", 250)
    for hour in (0, 2, 4):
        put(connection, range(100), start=HOUR + hour * 3_600, boot=hour + 1)
    found = telemetry.rolled_up(connection, "trike-1", HOUR, HOUR + 5 * 3_600, "1h")
    assert found.time == [HOUR + 2 * 3_600, HOUR + 4 * 3_600] and found.due == [HOUR]
    monkeypatch.setattr(duehours, "MAX_HOURS", 1)
    found = telemetry.rolled_up(connection, "trike-1", HOUR, HOUR + 5 * 3_600, "1h")
    assert found.time == [HOUR + 4 * 3_600] and found.due == [HOUR, HOUR + 2 * 3_600]


def test_an_hour_that_is_left_shows_what_was_computed_before(
    connection: Connection, monkeypatch: Any
) -> None:
    """A few samples come late: until the ingest has computed the hour, its old spans stand."""
    put(connection, range(60))
    settle(connection)
    put(connection, [70])
    monkeypatch.setattr(duehours, "MAX_SAMPLES", 10)
    found = spans(connection, "1min")
    assert found.time == [HOUR] and found.due == [HOUR]
    settle(connection)
    assert spans(connection, "1min").time == [HOUR, HOUR + 60]


def test_a_page_names_the_due_hours_that_it_touches(
    connection: Connection, monkeypatch: Any
) -> None:
    monkeypatch.setattr(duehours, "MAX_SAMPLES", 100)
    for hour in range(3):
        put(connection, range(100), start=HOUR + hour * 3_600, boot=hour + 1)
    read = partial(
        telemetry.rolled_up, connection, "trike-1", HOUR, HOUR + 3 * 3_600, "1s", limit=60
    )
    found = pages(read)
    assert [len(page.time) for page in found] == [60, 40]
    assert [page.due for page in found] == [[], [HOUR, HOUR + 3_600]]
