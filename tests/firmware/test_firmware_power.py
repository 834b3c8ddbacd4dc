"""The 12 V guard: every line of the table, every limit at its edge, and what can never happen."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vcu import power
from vcu.power import (
    ASLEEP,
    AWAKE,
    CRITICAL,
    DROWSY,
    LOCKED,
    LOW,
    NOTHING,
    PENDING,
    PLUGGED,
    QUIET,
    RESTED,
    SILENT,
    STILL,
    SUPPLY_EMPTY,
    SUPPLY_LOW,
    USED,
    Guard,
    next_state,
)

PARKED = LOCKED | STILL
GOOD_MV = 12_700
STATES = range(5)


def test_every_case_of_the_table():
    for state, event in itertools.product(STATES, range(6)):
        expected = {
            USED: AWAKE,
            RESTED: ASLEEP if state == ASLEEP else DROWSY,
            # From use to sleep it goes by way of drowsiness, in which it falls silent itself.
            QUIET: DROWSY if state == AWAKE else ASLEEP,
            SUPPLY_LOW: LOW,
            SUPPLY_EMPTY: CRITICAL,
            NOTHING: state,
        }[event]
        assert next_state(state, event) == expected, (state, event)


def guard_after(seconds, supply_mv, facts, guard=None, begin_s=0):
    guard = guard or Guard(AWAKE, 0)
    for second in range(begin_s + 1, begin_s + seconds + 1):
        guard.step(supply_mv, facts, second * 1000)
    return guard


def test_sleeps_after_ten_minutes_and_a_silent_bus():
    assert guard_after(599, GOOD_MV, PARKED).state == AWAKE
    guard = guard_after(600, GOOD_MV, PARKED)
    assert guard.state == DROWSY
    assert guard_after(3_600, GOOD_MV, PARKED, guard, 600).state == DROWSY  # others still talk
    assert guard.step(GOOD_MV, LOCKED | SILENT, 4_201_000) == ASLEEP


@pytest.mark.parametrize(
    "facts",
    [STILL, SILENT, LOCKED, PARKED | PLUGGED, LOCKED | SILENT | PLUGGED, PLUGGED, 0],
)
@pytest.mark.parametrize("supply_mv", [None, 12_700, 11_900, 11_500, 9_000])
def test_in_use_it_stays_awake_whatever_the_supply(facts, supply_mv):
    assert guard_after(7_200, supply_mv, facts).state == AWAKE


@pytest.mark.parametrize("facts", [PARKED | PENDING, LOCKED | SILENT | PENDING])
@pytest.mark.parametrize("supply_mv", [12_700, 11_900, 11_500, 9_000])
def test_what_is_to_be_sent_is_sent_first(facts, supply_mv):
    guard = guard_after(7_200, supply_mv, facts)
    assert guard.state == AWAKE
    # The rest went on counting meanwhile.
    assert guard.step(supply_mv, facts & ~PENDING, 7_201_000) > AWAKE


def test_use_wakes_it_from_every_state():
    for state in STATES:
        guard = Guard(AWAKE, 0)
        guard.state = state
        assert guard.step(GOOD_MV, LOCKED, 1_000) == AWAKE
        assert guard.step(GOOD_MV, PARKED, 2_000) == AWAKE


@pytest.mark.parametrize(
    ("level", "limit_mv"), [(power.GOOD, 12_200), (power.WEAK, 11_800), (power.FLAT, 11_300)]
)
def test_a_level_falls_at_its_limit_and_after_its_time(level, limit_mv):
    def after(supply_mv, seconds):
        guard = Guard(AWAKE, 0)
        guard.level = level
        return guard_after(seconds, supply_mv, 0, guard).level

    assert after(limit_mv, 3_600) <= level
    assert after(limit_mv - 1, 59) == level
    assert after(limit_mv - 1, 60) == level + 1


@pytest.mark.parametrize(
    ("level", "limit_mv"), [(power.WEAK, 12_500), (power.FLAT, 12_100), (power.EMPTY, 11_600)]
)
def test_a_level_rises_above_its_limit_and_after_its_time(level, limit_mv):
    def after(supply_mv, seconds):
        guard = Guard(AWAKE, 0)
        guard.level = level
        return guard_after(seconds, supply_mv, 0, guard).level

    assert after(limit_mv - 1, 3_600) >= level
    assert after(limit_mv, 59) == level
    assert after(limit_mv, 60) == level - 1


def test_dips_do_not_count():
    guard = Guard(AWAKE, 0)
    for second in range(1, 7_200):
        # Under load for 59 of 60 seconds.
        guard.step(GOOD_MV if second % 60 == 0 else 9_000, PARKED | PENDING, second * 1000)
    assert guard.level == power.GOOD


@pytest.mark.parametrize("supply_mv", [None, 0, 4_999, 18_001])
def test_what_is_not_measured_changes_no_level(supply_mv):
    for level in range(4):
        guard = Guard(AWAKE, 0)
        guard.level = level
        assert guard_after(600, supply_mv, 0, guard).level == level
    assert power.is_measured(5_000) and power.is_measured(18_000)


@pytest.mark.parametrize(
    ("supply_mv", "state", "rest_s"),
    [(12_700, DROWSY, 600), (12_000, DROWSY, 60), (11_500, LOW, 10), (10_500, CRITICAL, 10)],
)
def test_the_lower_the_supply_the_sooner_it_sleeps(supply_mv, state, rest_s):
    guard = guard_after(600, supply_mv, LOCKED)  # long enough to know the level, not at rest
    assert guard_after(rest_s - 1, supply_mv, PARKED, guard, 600).state == AWAKE
    assert guard_after(1, supply_mv, PARKED, guard, 600 + rest_s - 1).state == state


def test_a_supply_that_was_low_before_the_start_is_low_still():
    assert guard_after(10, 11_500, PARKED, Guard(LOW, 0)).state == LOW
    assert guard_after(10, 11_500, PARKED, Guard(ASLEEP, 0)).state == AWAKE


def test_what_wakes_it():
    both = power.BY_BUS | power.BY_BUTTON
    assert power.wakes(ASLEEP, True) == power.wakes(ASLEEP, False) == both
    assert (power.wakes(LOW, True), power.wakes(LOW, False)) == (both, power.BY_BUTTON)
    assert power.wakes(CRITICAL, True) == power.wakes(CRITICAL, False) == 0
    assert all(power.LOOK_MS[state] for state in (ASLEEP, LOW, CRITICAL))


@pytest.mark.parametrize(
    ("slept", "supply_mv", "state"),
    [
        (ASLEEP, 11_800, ASLEEP),
        (ASLEEP, 11_799, LOW),
        (ASLEEP, 11_300, LOW),
        (ASLEEP, 11_299, CRITICAL),
        (ASLEEP, 0, ASLEEP),
        (ASLEEP, None, ASLEEP),
        (LOW, 12_100, ASLEEP),
        (LOW, 12_099, LOW),
        (LOW, 11_299, CRITICAL),
        (LOW, 20_000, LOW),
        (CRITICAL, 11_599, CRITICAL),
        (CRITICAL, 11_600, AWAKE),
        (CRITICAL, 0, AWAKE),
        (CRITICAL, None, AWAKE),
        (AWAKE, 9_000, AWAKE),
        (DROWSY, 9_000, AWAKE),
        (99, 9_000, AWAKE),
    ],
)
def test_after_the_timer(slept, supply_mv, state):
    assert power.after_sleep(slept, supply_mv, True) == state
    assert power.after_sleep(slept, supply_mv, False) == AWAKE


@given(
    st.lists(
        st.tuples(
            st.integers(1, 200),
            st.none() | st.integers(0, 20_000),
            st.integers(0, 31),
        ),
        max_size=40,
    ),
    st.integers(0, 4),
)
def test_never_sleeps_unless_at_rest_for_long_enough(steps, slept):
    guard = Guard(slept, 0)
    now_s = rest_since_s = 0
    for seconds, supply_mv, facts in steps:
        for _ in range(seconds):
            now_s += 1
            resting = facts & LOCKED and facts & (STILL | SILENT) and not facts & PLUGGED
            if not resting:
                rest_since_s = now_s
            before = guard.state
            state = guard.step(supply_mv, facts, now_s * 1000)
            assert power.GOOD <= guard.level <= power.EMPTY
            assert resting or state == AWAKE
            if state > before:
                assert not facts & PENDING
                assert (now_s - rest_since_s) * 1000 >= power.REST_MS[guard.level]
            if state == ASLEEP and before != ASLEEP:
                assert facts & SILENT and before != AWAKE
            if state in (LOW, CRITICAL) and state != before:
                assert guard.level >= power.FLAT
