"""A vehicle's numbers, read from `hw/vehicles/<name>.toml`; the units are in the names.

Refuses unknown and missing keys, other types, and values outside of what such a vehicle can have.
"""

import itertools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from hw.errors import ConfigError
from hw.model.rollover import Condition, lifts

FOLDER = Path(__file__).with_name("vehicles")
LAYOUTS = ("delta", "tadpole")
# What every vehicle must do on all of its wheels, see docs/tipover.md: a hard stop on a dry street
# and a brisk start.
BRAKING_MPS2 = 5.0
DRIVING_MPS2 = 2.0
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")

Part = TypeVar("Part")


def _within(low: float, high: float) -> Any:
    return field(metadata={"low": low, "high": high})


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
    power_w: float = _within(100, 100_000)
    torque_nm: float = _within(1, 1000)
    gear_ratio: float = _within(0.5, 30)
    efficiency: float = _within(0.3, 1)
    heat_capacity_j_per_k: float = _within(100, 1_000_000)
    cooling_w_per_k: float = _within(0.1, 1000)


@dataclass(frozen=True)
class Battery:
    cells: int = _within(1, 31)  # in series; BMS_Pack.Voltage_mV ends at 131 V
    capacity_ah: float = _within(1, 1000)
    resistance_ohm: float = _within(0.0001, 1)


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

    steering_sensor: bool
    bank_percent: float = _within(0, 15)
    grade_percent: float = _within(0, 20)
    margin_percent: float = _within(1, 20)
    warn_percent: float = _within(50, 100)  # of the lateral acceleration at the cap


@dataclass(frozen=True)
class VehicleConfig:
    name: str
    layout: Literal["delta", "tadpole"]
    mass: Mass
    geometry: Geometry
    motor: Motor
    battery: Battery
    brakes: Brakes
    resistance: Resistance
    limits: Limits
    tipover: Tipover


PARTS: dict[str, type[Any]] = {
    "mass": Mass,
    "geometry": Geometry,
    "motor": Motor,
    "battery": Battery,
    "brakes": Brakes,
    "resistance": Resistance,
    "limits": Limits,
    "tipover": Tipover,
}


def vehicle_names() -> list[str]:
    """The vehicles that come with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_vehicle(name: str | Path) -> VehicleConfig:
    """A vehicle by its name in `hw/vehicles`, or by the path of a file. Raises ConfigError."""
    path = name if isinstance(name, Path) else FOLDER / f"{name}.toml"
    if not isinstance(name, Path) and name not in vehicle_names():
        raise ConfigError(f"vehicle {name!r}: expected one of {', '.join(vehicle_names())}")
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: cannot be read: {error}") from error
    return parse_vehicle(text, path.name)


def parse_vehicle(text: str, file: str) -> VehicleConfig:
    """A configuration from its text; `file` is what errors name. Raises ConfigError."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise ConfigError(f"{file}: is not TOML: {error}") from error
    _exact_keys(document, ["name", "layout", *PARTS], file, "")
    name, layout = document["name"], document["layout"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(f"{file}: name: expected 1 to 32 of a-z 0-9 -, got {name!r}")
    if layout not in LAYOUTS:
        raise ConfigError(f"{file}: layout: expected delta or tadpole, got {layout!r}")
    parts = {key: _part(document[key], kind, file, key) for key, kind in PARTS.items()}
    config = VehicleConfig(name=name, layout=cast('Literal["delta", "tadpole"]', layout), **parts)
    _check_limits(config.limits, file)
    _check_balance(config, file)
    return config


def centre_of_mass(config: VehicleConfig, load: float) -> tuple[float, float]:
    """Its height and how far it lies behind the front axle, with this share of the payload."""
    geometry = config.geometry
    kerb, payload = config.mass.kerb_kg, config.mass.payload_kg * load
    height = kerb * geometry.com_height_m + payload * geometry.payload_height_m
    from_front = kerb * geometry.com_from_front_m + payload * geometry.payload_from_front_m
    return height / (kerb + payload), from_front / (kerb + payload)


def _part(table: object, kind: type[Part], file: str, where: str) -> Part:
    """One section as its dataclass."""
    if not isinstance(table, dict):
        raise ConfigError(f"{file}: {where}: expected a section, got {table!r}")
    specification = fields(cast(Any, kind))
    _exact_keys(table, [one.name for one in specification], file, f"{where}.")
    where = f"{file}: {where}"
    return kind(**{one.name: _value(one, table[one.name], where) for one in specification})


def _value(specification: Any, value: object, where: str) -> bool | int | float:
    """One value of a section, of the type and within the limits of its field."""
    kind = specification.type
    where = f"{where}.{specification.name}"
    if kind is bool:
        if not isinstance(value, bool):
            raise ConfigError(f"{where}: expected true or false, got {value!r}")
        return value
    low, high = specification.metadata["low"], specification.metadata["high"]
    allowed = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or not low <= value <= high:
        what = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{where}: expected {what} from {low} to {high}, got {value!r}")
    return value if kind is int else float(value)


def _exact_keys(table: Mapping[str, object], expected: list[str], file: str, where: str) -> None:
    for key in table:
        if key not in expected:
            raise ConfigError(f"{file}: {where}{key}: expected one of {', '.join(expected)}")
    for key in expected:
        if key not in table:
            raise ConfigError(f"{file}: {where}{key}: expected, but missing")


def _check_limits(limits: Limits, file: str) -> None:
    if not limits.limp_speed_mps <= limits.top_speed_mps <= limits.plausible_speed_mps:
        raise ConfigError(
            f"{file}: limits.top_speed_mps: expected limp_speed_mps ({limits.limp_speed_mps}) to "
            f"plausible_speed_mps ({limits.plausible_speed_mps}), got {limits.top_speed_mps}"
        )


def _check_balance(config: VehicleConfig, file: str) -> None:
    """No cap on the speed helps a vehicle that lifts a wheel while it hardly moves."""
    geometry, tipover = config.geometry, config.tipover
    for load in (0.0, 1.0):
        _, from_front = centre_of_mass(config, load)
        if not 0 < from_front < geometry.wheelbase_m:
            raise ConfigError(
                f"{file}: geometry.com_from_front_m: expected a centre of mass between the axles "
                f"(0 to {geometry.wheelbase_m}), got {from_front:.3f} at load {load:.0f}"
            )
    bank, grade = tipover.bank_percent / 100, tipover.grade_percent / 100
    for steering, accel, load, left, front in itertools.product(
        (0.0, geometry.max_steering_deg),
        (-BRAKING_MPS2, DRIVING_MPS2),
        (0.0, 1.0),
        (-bank, bank),
        (-grade, grade),
    ):
        condition = Condition(0.0, steering, accel, load, left, front)
        if lifts(config, condition):
            raise ConfigError(f"{file}: geometry: it lifts a wheel at walking pace: {condition}")
