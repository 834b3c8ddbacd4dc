"""When a vehicle is talked to about its update, and when it is left in peace."""

import pytest

from edge_gateway.updates.vehicle import AGAIN_S, LEAVE_S, VehicleUpdate
from protocol import delivery, update
from protocol.delivery import Want

WANT = Want("trike-1", bytes(32), "app.tfr")


def ready(now_s: float = 100.0) -> VehicleUpdate:
    one = VehicleUpdate(WANT, now_s)
    one.told(delivery.FETCHED, 0, 1000)
    return one


def test_it_tries_while_the_leave_may_last_and_no_longer() -> None:
    one = VehicleUpdate(WANT, 100.0)
    assert one.needs_bundle(100.0) and not one.may_try(100.0)
    one.told(delivery.FETCHED, 0, 1000)
    assert one.may_try(100.0)  # the run before may have been killed in the middle
    one.waits(update.NOT_ALLOWED, 100.0)
    assert (one.state.state, one.state.code) == (delivery.FETCHED, update.NOT_ALLOWED)
    assert not one.may_try(100.0 + AGAIN_S - 1) and one.may_try(100.0 + AGAIN_S)
    assert not one.may_try(100.0 + LEAVE_S)
    one.commanded(5_000.0)
    assert one.may_try(5_000.0)


def test_a_vehicle_that_waits_is_asked_again_and_one_that_has_it_is_not() -> None:
    one = ready()
    one.waits(update.BATTERY, 100.0)
    assert one.state.state == delivery.WAITING and one.may_try(100.0 + AGAIN_S)
    one.told(delivery.HANDED_OVER, 0, 1000)
    assert not one.may_try(200.0) and not one.needs_bundle(200.0)
    one.commanded(300.0)  # somebody allows it anew: it was rolled back, say
    assert one.may_try(300.0)


def test_a_broken_line_goes_on_where_it_stood() -> None:
    one = ready()
    one.told(delivery.INSTALLING, 0, 400)
    one.failed(delivery.NO_LINK, 100.0)
    assert (one.state.state, one.state.permille) == (delivery.WAITING, 400)
    assert one.may_try(100.0 + AGAIN_S)


@pytest.mark.parametrize("code", [update.SIGNATURE, update.OLDER, update.BOARD, update.HASH])
def test_what_will_never_be_taken_is_not_tried_again_by_itself(code: int) -> None:
    one = ready()
    one.failed(code, 100.0)
    assert one.state.state == delivery.FAILED
    assert not one.needs_bundle(10_000.0) and not one.may_try(200.0)


@pytest.mark.parametrize("code", [delivery.NOT_TRUSTED, delivery.NO_CLOCK, delivery.NO_ROOM])
def test_a_fault_of_the_way_is_tried_again(code: int) -> None:
    one = VehicleUpdate(WANT, 100.0)
    one.failed(code, 100.0)
    assert not one.needs_bundle(100.0) and one.needs_bundle(100.0 + AGAIN_S)
