"""What both views share: scale, colours, and where a point of the vehicle lies on the paper."""

from dataclasses import dataclass

from hw.pictures import svg
from hw.places import Place, places
from hw.vehicle_checks import centre_of_mass
from hw.vehicle_schema import VehicleConfig

SCALE = 190.0  # pixels a metre
BODY, LOAD, FRAME, TYRE = "#e8edf2", "#dde4eb", "#8c959f", "#3d444d"
RIDER, BENCH = "#c3cad1", "#dbe0e5"
PACK, MOTOR, CONTROLLER, VCU, OTHER = "#2f6fb3", "#d9730d", "#8250a8", "#1a7f4b", "#59636e"
EMPTY, LADEN = "#1f2328", "#b3261e"
TIPPING = "#b3261e"
PACK_SIZE_M = (0.42, 0.26, 0.22)  # length, width, height
BOX_SIZE_M = (0.17, 0.13, 0.10)
MOTOR_M = 0.13


@dataclass(frozen=True)
class View:
    """`left` is the pixel of the front axle; `level` that of the road, or of the middle."""

    config: VehicleConfig
    left: float
    level: float

    def x(self, behind_m: float) -> float:
        return self.left + behind_m * SCALE

    def side(self, place: Place) -> svg.Point:
        """Seen from its left side, with the front on the left of the paper."""
        return self.x(place.x), self.level - place.z * SCALE

    def plan(self, place: Place) -> svg.Point:
        """Seen from above, with the front on the left: the vehicle's left is below."""
        return self.x(place.x), self.level + place.y * SCALE

    @property
    def where(self) -> dict[str, Place]:
        return places(self.config)

    def centre(self, load: float) -> Place:
        height, behind = centre_of_mass(self.config, load)
        return Place(behind, 0.0, height)


def fill_of(name: str) -> str:
    """The colour of a part by its name in the harness; "" for what is not drawn."""
    if name.startswith("PACK"):
        return PACK
    if name.startswith("M") and name[1:].isdigit():
        return MOTOR
    return {"MC": CONTROLLER, "VCU": VCU, "CHG": OTHER}.get(name, "")
