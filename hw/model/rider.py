"""The simulated rider: what he sees on the dash in, what his hands and feet do out.

He presses nothing on a parked vehicle. He knows the lock's state, never the reason for it.
"""

from dataclasses import dataclass
from typing import Literal

LockState = Literal["LOCKED", "READY", "DRIVE", "LOCK_PENDING"]
Gear = Literal["NEUTRAL", "FORWARD", "REVERSE"]

CAP_MARGIN_MPS = 0.3  # he keeps a little below the cap
FEED_FORWARD = 0.02  # share of the throttle per m/s that he wants
THROTTLE_PER_MPS = 0.35
BRAKE_PER_MPS = 0.20
BRAKE_DEADBAND_MPS = 0.8
STOP_BRAKE = 0.45
HOLD_BRAKE = 0.3
COMFORT_MPS2 = 1.2
STANDSTILL_MPS = 0.05


@dataclass(frozen=True)
class Controls:
    """`throttle` and `brake` from 0 to 1; steering in degrees, left positive."""

    key: bool = False
    gear: Gear = "NEUTRAL"
    brake: float = 0.0
    throttle: float = 0.0
    steering_deg: float = 0.0


@dataclass(frozen=True)
class View:
    """What the rider sees. `lock` is None until the dash shows it."""

    lock: LockState | None
    drive_enabled: bool
    speed_cap_mps: float
    speed_mps: float
    street_limit_mps: float
    steering_deg: float


PARKED = Controls()


class Rider:
    """Remembers only since when the vehicle has been unlocked."""

    def __init__(self, cruise_mps: float, reaction_s: float) -> None:
        self.cruise_mps = cruise_mps
        self._reaction_s = reaction_s
        self._ready_since_s: float | None = None

    def act(self, now_s: float, view: View) -> Controls:
        """The controls for what is seen now."""
        if view.lock != "READY":
            self._ready_since_s = None
        if view.lock == "READY":
            return self._ready(now_s)
        if view.lock == "DRIVE":
            return self._drive(view)
        if view.lock == "LOCK_PENDING" or abs(view.speed_mps) > STANDSTILL_MPS:
            return Controls(True, "FORWARD", STOP_BRAKE, 0.0, view.steering_deg)
        return PARKED

    def _ready(self, now_s: float) -> Controls:
        """The action on the vehicle that lets it drive: key on, brake pressed, forward."""
        if self._ready_since_s is None:
            self._ready_since_s = now_s
        if now_s - self._ready_since_s < self._reaction_s:
            return PARKED
        return Controls(True, "FORWARD", HOLD_BRAKE)

    def _drive(self, view: View) -> Controls:
        if not view.drive_enabled:
            return Controls(True, "FORWARD", HOLD_BRAKE, 0.0, view.steering_deg)
        wanted = min(self.cruise_mps, view.street_limit_mps, view.speed_cap_mps - CAP_MARGIN_MPS)
        wanted = max(0.0, wanted)
        missing = wanted - view.speed_mps
        if missing < -BRAKE_DEADBAND_MPS:
            brake = min(1.0, -missing * BRAKE_PER_MPS)
            return Controls(True, "FORWARD", brake, 0.0, view.steering_deg)
        throttle = wanted * FEED_FORWARD + missing * THROTTLE_PER_MPS
        return Controls(True, "FORWARD", 0.0, min(1.0, max(0.0, throttle)), view.steering_deg)
