"""The forces under three wheels: a rigid body in a steady curve, by vectors. Floats.

Written apart from the vehicle's own guard and without its formula, so that one can judge the
other. Tyres hold and do not slip; suspension, tyre width and rolling motion are left out.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from hw.vehicle_schema import VehicleConfig

GRAVITY_MPS2 = 9.81
# Of 100 m/s: down to a tenth of a nanometre a second.
_HALVINGS = 40

Vector = tuple[float, float, float]


class Wheels(NamedTuple):
    """Normal forces in newton; negative where the road would have to pull the wheel down."""

    single: float
    left: float
    right: float


@dataclass(frozen=True)
class Condition:
    """What the vehicle does and where.

    Speed and acceleration are those of the middle of the rear axle, positive forward; steering is
    the angle of the single-track wheel, positive to the left. `load` is the share of the payload.
    `bank` and `grade` are slopes (0.05 is 5 %): positive where the left side, the front, is higher.
    """

    speed_mps: float = 0.0
    steering_deg: float = 0.0
    accel_mps2: float = 0.0
    load: float = 0.0
    bank: float = 0.0
    grade: float = 0.0


def normal_forces(config: VehicleConfig, condition: Condition) -> Wheels:
    """From the balance of forces and moments about the middle of the rear axle on the road."""
    mass, centre = _body(config, condition.load)
    # What the road must give: mass times acceleration, less what gravity gives already.
    asked = _scale(_subtract(_acceleration(config, condition, centre), _gravity(condition)), mass)
    moment = _cross(centre, asked)
    # A force N upwards at (x, y, 0) has the moment (y N, -x N, 0); friction has none about x, y.
    points = _contacts(config)
    columns = [(1.0, y, -x) for x, y, _ in points]
    return Wheels(*_solve(columns, (asked[2], moment[0], moment[1])))


def lifts(config: VehicleConfig, condition: Condition) -> bool:
    """Is the normal force of a wheel zero or less?"""
    return min(normal_forces(config, condition)) <= 0.0


def limiting_speed(config: VehicleConfig, condition: Condition, most_mps: float = 100.0) -> float:
    """The speed at which the first wheel lifts, by bisection; `most_mps` where none does."""
    low, high = 0.0, most_mps
    if not lifts(config, replace(condition, speed_mps=high)):
        return most_mps
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if lifts(config, replace(condition, speed_mps=middle)):
            high = middle
        else:
            low = middle
    return low


def _body(config: VehicleConfig, load: float) -> tuple[float, Vector]:
    """Mass and centre of mass; x forward from the rear axle, y to the left, z up."""
    mass, geometry = config.mass, config.geometry
    parts = (
        (mass.kerb_kg, geometry.com_from_front_m, geometry.com_height_m),
        (mass.payload_kg * load, geometry.payload_from_front_m, geometry.payload_height_m),
    )
    total = sum(kg for kg, _, _ in parts)
    x = sum(kg * (geometry.wheelbase_m - behind) for kg, behind, _ in parts) / total
    z = sum(kg * height for kg, _, height in parts) / total
    return total, (x, 0.0, z)


def _contacts(config: VehicleConfig) -> tuple[Vector, Vector, Vector]:
    """Where the wheels touch the road: the single one, left and right of the pair."""
    length, half = config.geometry.wheelbase_m, config.geometry.track_m / 2
    single, pair = (length, 0.0) if config.layout == "delta" else (0.0, length)
    return (single, 0.0, 0.0), (pair, half, 0.0), (pair, -half, 0.0)


def _acceleration(config: VehicleConfig, condition: Condition, at: Vector) -> Vector:
    """Of the point `at` of the body, which rolls without slip and keeps its steering angle."""
    curvature = math.tan(math.radians(condition.steering_deg)) / config.geometry.wheelbase_m
    turning: Vector = (0.0, 0.0, condition.speed_mps * curvature)
    turned: Vector = (0.0, 0.0, condition.accel_mps2 * curvature)
    velocity: Vector = (condition.speed_mps, 0.0, 0.0)
    axle = _add((condition.accel_mps2, 0.0, 0.0), _cross(turning, velocity))
    around = _add(_cross(turned, at), _cross(turning, _cross(turning, at)))
    return _add(axle, around)


def _gravity(condition: Condition) -> Vector:
    """As the vehicle sees it: turned by the grade about y, then by the bank about x."""
    grade, bank = math.atan(condition.grade), math.atan(condition.bank)
    down = -GRAVITY_MPS2 * math.cos(grade)
    return (-GRAVITY_MPS2 * math.sin(grade), down * math.sin(bank), down * math.cos(bank))


def _solve(columns: list[Vector], right: Vector) -> Vector:
    """Three equations by Cramer's rule."""
    a, b, c = columns
    whole = _determinant(a, b, c)
    return (
        _determinant(right, b, c) / whole,
        _determinant(a, right, c) / whole,
        _determinant(a, b, right) / whole,
    )


def _determinant(a: Vector, b: Vector, c: Vector) -> float:
    normal = _cross(b, c)
    return a[0] * normal[0] + a[1] * normal[1] + a[2] * normal[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def _add(a: Vector, b: Vector) -> Vector:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def _subtract(a: Vector, b: Vector) -> Vector:
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def _scale(a: Vector, factor: float) -> Vector:
    return (a[0] * factor, a[1] * factor, a[2] * factor)
