"""The clock: where the time comes from, how far it may be off, and what a leap does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_gateway import clock
from edge_gateway.clock import Clock, ClockSettings, Kernel
from protocol import statement

NOW = 1_800_000_000
YEAR = 365 * 86_400


class Times:
    """Wall, steady and kernel clocks that a test sets."""

    def __init__(self, reference: str = "network") -> None:
        self.wall_s = float(NOW)
        self.steady_s = 100.0
        self.kernel: Kernel | None = Kernel(True, 30)
        self.clock = Clock(
            ClockSettings(reference),
            lambda: self.wall_s,
            lambda: self.steady_s,
            lambda: self.kernel,
        )

    def later(self, seconds: float) -> None:
        self.wall_s += seconds
        self.steady_s += seconds


@pytest.mark.parametrize(("word", "number"), clock.REFERENCES.items())
def test_a_disciplined_clock_says_by_what_and_how_well(word: str, number: int) -> None:
    assert Times(word).clock.read() == (NOW, number, 30)


def test_a_clock_that_is_not_set_has_no_time() -> None:
    times = Times()
    times.wall_s = 12.0
    assert times.clock.read() == (0, statement.UNSET, statement.UNKNOWN_ERROR)


def test_a_clock_that_was_never_disciplined_is_off_by_nobody_knows_what() -> None:
    times = Times()
    for times.kernel in (Kernel(False, 16_000), None):
        assert times.clock.read() == (NOW, statement.HELD_OVER, statement.UNKNOWN_ERROR)


def test_a_clock_that_is_held_over_is_worse_by_the_hour() -> None:
    times = Times()
    times.clock.read()
    times.kernel = Kernel(False, 16_000)
    errors = []
    for _ in range(3):
        times.later(3600)
        _, source, error_ms = times.clock.read()
        assert source == statement.HELD_OVER
        errors.append(error_ms)
    # 500 ppm are 1.8 s an hour, on top of what it was.
    assert errors == [1_831, 3_631, 5_431]
    times.kernel = Kernel(True, 5)
    assert times.clock.read()[1:] == (statement.NETWORK, 5)


@pytest.mark.parametrize("jump_s", [YEAR, -YEAR, 3, -3])
def test_a_jump_is_told_once_and_costs_the_bound(jump_s: int) -> None:
    times = Times()
    times.clock.read()
    times.kernel = Kernel(False, 16_000)
    times.later(60)
    times.wall_s += jump_s
    assert times.clock.jumped_s() == jump_s
    assert times.clock.jumped_s() is None
    assert times.clock.read().error_ms == statement.UNKNOWN_ERROR


def test_drift_and_sleep_are_no_jump() -> None:
    times = Times()
    for _ in range(1000):
        times.later(10)
        times.wall_s += 0.01
        assert times.clock.jumped_s() is None
    times.later(86_400)
    assert times.clock.jumped_s() is None


@given(st.floats(-1e12, 1e12), st.booleans(), st.integers(0, 1 << 40), st.floats(0, 1e9))
def test_every_reading_is_one_that_a_statement_can_hold(
    wall_s: float, synchronized: bool, error_ms: int, later_s: float
) -> None:
    times = Times()
    times.clock.read()
    times.kernel = Kernel(synchronized, error_ms)
    times.wall_s = wall_s
    times.steady_s += later_s
    reading = times.clock.read()
    made = statement.Statement("gw", 0, bytes(32), reading.time, 2, bytes(32), *reading[1:])
    read = statement.decode_unverified(statement.encode(made, lambda message: bytes(64)))
    assert (read.time, read.clock, read.error_ms) == reading


def test_the_kernel_is_asked_and_changes_nothing() -> None:
    found = clock.read_kernel()
    assert found is None or found.error_ms >= 0
    assert clock.describe_host()
