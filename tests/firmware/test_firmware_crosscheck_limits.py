"""Each limit of the cross-check, at the last value on this side and the first on the other."""

import pytest
from vcu import crosscheck
from vcu.crosscheck import (
    CLOCK,
    DRIFT,
    DRIFT_MM,
    FAR_LOOKS,
    FAR_MM,
    FASTEST_MMPS,
    FOLLOW_MS,
    HOLD_MS,
    JUMP_S,
    LEAP,
    LEAP_LOOKS,
    LEAP_MM,
    LOOK_MS,
    ON_STAND,
    PAIR_MS,
    ROLLING_MMPS,
    SETTLE_LOOKS,
    SPOOFED,
    STAND_LOOKS,
    STAND_MM,
    STANDING_MMPS,
    STILL_MM,
    TURNING_MMPS,
    CrossCheck,
)
from vcu.geo import distance_mm

NOW_S = 1_893_456_000


def within(limit_mm):
    """The furthest north in 1e-7 degree that is not beyond the limit."""
    north = limit_mm * 8 // 89 + 20
    while distance_mm(0, 0, north, 0) > limit_mm:
        north -= 1
    return north


def beyond(limit_mm):
    return within(limit_mm) + 1


class Looks:
    """One look a second, at a place to the north of the equator's first point."""

    def __init__(self, settled=True):
        self.check = CrossCheck()
        self.now_ms = 0
        self.wheel_mm = 0
        self.way_mm = 0  # to the north
        if settled:
            self.look(SETTLE_LOOKS + 1)

    def look(
        self, times=1, north=0, rolled=0, wheel=0, speed=0, fix=True, after_ms=LOOK_MS, wall_s=0
    ):
        """Returns the flags of the last look."""
        flags = 0
        for _ in range(times):
            self.now_ms += after_ms
            self.wheel_mm += rolled
            seen = (north, 0, speed) if fix else None
            flags = self.check.look(self.now_ms, self.wheel_mm, wheel, seen, wall_s)
        return flags


def test_a_look_is_due_each_second():
    check = CrossCheck()
    assert check.due(0)
    check.look(500, 0, 0, None, 0)
    assert not check.due(500 + LOOK_MS - 1)
    assert check.due(500 + LOOK_MS)


# --- spoofed ---


def test_positions_far_from_where_the_wheels_stopped():
    looks = Looks()
    assert looks.look(3 * FAR_LOOKS, within(FAR_MM)) == 0
    assert looks.look(FAR_LOOKS - 1, beyond(FAR_MM)) == 0
    assert looks.look(1, beyond(FAR_MM)) == SPOOFED


def test_far_looks_count_in_a_row():
    looks = Looks()
    for _ in range(3):
        assert looks.look(FAR_LOOKS - 1, beyond(FAR_MM)) == 0
        assert looks.look(1, within(FAR_MM)) == 0


@pytest.mark.parametrize(("more", "flags"), [(0, SPOOFED), (1, 0)])
def test_how_far_the_wheels_may_have_rolled(more, flags):
    looks = Looks()
    looks.look(1, 0, STILL_MM)
    looks.look(1, beyond(FAR_MM), more)  # from here on it is another place
    assert looks.look(2 * FAR_LOOKS, beyond(FAR_MM)) == flags


def test_wheels_that_rolled_on_begin_the_count_anew():
    looks = Looks()
    looks.look(FAR_LOOKS - 1, beyond(FAR_MM))
    looks.look(1, beyond(FAR_MM), STILL_MM + 1)  # a new place to stand
    assert looks.look(FAR_LOOKS - 1, 0) == 0
    assert looks.look(1, 0) == SPOOFED


def test_what_happens_while_the_wheel_is_silent_is_not_judged():
    looks = Looks()
    looks.look(1, 0, wheel=None)
    assert looks.look(3 * FAR_LOOKS, beyond(FAR_MM)) == 0
    assert looks.look(3 * FAR_LOOKS, beyond(FAR_MM), wheel=None) == 0


def test_positions_count_only_once_the_receiver_has_settled():
    looks = Looks()
    for _ in range(4):
        looks.look(1, fix=False)
        assert looks.look(SETTLE_LOOKS - 1, within(50 * LEAP_MM), wheel=2_000) == 0
    assert looks.look(60) == 0


def test_the_tenth_good_look_is_the_first_that_counts():
    looks = Looks(settled=False)
    looks.look(SETTLE_LOOKS - 1)
    assert looks.check._believed is None
    looks.look(1)
    assert looks.check._believed is not None


# --- on a stand ---


def test_wheels_that_turn_under_a_standing_receiver():
    looks = Looks()
    turning = {"rolled": TURNING_MMPS, "wheel": TURNING_MMPS, "speed": STANDING_MMPS}
    assert looks.look(STAND_LOOKS, **turning) == 0
    assert looks.look(1, **turning) == ON_STAND
    backwards = Looks()
    assert backwards.look(STAND_LOOKS + 1, **turning | {"wheel": -TURNING_MMPS}) == ON_STAND


@pytest.mark.parametrize("less", [{"wheel": TURNING_MMPS - 1}, {"speed": STANDING_MMPS + 1}])
def test_less_than_that_is_no_stand(less):
    turning = {"rolled": TURNING_MMPS, "wheel": TURNING_MMPS, "speed": STANDING_MMPS}
    assert Looks().look(5 * STAND_LOOKS, **turning | less) == 0


@pytest.mark.parametrize(("where", "flags"), [(within(STAND_MM), ON_STAND), (beyond(STAND_MM), 0)])
def test_how_far_a_standing_receiver_may_wander(where, flags):
    looks = Looks()
    turning = {"rolled": TURNING_MMPS, "wheel": TURNING_MMPS}
    for _ in range(STAND_LOOKS // 2):
        looks.look(1, 0, **turning)
        last = looks.look(1, where, **turning)
    assert looks.look(1, where, **turning) | last == flags


def test_a_position_that_creeps_away_is_no_stand():
    looks = Looks()
    for metre in range(0, 90, 3):
        assert looks.look(1, metre * 90, TURNING_MMPS, TURNING_MMPS) == 0


@pytest.mark.parametrize("pause", [{"fix": False}, {"wheel": 0}, {"speed": 5_000}])
def test_stand_looks_count_in_a_row(pause):
    looks = Looks()
    turning = {"rolled": TURNING_MMPS, "wheel": TURNING_MMPS}
    for _ in range(4):
        assert looks.look(STAND_LOOKS, **turning) == 0
        looks.look(1, **turning | pause)
        if "fix" in pause:
            looks.look(SETTLE_LOOKS - 1, **turning)


# --- leaps ---


def test_a_leap_must_be_wide_and_stay():
    looks = Looks()
    assert looks.look(3 * LEAP_LOOKS, within(LEAP_MM)) & LEAP == 0
    looks = Looks()
    assert looks.look(LEAP_LOOKS - 1, beyond(LEAP_MM)) == 0
    assert looks.look(1, 0) == 0
    assert looks.look(LEAP_LOOKS - 1, beyond(LEAP_MM)) == 0
    assert looks.look(1, beyond(LEAP_MM)) == LEAP


def test_the_way_of_the_wheels_and_a_quarter_of_it_may_be_between():
    for rolled in (8_000, 400_000):
        near, far = Looks(), Looks()
        reach = rolled + rolled // 4
        for looks in (near, far):
            looks.look(1, rolled=rolled, wheel=5_000, fix=False)
            looks.look(SETTLE_LOOKS - 1, fix=False)
            looks.check._settled = SETTLE_LOOKS  # as if the sky had been good all the time
        assert near.look(LEAP_LOOKS, within(LEAP_MM + reach)) & LEAP == 0
        assert far.look(LEAP_LOOKS, beyond(LEAP_MM + reach)) & LEAP == LEAP


def test_a_silent_wheel_may_have_gone_at_full_speed():
    near, far = Looks(), Looks()
    for looks in (near, far):
        looks.look(20, wheel=None, fix=False)
        looks.check._settled = SETTLE_LOOKS
    reach = LEAP_MM + 21 * FASTEST_MMPS
    assert near.look(1, within(reach)) == 0 and near.check._odd_looks == 0
    assert far.look(1, beyond(reach)) == 0 and far.check._odd_looks == 1


def test_only_what_was_rolled_since_the_last_believed_position_counts():
    looks = Looks()
    for second in range(60):
        looks.look(1, second * 450, 5_000, 5_000, 5_000)
    assert looks.look(LEAP_LOOKS, 60 * 450 + beyond(2 * LEAP_MM)) == LEAP


# --- how long a flag stays ---


def test_a_flag_is_held_for_a_minute():
    looks = Looks()
    looks.look(LEAP_LOOKS, beyond(LEAP_MM))
    assert looks.check.flags(looks.now_ms + HOLD_MS) == LEAP
    assert looks.check.flags(looks.now_ms + HOLD_MS + 1) == 0


# --- drift ---


def kilometre(looks, by_speed, by_track, wheel=5_000, after_ms=LOOK_MS, speed=None):
    """A kilometre straight ahead; GNSS says so many permille more. Returns the flags."""
    rolled = 5_000 * after_ms // 1000
    speed = 5_000 * (1000 + by_speed) // 1000 if speed is None else speed
    way_mm, flags = looks.way_mm, 0
    for _ in range(DRIFT_MM // rolled + 1):
        way_mm += rolled * (1000 + by_track) // 1000
        north = way_mm * 8 // 89 + 1
        flags |= looks.look(1, north, rolled, wheel, speed, after_ms=after_ms)
    looks.way_mm = way_mm
    return flags


@pytest.mark.parametrize(
    ("by_speed", "by_track", "flags"),
    [(80, 200, 0), (82, 200, DRIFT), (200, 79, 0), (200, 82, DRIFT),
     (-80, -200, 0), (-82, -200, DRIFT), (-200, -78, 0), (-200, -82, DRIFT), (200, -200, 0)],
)  # fmt: skip
def test_both_must_differ_to_the_same_side(by_speed, by_track, flags):
    assert kilometre(Looks(), by_speed, by_track) & DRIFT == flags


@pytest.mark.parametrize(("then", "flags"), [(62, DRIFT), (58, 0), (-70, DRIFT), (0, 0)])
def test_a_drift_goes_when_a_kilometre_is_good(then, flags):
    looks = Looks()
    assert kilometre(looks, 120, 120) & DRIFT
    kilometre(looks, then, then)
    assert looks.check.flags(looks.now_ms) & DRIFT == flags


@pytest.mark.parametrize("less", [
    {"wheel": TURNING_MMPS - 1}, {"speed": ROLLING_MMPS - 1}, {"after_ms": PAIR_MS + 1},
])  # fmt: skip
def test_what_hardly_rolls_or_was_not_seen_in_a_pair_is_not_measured(less):
    looks = Looks()
    kilometre(looks, 150, 150, **less)
    assert looks.check._way_mm == 0


@pytest.mark.parametrize("more", [
    {"wheel": TURNING_MMPS}, {"wheel": -TURNING_MMPS}, {"speed": ROLLING_MMPS},
    {"after_ms": PAIR_MS},
])  # fmt: skip
def test_what_just_rolls_is_measured(more):
    looks = Looks()
    rolled = 5_000 * more.get("after_ms", LOOK_MS) // 1000
    settings = {"wheel": 5_000, "speed": 5_000} | more
    looks.look(1, **settings)
    looks.look(4, rolled=rolled, **settings)
    assert looks.check._way_mm == 4 * rolled


# --- the clock ---


def test_a_jump_of_the_clock():
    for jump_s, flags in ((JUMP_S - 1, 0), (JUMP_S, CLOCK), (1 - JUMP_S, 0), (-JUMP_S, CLOCK)):
        looks = Looks()
        looks.look(1, wall_s=NOW_S)
        assert looks.look(1, wall_s=NOW_S + 1 + jump_s) == flags


def clock(looks, ahead_s, after_ms=LOOK_MS):
    """A look at a wall clock that is so many seconds ahead of the uptime."""
    return looks.look(
        1, wall_s=NOW_S + (looks.now_ms + after_ms) // 1000 + ahead_s, after_ms=after_ms
    )


@pytest.mark.parametrize("way", [1, -1])
def test_a_clock_may_drift_a_second_in_ten_minutes(way):
    looks = Looks()
    looks.now_ms = 3_600_000
    assert clock(looks, 0) == 0
    assert clock(looks, way * 2, FOLLOW_MS - LOOK_MS) == 0
    assert clock(looks, way * 1) == 0  # now it is taken over
    assert clock(looks, way * JUMP_S) == 0
    assert clock(looks, way * (JUMP_S + 1)) == CLOCK  # the next one is due much later


@pytest.mark.parametrize("way", [1, -1])
def test_it_is_not_taken_over_any_sooner(way):
    looks = Looks()
    looks.now_ms = 3_600_000
    for ahead_s in range(JUMP_S):
        assert clock(looks, way * ahead_s) == 0
    assert clock(looks, way * JUMP_S) == CLOCK


def test_the_flags_are_five_bits():
    bits = (SPOOFED, ON_STAND, LEAP, CLOCK, DRIFT)
    assert bits == (1, 2, 4, 8, 16) and len(bits) == crosscheck._FLAGS
