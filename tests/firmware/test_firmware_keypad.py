"""Keys, the emergency egress and the limits of speed: pure parts, over any sequence."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vcu import limits
from vcu.egress import RELEASE_MS, Egress
from vcu.keypad import CLEAR, DIGIT, ENTER, ENTERED, IDLE_MS, MOST, NOTHING, Keypad

from protocol import command, grant, lock
from protocol.access import Clock
from protocol.can_table import MESSAGES
from protocol.panel import CLEAR as WIRE_CLEAR
from protocol.panel import ENTER as WIRE_ENTER


def pressed(*keys):
    """A keypad on which these keys were pressed, one a frame."""
    made = Keypad()
    made.saw(0, 0, 0)
    for number, key in enumerate(keys):
        made.saw(number + 1, key, 0)
    return made


def test_the_keys_are_those_of_the_wire():
    assert (ENTER, CLEAR) == (WIRE_ENTER, WIRE_CLEAR)
    typed = next(signal for signal in MESSAGES["VCU_Panel"][5] if signal[0] == "Typed")
    assert typed[5] == MOST


def test_digits_are_kept_and_forgotten_once_taken():
    keypad = pressed(1, 2, 0, 9)
    assert keypad.typed == 4 and keypad.take() == b"1209"
    assert keypad.typed == 0 and keypad.take() == b""


def test_the_first_frame_is_no_press_and_a_repeated_one_none_either():
    keypad = Keypad()
    assert keypad.saw(77, 5, 0) == NOTHING
    assert keypad.saw(77, 5, 100) == NOTHING
    assert keypad.typed == 0
    assert keypad.saw(78, 5, 200) == DIGIT and keypad.typed == 1


def test_the_count_wraps():
    keypad = Keypad()
    keypad.saw(255, 0, 0)
    assert keypad.saw(0, 4, 0) == DIGIT and keypad.take() == b"4"


@pytest.mark.parametrize("leap", [2, 3, 128, 254, 255])
def test_a_lost_frame_forgets_what_was_typed(leap):
    keypad = pressed(1, 2, 3)
    assert keypad.saw((3 + leap) & 0xFF, 4, 0) == NOTHING
    assert keypad.typed == 0


def test_enter_clear_and_keys_that_are_none():
    keypad = pressed(1, 2)
    assert keypad.saw(3, ENTER, 0) == ENTERED and keypad.typed == 2
    assert keypad.saw(4, 12, 0) == NOTHING and keypad.typed == 2
    assert keypad.saw(5, CLEAR, 0) == NOTHING and keypad.typed == 0


def test_more_digits_than_the_frame_can_tell_are_left_out():
    keypad = pressed(*[7] * (MOST + 5))
    assert keypad.typed == MOST and keypad.take() == b"7" * MOST


def test_nobody_goes_on_with_the_digits_of_another():
    keypad = pressed(1)
    keypad.tick(IDLE_MS - 1)
    assert keypad.typed == 1
    keypad.tick(IDLE_MS)
    assert keypad.typed == 0


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 15), st.integers(0, 40_000))))
def test_the_digits_are_those_since_the_last_break(frames):
    """Against a list: what was pressed since a leap, a pause, Clear or Enter."""
    keypad, wanted, presses, now_ms, at_ms = Keypad(), [], 0, 0, 0
    keypad.saw(0, 0, 0)
    for step, digit, pause_ms in frames:
        now_ms += pause_ms
        keypad.tick(now_ms)
        if wanted and now_ms - at_ms >= IDLE_MS:
            wanted = []
        presses += step
        event = keypad.saw(presses & 0xFF, digit, now_ms)
        if step == 1:
            at_ms = now_ms
        if step > 1 or (step == 1 and digit == CLEAR):
            wanted = []
        elif step == 1 and digit <= 9:
            wanted = (wanted + [digit])[:MOST]
        assert event == (0 if step != 1 else ENTERED if digit == ENTER else int(digit <= 9))
        if event == ENTERED:
            assert keypad.take() == bytes(0x30 + digit for digit in wanted)
            wanted = []
        assert keypad.typed == len(wanted)


# --- egress ---


def test_a_press_releases_the_door_for_five_seconds_and_is_recorded_once():
    egress = Egress()
    assert not egress.releases(0) and not egress.unrecorded
    for now_ms in range(0, 1_000, 100):
        egress.saw(True, now_ms)
        assert egress.releases(now_ms) and egress.unrecorded
    egress.unrecorded = False
    egress.saw(True, 1_000)
    egress.saw(False, 1_100)
    assert egress.releases(1_000 + RELEASE_MS - 1) and not egress.releases(1_000 + RELEASE_MS)
    assert not egress.unrecorded


def test_pressed_again_while_open_is_the_same_press_and_later_another():
    egress = Egress()
    egress.saw(True, 0)
    egress.unrecorded = False
    egress.saw(False, 100)
    egress.saw(True, 4_000)
    assert egress.releases(8_999) and not egress.unrecorded
    egress.saw(False, 4_100)
    egress.saw(True, 9_000)
    assert egress.releases(9_000) and egress.unrecorded


def test_a_button_that_falls_silent_holds_nothing_open():
    egress = Egress()
    egress.saw(True, 0)
    assert not egress.releases(RELEASE_MS)
    egress.unrecorded = False
    egress.saw(True, 20_000)  # it was never seen released: the same press
    assert egress.releases(20_000) and not egress.unrecorded


@settings(max_examples=200)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 7_000))))
def test_whoever_presses_gets_out_and_few_records_come_of_it(frames):
    egress, now_ms, records = Egress(), 0, 0
    for held, pause_ms in frames:
        now_ms += pause_ms
        egress.saw(held, now_ms)
        assert not held or egress.releases(now_ms)
        records += egress.unrecorded
        egress.unrecorded = False
    assert records <= 1 + now_ms // RELEASE_MS


# --- limits ---

NOW = 1_900_000_000
MAXIMUM = 12_500


@pytest.mark.parametrize(
    ("until", "now", "certain", "holds"),
    [
        (0, NOW, True, True),
        (0, 0, False, True),
        (NOW, NOW - 1, True, True),
        (NOW, NOW, True, False),
        (NOW, NOW + 1, True, False),
        (NOW, NOW + 1, False, True),  # who is not sure of the time lifts no limit
    ],
)
def test_a_zone_ends_with_its_time(until, now, certain, holds):
    assert limits.zone(5_000, until, Clock(now, certain)) == (5_000 if holds else 0)
    assert limits.zone(0, until, Clock(now, certain)) == 0


@pytest.mark.parametrize(
    ("granted", "zone_mmps", "goal"),
    [
        (None, 0, (MAXIMUM, lock.DRIVE_FREE)),
        (5_000, 0, (5_000, lock.DRIVE_GRANT_LIMIT)),
        (None, 4_000, (4_000, lock.DRIVE_ZONE_LIMIT)),
        (5_000, 4_000, (4_000, lock.DRIVE_ZONE_LIMIT)),
        (4_000, 5_000, (4_000, lock.DRIVE_GRANT_LIMIT)),
        (4_000, 4_000, (4_000, lock.DRIVE_GRANT_LIMIT)),
        (MAXIMUM, MAXIMUM, (MAXIMUM, lock.DRIVE_FREE)),
        (MAXIMUM - 1, 0, (MAXIMUM - 1, lock.DRIVE_GRANT_LIMIT)),
        (None, MAXIMUM - 1, (MAXIMUM - 1, lock.DRIVE_ZONE_LIMIT)),
        (0, 4_000, (0, lock.DRIVE_GRANT_LIMIT)),
    ],
)
def test_the_lowest_limit_counts_and_is_named(granted, zone_mmps, goal):
    session = {} if granted is None else {grant.MAX_SPEED_MMPS: granted}
    assert limits.goal(MAXIMUM, session, zone_mmps) == goal


@given(
    st.integers(1, 20_000),
    st.none() | st.integers(0, 20_000),
    st.just(0) | st.integers(command.MIN_ZONE_MMPS, 20_000),
)
def test_a_limit_never_raises_and_a_zone_never_stops(maximum, granted, zone_mmps):
    session = {} if granted is None else {grant.MAX_SPEED_MMPS: granted}
    mmps, reason = limits.goal(maximum, session, zone_mmps)
    without, _ = limits.goal(maximum, session, 0)
    assert mmps <= maximum and mmps <= without
    assert mmps >= min(without, command.MIN_ZONE_MMPS)
    assert (reason == lock.DRIVE_FREE) == (mmps == maximum)
