"""The whole application in MicroPython with a ride every 40 seconds: it does not grow, and its peak
fits the board. `python -m tests.bench.bench_day` is the same for 24 hours."""

import dataclasses

import pytest
from on_micropython import MICROPYTHON

from protocol import record
from tests.bench import bench_day, bench_wear
from tests.bench.day import DayError, live
from tests.bench.day import sleep as live_and_sleep
from tests.bench.day_plan import HOUR_MS, SHORT, SLEEPY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not MICROPYTHON.exists(), reason="no MicroPython here"),
]


@pytest.fixture(scope="module")
def day():
    return live(SHORT)


def test_it_stays_below_the_limit_and_does_not_grow(day):
    assert bench_day.wrong(day) == [], bench_day.report(day)


def test_it_was_a_day_with_everything(day):
    told = day.world.told
    wanted = (record.BOOT, record.LOCK, record.ANSWER, record.REFUSAL, record.TELEMETRY,
              record.FAULT, record.HEALTH)  # fmt: skip
    assert all(told.kinds[kind] for kind in wanted), told.kinds
    assert told.boots == {1} and told.kinds[record.ANSWER] == 2 * len(SHORT.rides)
    # Nothing was lost on the bus, late, or damaged on flash.
    assert all(body[key] == 0 for body in told.health for key in (2, 7, 8, 9, 11, 22, 23))
    assert day.world.road.way_mm != 0 and len(day.device["lives"]) == 5


def test_the_flash_was_counted(day):
    seen = bench_wear.report(day)
    assert seen["erases"] and seen["bytes_programmed"] > 0
    assert seen["years_of_the_busiest_block"][10_000] < seen["years_perfectly_levelled"][10_000]


@pytest.mark.parametrize(
    ("lives", "peaks", "expected"),
    [
        ([9_000, 1_000, 1_000, 1_900, 3_048], [0], []),
        ([1_000, 1_000, 1_000, 1_000, 3_049], [0], ["it grows"]),
        ([1_000] * 5, [0, 196_609], ["peak over the limit"]),
    ],
)
def test_what_is_wrong_is_said(day, lives, peaks, expected):
    other = dataclasses.replace(day, device={**day.device, "lives": lives, "peaks": peaks})
    assert bench_day.wrong(other) == expected


def test_growth_is_that_of_the_hours_that_compare(day):
    lives = [0, 9_000, 20, 30, 40]  # no gateway when the second one ends
    other = dataclasses.replace(day, device={**day.device, "lives": lives})
    assert [hour for hour, _ in bench_day.comparable(other)] == [3, 4, 5]
    assert bench_day.slope([(2, 10), (3, 20), (4, 30)]) == pytest.approx(10)


def test_years_are_of_a_day(day):
    half = dataclasses.replace(day, device={**day.device, "ms": 12 * HOUR_MS, "erases": [2, 0]})
    assert bench_wear.busiest(half) == 4
    assert bench_wear.years(4, 10_000) == pytest.approx(2_500 / 365.25)


def test_a_start_and_a_sleep_are_counted():
    """It wakes, says so, and asks for sleep; the start after that goes to sleep."""
    seen = live_and_sleep(SLEEPY)
    assert seen.world.told.kinds[record.BOOT] == 1 and max(seen.world.told.boots) == 2
    counted = bench_wear.once(seen)
    assert 0 < counted["erases"] < counted["programs"] < counted["bytes_programmed"]


def test_a_vehicle_that_ends_early_is_an_error(monkeypatch):
    """With too little memory it crashes at its start, and the bench says where."""
    monkeypatch.setattr("tests.bench.day.HEAP_BYTES", 96 * 1024)
    with pytest.raises(DayError, match="memory"):
        live(SHORT)
