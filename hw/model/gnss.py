"""The GNSS receiver: the place on the route with an error that wanders by about a metre.

It can be made to fail: no fix, a bad one, one that stands still, leaps, or walks away.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from hw.can.database import VehicleBus
from hw.model.motor_controller import clamp
from hw.model.nodes import Clock, Node
from hw.model.route import Place
from hw.virtual_bus import VirtualBus

NO_FIX, FIX_3D = 0, 3
KEPT = 0.98  # of the error from one position to the next
ERROR_M = 0.8  # standard deviation of the error in each direction
SATELLITES = 14
HDOP_D = 9
PERIOD_S = 0.2  # from one position to the next


@dataclass(frozen=True)
class GnssFaults:
    """What is wrong with the receiver or with the sky; the default is nothing.

    `shift_m` moves every position to the east and north at once, `walk_mps` more and more: a
    spoofer's two ways. `noise` multiplies the wandering error.
    """

    dropped: bool = False
    frozen: bool = False
    shift_m: tuple[float, float] = (0.0, 0.0)
    walk_mps: tuple[float, float] = (0.0, 0.0)
    noise: float = 1.0
    hdop_d: int = HDOP_D
    satellites: int = SATELLITES


class Receiver:
    """The error of the position and what it says of itself; moved by `wander`, five times a s."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311  (a repeatable error, not a secret)
        self._noise_m = (0.0, 0.0)
        self._walked_m = (0.0, 0.0)
        self._held: tuple[Place, float] | None = None
        self.faults = GnssFaults()

    @property
    def error_m(self) -> tuple[float, float]:
        """The present error to the east and north, with what a spoofer adds."""
        parts = (self._noise_m, self._walked_m, self.faults.shift_m)
        return sum(part[0] for part in parts), sum(part[1] for part in parts)

    def wander(self) -> None:
        """The next error: a first-order filter over noise, bounded in the long run."""
        step_m = ERROR_M * self.faults.noise * (1 - KEPT**2) ** 0.5
        east, north = self._noise_m
        chance = self._chance
        self._noise_m = (
            KEPT * east + chance.gauss(0, step_m),
            KEPT * north + chance.gauss(0, step_m),
        )
        walk, walked = self.faults.walk_mps, self._walked_m
        is_spoofed = walk != (0.0, 0.0)
        # Who spoofs begins where the vehicle is, and his end is the end of his error.
        self._walked_m = (
            (walked[0] + walk[0] * PERIOD_S, walked[1] + walk[1] * PERIOD_S)
            if is_spoofed
            else (0.0, 0.0)
        )

    def seen(self, place: Place, speed_mps: float) -> tuple[Place, float]:
        """What it reports for a place (with the error in it) and a true speed."""
        walk = math.hypot(*self.faults.walk_mps)
        if not self.faults.frozen:
            self._held = None
            return place, walk or abs(speed_mps)
        if self._held is None:
            self._held = place, 0.0
        return self._held

    def status(self) -> tuple[int, int, int]:
        """(fix, HDOP in tenths, satellites)."""
        faults = self.faults
        if faults.dropped:
            return NO_FIX, 255, 0
        return FIX_3D, faults.hdop_d, faults.satellites


class Gnss(Node):
    name = "GNSS"
    messages = ("GNSS_Position", "GNSS_Status")

    def __init__(
        self, bus: VirtualBus, database: VehicleBus, clock: Clock, boot: int, seed: int
    ) -> None:
        super().__init__(bus, database, clock, boot)
        self.receiver = Receiver(seed)
        self.place = Place(0, 0, 0)
        self.speed_mps = 0.0

    @property
    def error_m(self) -> tuple[float, float]:
        """The present error to the east and north."""
        return self.receiver.error_m

    def wander(self) -> None:
        self.receiver.wander()

    def values(self, message: str) -> Mapping[str, int]:
        place, speed_mps = self.receiver.seen(self.place, self.speed_mps)
        if message == "GNSS_Position":
            return {"Latitude_e7": place.lat_e7, "Longitude_e7": place.lon_e7}
        fix, hdop_d, satellites = self.receiver.status()
        return {
            "Speed_mmps": clamp(speed_mps * 1000, 0, 65535),
            "Heading_cdeg": place.heading_cdeg,
            "Satellites": satellites,
            "Fix": fix,
            "Hdop_d": hdop_d,
        }
