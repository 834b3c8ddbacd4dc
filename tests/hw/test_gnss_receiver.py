"""The simulated receiver: its error is bounded and repeats, and each fault is what it says."""

import math

import pytest

from hw.model.gnss import ERROR_M, FIX_3D, HDOP_D, NO_FIX, SATELLITES, GnssFaults, Receiver
from hw.model.route import Place

PLACE = Place(1, 2, 3)
MINUTE = 300  # positions


def wander(receiver: Receiver, positions: int) -> list[tuple[float, float]]:
    errors = []
    for _ in range(positions):
        receiver.wander()
        errors.append(receiver.error_m)
    return errors


def test_the_error_wanders_by_about_a_metre_and_repeats() -> None:
    errors = wander(Receiver(5), 20_000)
    for axis in (0, 1):
        spread = math.sqrt(sum(error[axis] ** 2 for error in errors) / len(errors))
        assert spread == pytest.approx(ERROR_M, rel=0.3)
    assert wander(Receiver(5), 50) == errors[:50] != wander(Receiver(6), 50)


def test_noise_multiplies_it() -> None:
    receiver = Receiver(5)
    receiver.faults = GnssFaults(noise=10)
    plain, loud = wander(Receiver(5), 100)[-1], wander(receiver, 100)[-1]
    assert loud == pytest.approx((plain[0] * 10, plain[1] * 10))


def test_without_a_fault_it_tells_the_truth() -> None:
    receiver = Receiver(1)
    assert receiver.seen(PLACE, -4.5) == (PLACE, 4.5)
    assert receiver.status() == (FIX_3D, HDOP_D, SATELLITES)


def test_a_shift_is_there_at_once_and_gone_at_once() -> None:
    receiver, twin = Receiver(2), Receiver(2)
    receiver.faults = GnssFaults(shift_m=(300.0, -40.0))
    (east, north), (true_east, true_north) = wander(receiver, 9)[-1], wander(twin, 9)[-1]
    assert (east - true_east, north - true_north) == pytest.approx((300.0, -40.0))
    receiver.faults = GnssFaults()
    assert receiver.error_m == twin.error_m


def test_a_walk_begins_at_the_truth_and_says_its_own_speed() -> None:
    receiver, twin = Receiver(2), Receiver(2)
    receiver.faults = GnssFaults(walk_mps=(3.0, -4.0))
    (east, north), (true_east, true_north) = wander(receiver, MINUTE)[-1], wander(twin, MINUTE)[-1]
    assert (east - true_east, north - true_north) == pytest.approx((180.0, -240.0))
    assert receiver.seen(PLACE, 0.0) == (PLACE, 5.0)
    receiver.faults = GnssFaults()
    assert wander(receiver, 1) == wander(twin, 1)


def test_frozen_it_repeats_the_last_place_and_stands() -> None:
    receiver = Receiver(3)
    receiver.faults = GnssFaults(frozen=True)
    assert receiver.seen(PLACE, 6.0) == (PLACE, 0.0)
    assert receiver.seen(Place(7, 8, 9), 6.0) == (PLACE, 0.0)
    receiver.faults = GnssFaults()
    assert receiver.seen(Place(7, 8, 9), 6.0) == (Place(7, 8, 9), 6.0)


def test_quality() -> None:
    receiver = Receiver(3)
    receiver.faults = GnssFaults(dropped=True)
    assert receiver.status()[0] == NO_FIX
    receiver.faults = GnssFaults(hdop_d=90, satellites=3)
    assert receiver.status() == (FIX_3D, 90, 3)
