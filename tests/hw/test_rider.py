"""The rider alone: what he does for each thing that he can see."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.model.rider import PARKED, LockState, Rider, View

STILL = View("LOCKED", False, 0.0, 0.0, math.inf, 0.0)
ROLLING = View("DRIVE", True, 8.0, 5.0, math.inf, 3.0)


def test_a_locked_or_mute_vehicle_at_rest_is_left_alone() -> None:
    rider = Rider(6.0, 0.0)
    assert rider.act(0.0, STILL) == PARKED
    assert rider.act(1.0, replace(STILL, lock=None)) == PARKED


@pytest.mark.parametrize("lock", ["LOCK_PENDING", "LOCKED", None])
def test_rolling_without_leave_he_brakes_and_steers_on(lock: LockState | None) -> None:
    controls = Rider(6.0, 0.0).act(0.0, replace(ROLLING, lock=lock))
    assert controls.brake > 0
    assert controls.throttle == 0
    assert (controls.key, controls.steering_deg) == (True, 3.0)


def test_he_acts_once_his_reaction_time_is_over_and_anew_after_each_lock() -> None:
    rider = Rider(6.0, 0.5)
    ready = replace(STILL, lock="READY")
    assert rider.act(10.0, ready) == PARKED
    assert rider.act(10.4, ready) == PARKED
    acted = rider.act(10.5, ready)
    assert acted.key and acted.brake > 0 and acted.gear == "FORWARD"
    rider.act(11.0, STILL)
    assert rider.act(12.0, ready) == PARKED


def test_without_enable_he_holds_the_brake() -> None:
    controls = Rider(6.0, 0.0).act(0.0, replace(ROLLING, drive_enabled=False))
    assert controls.brake > 0
    assert controls.throttle == 0


@given(st.floats(0, 15), st.floats(0, 15), st.floats(0, 15))
def test_he_never_pushes_above_the_cap_or_the_street(cap: float, street: float, at: float) -> None:
    view = replace(ROLLING, speed_cap_mps=cap, street_limit_mps=street, speed_mps=at)
    controls = Rider(6.0, 0.0).act(0.0, view)
    assert 0 <= controls.throttle <= 1
    assert 0 <= controls.brake <= 1
    assert controls.throttle == 0 or controls.brake == 0
    allowed = min(cap, street, 6.0)
    if at > allowed + 1:
        assert controls.throttle == 0
        assert controls.brake > 0
