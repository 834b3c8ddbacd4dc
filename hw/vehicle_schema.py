"""What a vehicle's numbers may be: one dataclass a section of `hw/vehicles/<name>.toml`.

Units are in the names. Each field has its lowest and highest value, or its words.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

LAYOUTS = ("delta", "tadpole")


def _within(low: float, high: float) -> Any:
    return field(metadata={"low": low, "high": high})


def _one_of(*words: str) -> Any:
    return field(metadata={"words": words})


@dataclass(frozen=True)
class Body:
    """What it carries beside its rider."""

    kind: str = _one_of("passenger", "cargo")
    passengers: int = _within(0, 6)
    cargo_m3: float = _within(0, 6)


@dataclass(frozen=True)
class Mass:
    """`kerb_kg` is ready to drive, with a rider of 75 kg; `payload_kg` comes on top of it."""

    kerb_kg: float = _within(30, 3000)
    payload_kg: float = _within(0, 3000)


@dataclass(frozen=True)
class Geometry:
    """`com_` is the centre of mass of what `kerb_kg` weighs, `payload_` that of the payload.

    `_from_front_m` is how far it lies behind the front axle.
    """

    wheelbase_m: float = _within(0.8, 5)
    track_m: float = _within(0.4, 3)
    com_height_m: float = _within(0.1, 2)
    com_from_front_m: float = _within(0.05, 5)
    payload_height_m: float = _within(0.1, 2)
    payload_from_front_m: float = _within(-1, 5)
    tyre_radius_m: float = _within(0.1, 0.6)
    max_steering_deg: float = _within(5, 80)


@dataclass(frozen=True)
class Motor:
    """One motor: one drives the `pair` by a differential, or the `single` wheel; two drive the
    `left` and the `right` wheel of the pair.
    """

    wheels: str = _one_of("pair", "single", "left", "right")
    power_w: float = _within(100, 100_000)
    torque_nm: float = _within(1, 1000)
    gear_ratio: float = _within(0.5, 30)
    efficiency: float = _within(0.3, 1)
    heat_capacity_j_per_k: float = _within(100, 1_000_000)
    cooling_w_per_k: float = _within(0.1, 1000)


@dataclass(frozen=True)
class Pack:
    """One battery pack with its own battery management, contactor and fuse.

    `from_front_m` is how far its middle lies behind the front axle, `left_m` how far to the left.
    """

    cells: int = _within(1, 31)  # in series; BMS_Pack.Voltage_mV ends at 131 V
    capacity_ah: float = _within(1, 1000)
    resistance_ohm: float = _within(0.0001, 1)
    from_front_m: float = _within(-1, 5)
    left_m: float = _within(-1.5, 1.5)


@dataclass(frozen=True)
class Brakes:
    max_force_n: float = _within(50, 50_000)


@dataclass(frozen=True)
class Resistance:
    """`drag_area_m2` is the drag coefficient times the frontal area."""

    drag_area_m2: float = _within(0.05, 10)
    rolling: float = _within(0.001, 0.1)


@dataclass(frozen=True)
class Limits:
    """A measured speed or acceleration beyond `plausible_` is not believed."""

    top_speed_mps: float = _within(1, 32)
    limp_speed_mps: float = _within(0.5, 32)
    plausible_speed_mps: float = _within(1, 32.767)  # MC_Status1.Speed_mmps ends there
    plausible_accel_mps2: float = _within(1, 50)


@dataclass(frozen=True)
class Tipover:
    """The guard of docs/tipover.md: slopes it allows for, how far below the limit it stays."""

    bank_percent: float = _within(0, 15)
    grade_percent: float = _within(0, 20)
    margin_percent: float = _within(1, 20)
    warn_percent: float = _within(50, 100)  # of the lateral acceleration at the cap


@dataclass(frozen=True)
class Sensors:
    """What is fitted. Without `steering` there is no tip-over guard; see docs/tipover.md.

    `pack_thermistors` are those of each pack, `motor_thermistors` those of each motor.
    """

    steering: bool
    gnss: bool
    pack_thermistors: int = _within(1, 8)
    motor_thermistors: int = _within(1, 2)


@dataclass(frozen=True)
class Harness:
    """`board` is a folder of `boards/`. Connectors outside of boxes: `sealed` against water and
    dust (IP67), or `open` for a vehicle that is kept dry.
    """

    board: str
    connectors: str = _one_of("sealed", "open")


@dataclass(frozen=True)
class VehicleConfig:
    name: str
    layout: Literal["delta", "tadpole"]
    body: Body
    mass: Mass
    geometry: Geometry
    motors: tuple[Motor, ...]
    packs: tuple[Pack, ...]
    brakes: Brakes
    resistance: Resistance
    limits: Limits
    tipover: Tipover
    sensors: Sensors
    harness: Harness


SECTIONS: dict[str, type[Any]] = {
    "body": Body,
    "mass": Mass,
    "geometry": Geometry,
    "brakes": Brakes,
    "resistance": Resistance,
    "limits": Limits,
    "tipover": Tipover,
    "sensors": Sensors,
    "harness": Harness,
}
# `[[motor]]` and `[[pack]]`: one or two of each.
LISTS: dict[str, type[Any]] = {"motor": Motor, "pack": Pack}
MOST = 2
