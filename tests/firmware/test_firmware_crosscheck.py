"""The wheel against the satellites and the clocks: every fault is flagged, nothing else is.

Drives on the routes of the simulated vehicle, with its receiver, faster than real time.
"""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vcu import crosscheck
from vcu.crosscheck import (
    CLOCK,
    DRIFT,
    HOLD_MS,
    JUMP_S,
    LEAP,
    ON_STAND,
    SPOOFED,
    CrossCheck,
    good_fix,
)
from vcu.odometer import Odometer

from hw.model.gnss import GnssFaults, Receiver
from hw.model.route import load_routes

ROUTES = load_routes()
NOW_S = 1_893_456_000
TICK_MS = 200
BRAKING_MPS2 = 1.2


class Trip:
    """A vehicle on a route: wheel and receiver at 5 Hz, a look each second."""

    def __init__(self, seed=0, route=0, wheel=1.0, rider=None):
        self.route = ROUTES[route % len(ROUTES)]
        self.receiver = Receiver(seed)
        self.chance = random.Random(seed)
        self.check = CrossCheck()
        self.odometer = Odometer()
        self.wheel = wheel  # what the wheel says of the true speed
        self.now_ms = 0
        self.at_m = 0.0
        self.speed_mps = 0.0
        self.knows_wheel = True
        self.on_stand = False
        self.carried_mps = 0.0
        self.clock_s = NOW_S
        self.seen = 0

    def drive(self, seconds, cruise_mps=6.5, **faults):
        """Follows the street as the simulated rider does; returns the flags that were ever up."""
        self.receiver.faults = GnssFaults(**faults)
        seen = 0
        for _ in range(seconds * 1000 // TICK_MS):
            self._move(cruise_mps)
            self.now_ms += TICK_MS
            if self.check.due(self.now_ms):
                seen |= self._look()
        self.seen |= seen
        return seen

    def stop_and_go(self, rounds, **faults):
        seen = 0
        for _ in range(rounds):
            seen |= self.drive(self.chance.randrange(5, 60), self.chance.uniform(0.3, 9), **faults)
            seen |= self.drive(self.chance.randrange(3, 40), 0.0, **faults)
        return seen

    def _move(self, cruise_mps):
        limit = self.route.speed_limit_mps(self.at_m, BRAKING_MPS2)
        wanted = min(cruise_mps, limit)
        change = max(-BRAKING_MPS2, min(BRAKING_MPS2, wanted - self.speed_mps)) * TICK_MS / 1000
        self.speed_mps = max(0.0, self.speed_mps + change)
        if not self.on_stand:
            self.at_m += self.speed_mps * TICK_MS / 1000
        self.at_m += self.carried_mps * TICK_MS / 1000
        if self.knows_wheel:
            self.odometer.add(self.wheel_mmps(), TICK_MS)
        self.receiver.wander()

    def wheel_mmps(self):
        return round(self.speed_mps * self.wheel * 1000)

    def true_mps(self):
        return self.carried_mps + (0.0 if self.on_stand else self.speed_mps)

    def fix(self):
        place = self.route.place(self.at_m, self.receiver.error_m)
        place, speed_mps = self.receiver.seen(place, self.true_mps())
        fix, hdop_d, satellites = self.receiver.status()
        status = {"Fix": fix, "Hdop_d": hdop_d, "Satellites": satellites}
        status["Speed_mmps"] = round(speed_mps * 1000)
        return good_fix(status, {"Latitude_e7": place.lat_e7, "Longitude_e7": place.lon_e7})

    def _look(self):
        wheel_mmps = self.wheel_mmps() if self.knows_wheel else None
        wall_s = self.clock_s + self.now_ms // 1000 if self.clock_s else 0
        return self.check.look(self.now_ms, self.odometer.run_mm, wheel_mmps, self.fix(), wall_s)


# --- nothing is flagged ---


@pytest.mark.parametrize("route", range(0, len(ROUTES), 3))
def test_an_ordinary_ride_raises_no_flag(route):
    trip = Trip(seed=route, route=route)
    trip.stop_and_go(12)
    trip.drive(400)
    assert trip.seen == 0
    assert trip.odometer.metres > 2_000


@pytest.mark.parametrize("noise", [1, 4, 10])
def test_multipath_at_standstill_and_in_traffic_raises_no_flag(noise):
    for seed in range(4):
        trip = Trip(seed, route=seed)
        trip.drive(900, 0.0, noise=noise)
        trip.stop_and_go(8, noise=noise)
        assert trip.seen == 0, seed


def test_creeping_in_a_jam_raises_no_flag():
    trip = Trip(7)
    # Slower than what counts as standing: 0.04 m/s for an hour are 144 m.
    assert trip.drive(3_600, 0.04) == 0
    assert trip.drive(1_200, 0.8) == 0


def test_tunnels_bad_skies_and_a_slow_start_of_the_receiver_raise_no_flag():
    trip = Trip(3, route=2)
    trip.drive(60)
    for way in (30, 200, 5):
        trip.drive(way, dropped=True)
        trip.drive(8, noise=40)  # it converges
        trip.drive(40)
    trip.drive(300, noise=60, hdop_d=60)
    trip.drive(300, noise=60, satellites=4)
    trip.drive(60)
    assert trip.seen == 0


def test_a_short_echo_is_no_leap():
    trip = Trip(3)
    trip.drive(60)
    for _ in range(5):
        trip.drive(3, shift_m=(250.0, -90.0))
        trip.drive(30)
    assert trip.seen == 0


def test_a_worn_or_new_tyre_is_no_drift():
    for wheel in (0.95, 1.05):
        trip = Trip(5, route=4, wheel=wheel)
        assert trip.drive(1_200) == 0
        assert trip.odometer.metres > 3_000


def test_a_silent_motor_controller_proves_nothing():
    trip = Trip(9)
    trip.drive(30)
    trip.knows_wheel = False
    assert trip.drive(120) == 0
    trip.knows_wheel = True
    assert trip.drive(120) == 0


@given(st.lists(st.sampled_from([
    (30, 6.5, {}), (20, 0.0, {}), (40, 2.0, {"noise": 5}), (25, 8.0, {"dropped": True}),
    (15, 0.0, {"dropped": True}), (30, 0.5, {"hdop_d": 80, "noise": 30}), (60, 0.0, {"noise": 8}),
]), max_size=12), st.integers(0, 2**32))  # fmt: skip
def test_no_mixture_of_ordinary_things_raises_a_flag(parts, seed):
    trip = Trip(seed, route=seed)
    for seconds, cruise_mps, faults in parts:
        trip.drive(seconds, cruise_mps, **faults)
    assert trip.seen == 0


# --- each fault is flagged, and ends ---


@pytest.mark.parametrize("walk", [(5.0, 0.0), (0.0, -1.5), (9.0, 9.0), (0.4, 0.3)])
def test_positions_that_move_while_the_wheels_stand_are_spoofed(walk):
    trip = Trip(1)
    trip.drive(60)
    trip.drive(20, 0.0)
    pace = (walk[0] ** 2 + walk[1] ** 2) ** 0.5
    assert trip.drive(int(110 / pace) + 15, 0.0, walk_mps=walk) == SPOOFED
    trip.drive(2, 0.0)
    assert trip.drive(HOLD_MS // 1000 + 20, 0.0) & SPOOFED  # still held
    assert trip.drive(60, 0.0) == 0


def test_a_vehicle_that_is_carried_away_looks_the_same():
    trip = Trip(1)
    trip.drive(60)
    trip.drive(10, 0.0)
    trip.carried_mps = 8.0
    assert trip.drive(40, 0.0) == SPOOFED
    trip.carried_mps = 0.0
    trip.drive(30)  # it rolls again: the place is where the wheels are
    trip.drive(HOLD_MS // 1000)
    assert trip.drive(60) == 0


@pytest.mark.parametrize("cruise_mps", [2.0, 6.0, 11.0])
def test_wheels_that_turn_while_gnss_stands_are_on_a_stand(cruise_mps):
    trip = Trip(2)
    trip.drive(60)
    trip.drive(15, 0.0)
    trip.on_stand = True
    assert trip.drive(40, cruise_mps, noise=3) == ON_STAND
    trip.drive(15, 0.0)
    trip.on_stand = False
    trip.drive(HOLD_MS // 1000)
    assert trip.drive(60) == 0


def test_a_receiver_that_is_stuck_is_flagged_too():
    trip = Trip(2)
    trip.drive(60)
    assert trip.drive(40, frozen=True) & ON_STAND


@pytest.mark.parametrize("shift", [(400.0, 0.0), (0.0, -3_000.0), (5e5, 5e5)])
@pytest.mark.parametrize("jammed_s", [0, 60])
def test_a_leap_that_stays_is_flagged_with_or_without_a_gap(shift, jammed_s):
    trip = Trip(4)
    trip.drive(60)
    trip.drive(20, 0.0)
    trip.drive(jammed_s, 0.0, dropped=True)
    seen = trip.drive(30, 0.0, shift_m=shift)
    assert seen & LEAP and not seen & ~(LEAP | SPOOFED)
    trip.drive(HOLD_MS // 1000 + 20, 6.5, shift_m=shift)
    assert trip.drive(60, 6.5, shift_m=shift) == 0


@pytest.mark.parametrize("wheel", [0.85, 1.12])
def test_a_wheel_of_another_size_is_found_after_a_kilometre(wheel):
    trip = Trip(6, route=5, wheel=wheel)
    trip.drive(20)
    seen = trip.drive(600)
    assert seen == DRIFT
    trip.wheel = 1.0
    trip.drive(400)
    assert trip.drive(300) == 0


@pytest.mark.parametrize("jump_s", [JUMP_S + 1, -JUMP_S - 1, 86_400, -86_400])
def test_a_clock_that_jumps_is_flagged_once(jump_s):
    trip = Trip(8)
    trip.drive(30)
    trip.clock_s += jump_s
    assert trip.drive(10) == CLOCK
    trip.drive(HOLD_MS // 1000)
    assert trip.drive(30) == 0


def test_a_clock_that_falls_behind_its_floor_is_flagged():
    trip = Trip(8)
    trip.drive(30)
    trip.clock_s = 0
    assert trip.drive(10) == CLOCK
    trip.drive(HOLD_MS // 1000)
    assert trip.drive(30) == 0
    trip.clock_s = NOW_S  # certain again: nothing to compare with
    assert trip.drive(30) == 0


def test_a_clock_that_was_set_by_right_is_no_jump():
    trip = Trip(8)
    trip.drive(30)
    trip.clock_s += 5_000
    trip.check.clock_set()
    assert trip.drive(30) == 0


@given(st.floats(-0.001, 0.001), st.integers(0, 999))
def test_a_clock_that_drifts_is_not_set(rate, phase_ms):
    check = CrossCheck()
    for now_ms in range(phase_ms, 7_200_000, 1_000):
        wall_s = NOW_S + int(now_ms * (1 + rate) / 1000)
        assert check.look(now_ms, 0, None, None, wall_s) == 0


def test_a_clock_that_runs_away_is_flagged():
    check = CrossCheck()
    seen = 0
    for now_ms in range(0, 7_200_000, 1_000):
        seen |= check.look(now_ms, 0, None, None, NOW_S + int(now_ms * 1.01 / 1000))
    assert seen == CLOCK


# --- whatever comes in ---

FIX = st.one_of(
    st.none(),
    st.tuples(
        st.integers(-900_000_000, 900_000_000),
        st.integers(-1_800_000_000, 1_800_000_000),
        st.integers(0, 65_535),
    ),
)
LOOK = st.tuples(
    st.integers(0, 100_000),
    st.integers(0, 60_000),
    st.one_of(st.none(), st.integers(-32_768, 32_767)),
    FIX,
    st.one_of(st.just(0), st.integers(0, 2**32 - 1)),
)


@given(st.lists(LOOK, max_size=60))
def test_any_looks_give_flags_and_nothing_else(looks):
    check = CrossCheck()
    now_ms = wheel_mm = 0
    for elapsed_ms, rolled_mm, wheel_mmps, fix, wall_s in looks:
        now_ms += elapsed_ms
        wheel_mm += rolled_mm
        flags = check.look(now_ms, wheel_mm, wheel_mmps, fix, wall_s)
        assert 0 <= flags < 1 << crosscheck._FLAGS
        assert check.flags(now_ms) == flags


QUALITY = {"Fix": 3, "Hdop_d": 25, "Satellites": 5, "Speed_mmps": 1}


@pytest.mark.parametrize(
    ("changes", "good"),
    [({}, True), ({"Fix": 2}, True), ({"Fix": 1}, False), ({"Fix": 0}, False),
     ({"Hdop_d": 26}, False), ({"Satellites": 4}, False)],
)  # fmt: skip
def test_what_is_a_good_fix(changes, good):
    position = {"Latitude_e7": 5, "Longitude_e7": -6}
    assert (good_fix(QUALITY | changes, position) == (5, -6, 1)) is good
    assert good_fix(QUALITY | changes, None) is None
    assert good_fix(None, position) is None
