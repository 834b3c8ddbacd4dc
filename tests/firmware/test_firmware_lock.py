"""The lock and the drive: every state with every event, and the properties that never break."""

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vcu import lock as vehicle_lock
from vcu.drive import LIMP_SPEED_MMPS, MAX_SPEED_MMPS, RAMP_MMPSS, Drive
from vcu.errors import StateError
from vcu.lock import EVENTS, TABLE, Lock
from vcu.motion import FRESH_MS, STILL_MMPS, STILL_MS, Motion

from protocol import can, grant
from protocol.lock import (
    DRIVE,
    DRIVE_FAULT,
    DRIVE_FREE,
    DRIVE_GRANT_LIMIT,
    DRIVE_INPUTS_STALE,
    DRIVE_LOCK_PENDING,
    DRIVE_LOCKED,
    DRIVE_REASONS,
    DRIVE_SPEED_STALE,
    DRIVE_WAITING,
    LOCK_PENDING,
    LOCKED,
    READY,
    STATES,
)

# What each state allows, written down a second time and by hand.
EXPECTED = {
    LOCKED: {vehicle_lock.UNLOCK: READY, vehicle_lock.LOCK_STILL: 0, vehicle_lock.LOCK_MOVING: 0},
    READY: {
        vehicle_lock.ACTION: DRIVE,
        vehicle_lock.LOCK_STILL: LOCKED,
        vehicle_lock.LOCK_MOVING: LOCK_PENDING,
        vehicle_lock.LAPSE_STILL: LOCKED,
        vehicle_lock.LAPSE_MOVING: LOCK_PENDING,
    },
    DRIVE: {vehicle_lock.LOCK_STILL: LOCKED, vehicle_lock.LOCK_MOVING: LOCK_PENDING},
    LOCK_PENDING: {
        vehicle_lock.LOCK_STILL: LOCKED,
        vehicle_lock.LOCK_MOVING: LOCK_PENDING,
        vehicle_lock.STILL: LOCKED,
    },
}
MOVING = (vehicle_lock.LOCK_MOVING, vehicle_lock.LAPSE_MOVING)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(STATES, EVENTS)))
def test_every_state_and_event(state, event):
    changes = []
    lock = Lock(True, lambda *change: changes.append(change))
    lock.state = state
    target = EXPECTED[state].get(event)
    if target is None:
        with pytest.raises(StateError):
            lock._apply(event, 10)
        assert lock.state == state and not changes
    else:
        lock._apply(event, 10)
        assert lock.state == target
        assert changes == ([] if target == state else [(target, state, lock.reason)])


def test_nothing_that_moves_becomes_locked():
    for (state, event), target in TABLE.items():
        assert not (event in MOVING and target == LOCKED and state != LOCKED)


def test_unprovisioned_never_unlocks():
    lock = Lock(False, lambda *change: None)
    with pytest.raises(StateError):
        lock.unlock({}, 0)
    assert lock.state == LOCKED


def test_action_after_five_seconds_is_too_late():
    lock = Lock(True, lambda *change: None)
    lock.unlock({}, 1_000)
    lock.step(True, 900, 1_500)  # seen before the unlock
    assert lock.state == READY
    lock.step(True, 6_000, 6_000)
    assert lock.state == LOCKED


def test_pending_before_the_riders_action_has_no_drive():
    lock = Lock(True, lambda *change: None)
    lock.unlock({}, 0)
    assert lock.lock(False, 10) is False
    assert lock.state == LOCK_PENDING and not lock.drives()
    lock.step(False, 20, 20)
    assert not lock.drives()


def test_standstill_takes_half_a_second_without_a_gap():
    motion = Motion()
    assert not motion.is_still(0) and motion.speed(0) is None
    for now_ms in range(0, STILL_MS, 20):
        motion.saw(STILL_MMPS - 1, now_ms)
        assert not motion.is_still(now_ms)
    motion.saw(-STILL_MMPS + 1, STILL_MS)
    assert motion.is_still(STILL_MS)
    assert motion.is_still(STILL_MS + FRESH_MS - 1)
    assert not motion.is_still(STILL_MS + FRESH_MS)
    motion.saw(0, STILL_MS + FRESH_MS)
    assert not motion.is_still(STILL_MS + FRESH_MS)


def test_odometer_counts_both_directions_and_no_gaps():
    motion = Motion(7)
    for now_ms in range(0, 10_001, 20):
        motion.saw(-5_000, now_ms)
    motion.saw(5_000, 60_000)
    assert motion.odometer_m == 57


steps = st.tuples(
    st.sampled_from(["unlock", "lock", "speed", "stale", "action", "inputs stale", "wait"]),
    st.integers(-20_000, 20_000),
    st.sampled_from([20, 100, 600, 5_100]),
)


class Ride:
    """Lock, motion and drive as vcu.py joins them, one millisecond at a time for the drive."""

    def __init__(self, limits):
        self.lock = Lock(True, lambda *change: None)
        self.motion = Motion()
        self.drive = Drive(0)
        self.limits = limits
        self.now_ms = 0
        self.speed_mmps = None
        self.inputs = None
        self.acted_ms = None
        self.history = []

    def play(self, kind, value, wait_ms):
        if kind == "unlock":
            self._quietly(lambda: self.lock.unlock(self.limits, self.now_ms))
        elif kind == "lock":
            still = self.motion.is_still(self.now_ms)
            self._quietly(lambda: self.lock.lock(still, self.now_ms))
        elif kind == "speed":
            self.speed_mmps = value if abs(value) > 2_000 else 0
        elif kind == "stale":
            self.speed_mmps = None
        elif kind == "action":
            self.inputs = {"Key": 1, "Brake": 1, "Gear": 1 + value % 2}
        elif kind == "inputs stale":
            self.inputs = None
        for _ in range(wait_ms // 20):
            self._tick()

    def _quietly(self, act):
        with contextlib.suppress(StateError):
            act()

    def _tick(self):
        self.now_ms += 20
        if self.speed_mmps is not None:
            self.motion.saw(self.speed_mmps, self.now_ms)
        if self.inputs:
            self.acted_ms = self.now_ms
        still = self.motion.is_still(self.now_ms)
        self.lock.step(still, self.acted_ms, self.now_ms)
        signals = self.drive.signals(self.lock, self.motion, self.inputs, self.now_ms)
        can.encode("VCU_Drive", signals)  # every value fits its signal
        self.history.append((self.lock.state, still, signals))


@given(st.lists(steps, max_size=25), st.sampled_from([{}, {grant.MAX_SPEED_MMPS: 3000}]))
def test_drive_properties(plan, limits):
    ride = Ride(limits)
    for step in plan:
        ride.play(*step)
    history = ride.history
    for state, _, signals in history:
        assert signals["Reason"] in DRIVE_REASONS
        if signals.get("Enable"):
            assert state in (DRIVE, LOCK_PENDING)
    for (state, _, before), (new_state, still, after) in itertools.pairwise(history):
        if before.get("Enable") and not after.get("Enable"):
            assert still, "drive was cut without a confirmed standstill"
        if new_state == LOCKED != state:
            assert still, "locked without a confirmed standstill"
        if before.get("Enable") and after.get("Enable") and not still:
            step = after["SpeedCap_mmps"] - before["SpeedCap_mmps"]
            assert abs(step) <= RAMP_MMPSS // 50, "the cap jumped in motion"


def _driving(limits=None):
    ride = Ride(limits or {})
    ride.speed_mmps = 0
    ride.play("wait", 0, 600)
    ride.play("unlock", 0, 20)
    ride.play("action", 0, 100)
    return ride


def test_reasons():
    ride = Ride({grant.MAX_SPEED_MMPS: 3000})
    ride.play("wait", 0, 20)
    assert ride.history[-1][2] == {"Reason": DRIVE_LOCKED}
    ride.play("unlock", 0, 20)
    assert ride.history[-1][2] == {"Reason": DRIVE_WAITING}
    ride.play("action", 0, 20)
    assert ride.history[-1][2]["Reason"] == DRIVE_SPEED_STALE
    ride.play("speed", 5_000, 20)
    assert ride.history[-1][2]["Reason"] == DRIVE_GRANT_LIMIT
    ride.play("lock", 0, 20)
    assert ride.history[-1][2]["Reason"] == DRIVE_LOCK_PENDING
    ride.play("inputs stale", 0, 20)
    assert ride.history[-1][2]["Reason"] == DRIVE_INPUTS_STALE
    assert _driving().history[-1][2]["Reason"] == DRIVE_FREE
    faulty = Drive(3).signals(Lock(False, None), Motion(), None, 0)
    assert faulty == {"Reason": DRIVE_FAULT + 3}


def test_stale_inputs_limp_gently():
    ride = _driving()
    ride.play("speed", 10_000, 600)
    assert ride.history[-1][2]["SpeedCap_mmps"] == MAX_SPEED_MMPS
    ride.play("inputs stale", 0, 600)
    assert LIMP_SPEED_MMPS < ride.history[-1][2]["SpeedCap_mmps"] < MAX_SPEED_MMPS
    for _ in range(40):
        ride.play("wait", 0, 600)
    assert ride.history[-1][2]["SpeedCap_mmps"] == LIMP_SPEED_MMPS
    assert ride.history[-1][2]["Enable"] and ride.history[-1][2]["Direction"] == 1


def test_reversal_waits_until_it_is_slow():
    ride = _driving()
    ride.play("speed", 4_000, 100)
    ride.play("action", 1, 100)  # reverse
    assert ride.history[-1][2]["Direction"] == 1
    ride.play("speed", 0, 100)
    assert ride.history[-1][2]["Direction"] == 2


def test_lock_while_rolling_unlocked_starts_no_cap_below_the_speed():
    ride = Ride({grant.MAX_SPEED_MMPS: 3000})
    ride.play("speed", 9_000, 100)
    ride.play("unlock", 0, 20)
    ride.play("action", 0, 40)
    assert 8_900 <= ride.history[-1][2]["SpeedCap_mmps"] <= 9_000
