"""Where the parts of a vehicle sit, by its layout and lengths. Cable lengths and pictures follow.

x is the distance behind the front axle, y that to the left of the middle, z the height, in metres.
Typical places, not a construction drawing: whoever builds measures, and orders a little more.
"""

import math
from typing import NamedTuple

from hw.vehicle_schema import VehicleConfig

SLACK = 1.1  # along frame tubes and around corners
ENDS_M = 0.3  # both ends, to open a box beside the vehicle
PACK_HEIGHT_M = 0.35
# The VCU's box behind the dash: under the seat of a delta, beside the legs in a tadpole.
_BOX_BEHIND_DASH_M = {
    ("delta", "passenger"): 0.15,
    ("delta", "cargo"): 0.15,
    ("tadpole", "cargo"): 0.03,
    ("tadpole", "passenger"): -0.06,
}


class Place(NamedTuple):
    x: float
    y: float
    z: float


def places(config: VehicleConfig) -> dict[str, Place]:
    """The place of every part of the harness by its name."""
    return _front(config) | _drive(config) | _packs(config) | _outside(config)


def cable_m(start: Place, end: Place) -> float:
    """The length of a cable between two places, in steps of 0.1 m."""
    way = sum(abs(a - b) for a, b in zip(start, end, strict=True))
    return math.ceil(round((way * SLACK + ENDS_M) * 10, 6)) / 10


def pair_x(config: VehicleConfig) -> float:
    """The axle with two wheels."""
    return config.geometry.wheelbase_m if config.layout == "delta" else 0.0


def single_x(config: VehicleConfig) -> float:
    return config.geometry.wheelbase_m - pair_x(config)


def dash_x(config: VehicleConfig) -> float:
    """The rider of a tadpole sits behind the front axle, that of a delta behind the front wheel."""
    share = 0.26 if config.layout == "delta" else 0.30
    if config.layout == "tadpole" and config.body.kind == "cargo":
        share = 0.52  # behind the box
    return config.geometry.wheelbase_m * share


def _front(config: VehicleConfig) -> dict[str, Place]:
    """Dash, controls and the boxes under it."""
    x, half = dash_x(config), config.geometry.track_m / 2
    side = min(0.3 if config.layout == "delta" else 0.22, half - 0.1)
    box = x + _BOX_BEHIND_DASH_M[config.layout, config.body.kind]
    return {
        "HMI": Place(x, 0.0, 0.9),
        "KEY": Place(x, 0.15, 0.85),
        "BRAKE": Place(x - 0.05, -0.25, 0.85),
        "THROTTLE": Place(x, -0.3, 0.9),
        "GEAR": Place(x, 0.2, 0.9),
        "SWITCHES": Place(x, 0.3, 0.9),
        "STEER": Place(x - 0.15, 0.0, 0.6),
        "GNSS": Place(x, 0.0, 1.0),
        "WAKE": Place(x, 0.1, 0.85),
        "LED": Place(x, 0.05, 0.95),
        "VCU": Place(box, side, 0.45),
        "GW": Place(box + 0.05, -side, 0.45),
        "FB": Place(box, side - 0.1, 0.45),
        "GND": Place(box + 0.1, side - 0.1, 0.4),
        "AUX": Place(box + 0.15, side, 0.35),
    }


def _drive(config: VehicleConfig) -> dict[str, Place]:
    """The motors at their wheels, the controller on the way there from the packs."""
    half, found = config.geometry.track_m / 2, {}
    for number, motor in enumerate(config.motors, 1):
        x = single_x(config) if motor.wheels == "single" else pair_x(config)
        y = {"left": half - 0.12, "right": 0.12 - half}.get(motor.wheels, 0.0)
        found[f"M{number}"] = Place(x, y, config.geometry.tyre_radius_m)
    inwards = math.copysign(0.3, config.geometry.wheelbase_m / 2 - found["M1"].x)
    x = found["M1"].x + inwards
    found["MC"] = Place(x, 0.0, 0.4)
    found["BARP"] = Place(x + inwards / 2, 0.1, 0.4)
    found["BARN"] = Place(x + inwards / 2, -0.1, 0.4)
    return found


def _packs(config: VehicleConfig) -> dict[str, Place]:
    """Packs where the configuration says; fuse, contactor, charger and converter beside them."""
    found = {}
    for number, pack in enumerate(config.packs, 1):
        place = Place(pack.from_front_m, pack.left_m, PACK_HEIGHT_M)
        found[f"PACK{number}"] = place
        found[f"F{number}"] = place._replace(x=place.x + 0.15)
        found[f"K{number}"] = place._replace(x=place.x + 0.2)
    first = found["PACK1"]
    # Between two packs, or beside the one.
    between = len(config.packs) > 1
    found["CHG"] = Place(first.x + 0.05, 0.0, 0.4) if between else Place(first.x - 0.1, -0.2, 0.4)
    found["FCHG"] = found["CHG"]._replace(x=found["CHG"].x + 0.05)
    found["INLET"] = Place(first.x, 0.1 - config.geometry.track_m / 2, 0.5)
    found["DCDC"] = Place(first.x - 0.15, 0.15, 0.4)
    found["FDC"] = found["DCDC"]._replace(x=first.x - 0.1)
    return found


def _outside(config: VehicleConfig) -> dict[str, Place]:
    """Lights, horn, bolt and door; the ends of the bus."""
    length, half = config.geometry.wheelbase_m, config.geometry.track_m / 2
    door = config.geometry.payload_from_front_m
    return {
        "LAMPF": Place(-0.3, 0.0, 0.7),
        "LAMPR": Place(length + 0.3, 0.0, 0.6),
        "HORN": Place(-0.1, 0.1, 0.6),
        "LOCK": Place(single_x(config), 0.1, 0.45),
        "DOOR": Place(door, half - 0.1, 0.6),
    }
