"""What never breaks, whatever arrives: the safety kernel under arbitrary rows of inputs.

The machine plays a vehicle whose true speed it knows, and sensors, a rider, nodes and couriers that
may say anything at any time. The properties are about the truth, not about the kernel's own words.
"""

import sys
import types
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from vcu import safety as k

from protocol import can, lock, refusal

SPEEDS = st.one_of(
    st.sampled_from([0, 49, 50, 299, 300, 2_800, 12_500, -49, -50, -299, -300, -4_000]),
    st.integers(-32_768, 32_767),
)
TIMES = st.sampled_from([1, 19, 20, 21, 40, 99, 100, 101, 199, 200, 500, 5_000])
CAPS = st.one_of(st.sampled_from([1_700, 2_800, 12_500, 65_535]), st.integers(1_000, 65_535))
HMI = st.one_of(
    st.none(),
    st.tuples(st.booleans(), st.booleans(), st.integers(0, 2), st.booleans(), st.booleans()),
)
BRAKES_MMPSS = 9_000


class Ride(RuleBasedStateMachine):
    """`true_mmps` moves as a vehicle can; what the kernel hears of it is the sensor's business."""

    @initialize(unusable=st.sampled_from([0, 0, 0, 0, 2]), rides=st.booleans())
    def begin(self, unusable, rides):
        self.unusable = unusable
        self.state = k.start(unusable)
        self.outputs = None
        self.before = None
        self.true_mmps = 0
        self.sound = True  # the speed sensor says the truth
        self.heard = self.told = 0
        self.opened = False  # an unlock that took effect, and no lock since
        self.acted = False
        self.given = {
            "motor_mmps": None, "hmi": None, "plugged": False, "faults": 0,
            "limit_mmps": 12_500, "limit": lock.DRIVE_FREE, "tip_mmps": 65_535,
            "tip_warning": False,
        }  # fmt: skip
        self.step(None, 20, False)
        if rides:
            self.calm_time_passes(30)
            self.rider_is_ready(k.FORWARD)
            self.command_comes(k.UNLOCK)
            self.calm_time_passes(2)
            self.drive_towards(5_000, 1_000)

    # --- the world ---

    @rule(target_mmps=SPEEDS, ms=st.sampled_from([20, 200, 1_000]))
    def drive_towards(self, target_mmps, ms):
        """The true speed changes no quicker than tyres and brakes allow."""
        for _ in range(ms // 20):
            change = max(-180, min(180, target_mmps - self.true_mmps))
            self.true_mmps += change
            self.step(None, 20, False)

    @rule(heard=st.one_of(st.none(), SPEEDS))
    def sensor_lies(self, heard):
        self.sound = False
        self.heard = heard

    @rule()
    def sensor_is_sound(self):
        self.sound = True

    @rule(hmi=HMI)
    def dash_says(self, hmi):
        self.given["hmi"] = hmi

    @rule(gear=st.integers(1, 2))
    def rider_is_ready(self, gear):
        self.given["hmi"] = (True, True, gear, False, False)

    @rule(
        plugged=st.booleans(),
        faults=st.sampled_from([0, 1, 255]),
        motor=st.sampled_from([None, 0, 499, 500, -500]),
    )
    def nodes_say(self, plugged, faults, motor):
        self.given.update(plugged=plugged, faults=faults, motor_mmps=motor)

    @rule(limit=CAPS, why=st.sampled_from([0, lock.DRIVE_GRANT_LIMIT, lock.DRIVE_ZONE_LIMIT]))
    def limits_change(self, limit, why):
        self.given.update(limit_mmps=limit, limit=why)

    @rule(tip=CAPS, warning=st.booleans())
    def curve_comes(self, tip, warning):
        self.given.update(tip_mmps=tip, tip_warning=warning)

    @rule(command=st.sampled_from([k.UNLOCK, k.LOCK_STILL, k.UNLOCK]))
    def command_comes(self, command):
        self.step(command, 0, False)

    @rule(ms=TIMES, news=st.booleans())
    def time_passes(self, ms, news):
        self.step(None, ms, news)

    @rule(count=st.integers(1, 300))
    def calm_time_passes(self, count):
        for _ in range(count):
            self.step(None, 20, True)

    # --- the kernel ---

    def step(self, command, ms, news):
        heard = self.true_mmps if self.sound else self.heard
        given = k.Inputs(
            command=command, unusable=self.unusable, speed_mmps=heard, news=news, **self.given
        )
        before, was = self.state, self.outputs
        self.state, self.outputs = k.step(before, given, ms)
        if command == k.UNLOCK and not self.outputs.refused:
            self.opened = True
        self.told = heard
        self.check(before, was, given, ms)
        if self.outputs.lock == lock.LOCKED:
            self.opened = False

    def check(self, before, was, given, ms):
        now = self.outputs
        stands = self.state.still_ms >= k.STILL_MS
        assert not now.enable or self.opened, "drive without a session"
        assert not now.enable or not self.unusable
        if was is None:
            return
        if was.enable and not now.enable:
            assert stands, "drive was cut without a confirmed standstill"
        if now.enable and not was.enable:
            assert given.hmi and given.hmi[0] and given.hmi[1] and given.hmi[2]
            assert not given.plugged and given.news and given.speed_mmps is not None
            along = given.speed_mmps if given.hmi[2] == k.FORWARD else -given.speed_mmps
            assert along > -300, "drive against the motion"
        if was.lock != lock.LOCKED and now.lock == lock.LOCKED:
            assert stands, "locked without a confirmed standstill"
        if was.enable and now.enable:
            self.check_ramps(before, given, ms, stands)

    def check_ramps(self, before, given, ms, stands):
        state, ms = self.state, min(ms, 100)
        assert state.torque_ppm >= before.torque_ppm - 100 * ms
        assert state.torque_ppm >= 400_000, "limp goes on driving"
        if not stands:
            kept = before.cap_umps
            if given.speed_mmps is not None:
                kept = min(kept, 1000 * (abs(given.speed_mmps) + 1_000))
            curve = given.tip_mmps <= min(given.limit_mmps, 2_800)
            curve = curve or (given.tip_mmps <= given.limit_mmps and state.mode != k.LIMP)
            assert state.cap_umps >= kept - ms * (2_000 if curve else 500), "the cap fell as a step"
        if state.direction not in (before.direction, k.NEUTRAL):
            forward = state.direction == k.FORWARD
            if given.speed_mmps is None:
                assert forward and before.direction == k.NEUTRAL
            else:
                along = given.speed_mmps if forward else -given.speed_mmps
                assert along > -300, "drive against the motion"
                assert before.direction == k.NEUTRAL or along < 300

    @invariant()
    def a_sound_sensor_never_calls_motion_a_standstill(self):
        if self.outputs and self.sound and abs(self.true_mmps) >= 50:
            assert self.told != self.true_mmps or self.state.still_ms == 0

    @invariant()
    def what_is_not_heard_does_not_stand(self):
        if self.outputs and not self.sound and self.heard is None and self.state.gap_ms:
            assert self.state.still_ms == 0

    @invariant()
    def lights_and_horn_follow_the_rider(self):
        hmi = self.given["hmi"] if self.outputs else None
        if hmi:
            wanted = (hmi[3], hmi[4])
            after, now = k.step(self.state, self.inputs_now(), 20)
            assert (now.horn, now.lights) == wanted and after.lights == wanted[1]

    def inputs_now(self):
        heard = self.true_mmps if self.sound else self.heard
        return k.Inputs(
            command=None, unusable=self.unusable, speed_mmps=heard, news=False, **self.given
        )

    @invariant()
    def every_answer_fits_the_bus_and_has_a_reason(self):
        if self.outputs is None:
            return
        now = self.outputs
        can.encode(
            "VCU_Drive",
            {
                "Enable": now.enable, "Mode": now.mode, "Direction": now.direction,
                "TorqueCap_pct": now.torque_pct, "SpeedCap_mmps": now.cap_mmps,
                "Reason": now.reason, "Warning": now.warning,
            },
        )  # fmt: skip
        assert now.reason in lock.DRIVE_REASONS and now.lock_reason in lock.REASONS
        assert now.enable or now.reason != lock.DRIVE_FREE, "no drive needs a reason"
        assert now.refused in (0, refusal.STATE) and now.lock in lock.STATES
        assert 0 <= now.warning <= 255 and type(now.warning) is int


TestRide = Ride.TestCase
TestRide.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)


SEEDED = [
    ("(DRIVE, LOCK_MOVING): LOCK_PENDING", "(DRIVE, LOCK_MOVING): LOCKED"),
    ("return _end_of_drive(inputs) if still else None", "return _end_of_drive(inputs)"),
    ("0 if moves or doubt_ms", "0 if doubt_ms"),
    ("LIMP_PPM = 400_000", "LIMP_PPM = 0"),
    ("CAP_DOWN_UMPS = 500", "CAP_DOWN_UMPS = 5_000"),
    ("return state.direction if turns and fast else gear", "return gear"),
    pytest.param(  # takes over a thousand rides to be met; a rule of `safety_rules_drive` meets it
        "rolls if state.direction == NEUTRAL",
        "gear if state.direction == NEUTRAL",
        marks=pytest.mark.faults,
    ),
    ("lights = inputs.hmi[4]", "lights = state.lock != LOCKED and inputs.hmi[4]"),
]


@pytest.mark.parametrize(("sound", "faulty"), SEEDED)
def test_a_seeded_fault_is_noticed(monkeypatch, sound, faulty):
    source = Path(k.__file__).read_text()
    assert source.count(sound) == 1
    broken = types.ModuleType("broken")
    exec(source.replace(sound, faulty), broken.__dict__)
    monkeypatch.setattr(sys.modules[__name__], "k", broken)
    quick = settings(
        TestRide.settings,
        max_examples=2_000,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Ride, settings=quick)


@pytest.mark.parametrize("lies", [0, 49, -49])
@pytest.mark.parametrize("speed_mmps", [1_100, 2_000, 8_000, 12_500])
@pytest.mark.parametrize("silent_ms", [0, 100, 1_000])
def test_a_sensor_that_dies_at_speed_does_not_lock_a_rolling_vehicle(lies, speed_mmps, silent_ms):
    """It reads 0 from one moment to the next, at once or after a silence, while a lock waits."""
    state = k.start(0)
    given = k.Inputs(None, 0, speed_mmps, None, (1, 0, 1, 0, 0), True, 0, 0, 12_500, 0, 65_535, 0)
    state = state._replace(lock=k.LOCK_PENDING, speed_mmps=speed_mmps, gap_ms=0)
    for _ in range(silent_ms // 20):
        state, _ = k.step(state, given._replace(speed_mmps=None), 20)
    reach_mmps = 700 + 15 * min(silent_ms + 20, 200)
    rolls_ms = speed_mmps * 10 if speed_mmps > reach_mmps else 0
    for _ in range(rolls_ms // 20):
        state, outputs = k.step(state, given._replace(speed_mmps=lies), 20)
        assert outputs.lock == lock.LOCK_PENDING and outputs.enable
        assert outputs.warning & lock.WARN_SPEED or state.doubt_ms == 0


@pytest.mark.parametrize("share", [0.5, 0.8, 0.85])
@pytest.mark.parametrize("noise", [0, 49, 400, 900])
def test_a_sensor_that_dies_behind_a_filter_does_not_lock_a_rolling_vehicle(share, noise):
    """Its speed fades in steps, and what is left then is noise; the vehicle rolls on at 8 m/s."""
    state, heard = k.start(0)._replace(lock=k.LOCK_PENDING, speed_mmps=8_000, gap_ms=0), 8_000.0
    given = k.Inputs(None, 0, 0, None, (1, 0, 1, 0, 0), True, 0, 0, 12_500, 0, 65_535, 0)
    for turn in range(60_000 // 20):
        heard *= share
        said = int(heard) + (noise if turn % 40 == 0 else 0)
        state, outputs = k.step(state, given._replace(speed_mmps=said), 20)
        assert outputs.lock == lock.LOCK_PENDING and outputs.enable


def test_a_reset_in_motion_drives_on_and_stops_for_a_new_start():
    state = k.start(0)
    blind = k.Inputs(k.RESUME, 0, None, None, None, False, 0, 0, 12_500, 0, 65_535, 0)
    state, outputs = k.step(state, blind, 0)
    assert outputs.enable and outputs.mode == k.LIMP and outputs.lock == lock.DRIVE
    rider = (1, 0, 1, 0, 0)
    rolling = blind._replace(command=None, speed_mmps=6_000, hmi=rider, news=True)
    for _ in range(300):
        state, outputs = k.step(state, rolling, 20)
        assert outputs.enable
    assert outputs.mode == k.NORMAL and outputs.torque_pct >= 60
    speed = 6_000
    while speed > 0:
        speed = max(0, speed - 150)
        state, outputs = k.step(state, rolling._replace(speed_mmps=speed), 20)
        assert outputs.enable
    for _ in range(40):
        state, outputs = k.step(state, rolling._replace(speed_mmps=0), 20)
    assert not outputs.enable and outputs.lock == lock.READY
    state, outputs = k.step(state, rolling._replace(speed_mmps=0, hmi=(1, 1, 1, 0, 0)), 20)
    assert outputs.enable
