"""What takes three minutes on the common stack; so the other modules that use it come first."""

import time

from evidence import BusLog
from running import RunningStack
from scene import Scene

from protocol import refusal

HELD_BACK_S = 181


def test_a_command_held_back_for_three_minutes(
    stack: RunningStack, held_back: tuple[float, bytes]
) -> None:
    signed_at, presented = held_back
    scene = Scene(stack, "trike-1")
    time.sleep(max(0.0, signed_at + HELD_BACK_S - time.monotonic()))
    scene.expect_refused(presented, refusal.CHALLENGE)
    scene.rider.close()


def test_no_enable_but_in_the_honest_rides(stack: RunningStack) -> None:
    """Through all that was done to it, the vehicle that nobody unlocked was never let go."""
    bus = BusLog(stack.layout.vehicle("trike-2") / "can.log")
    assert bus.enables() == 0


def test_it_all_ends_in_order(stack: RunningStack) -> None:
    assert stack.stop() == 0
