"""The GNSS receiver: the place on the route with an error that wanders by about a metre."""

import random
from collections.abc import Mapping

from hw.can.database import VehicleBus
from hw.model.motor_controller import clamp
from hw.model.nodes import Clock, Node
from hw.model.route import Place
from hw.virtual_bus import VirtualBus

FIX_3D = 3
KEPT = 0.98  # of the error from one position to the next
ERROR_M = 0.8  # standard deviation of the error in each direction
SATELLITES = 14
HDOP_D = 9


class Gnss(Node):
    name = "GNSS"
    messages = ("GNSS_Position", "GNSS_Status")

    def __init__(
        self, bus: VirtualBus, database: VehicleBus, clock: Clock, boot: int, seed: int
    ) -> None:
        super().__init__(bus, database, clock, boot)
        self._chance = random.Random(seed)  # noqa: S311  (a repeatable error, not a secret)
        self._error_m = (0.0, 0.0)
        self.place = Place(0, 0, 0)
        self.speed_mps = 0.0

    @property
    def error_m(self) -> tuple[float, float]:
        """The present error to the east and north."""
        return self._error_m

    def wander(self) -> None:
        """The next error: a first-order filter over noise, bounded in the long run."""
        step_m = ERROR_M * (1 - KEPT**2) ** 0.5
        east, north = self._error_m
        chance = self._chance
        self._error_m = (
            KEPT * east + chance.gauss(0, step_m),
            KEPT * north + chance.gauss(0, step_m),
        )

    def values(self, message: str) -> Mapping[str, int]:
        if message == "GNSS_Position":
            return {"Latitude_e7": self.place.lat_e7, "Longitude_e7": self.place.lon_e7}
        return {
            "Speed_mmps": clamp(abs(self.speed_mps) * 1000, 0, 65535),
            "Heading_cdeg": self.place.heading_cdeg,
            "Satellites": SATELLITES,
            "Fix": FIX_3D,
            "Hdop_d": HDOP_D,
        }
