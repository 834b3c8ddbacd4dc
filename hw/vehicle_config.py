"""A vehicle's numbers, read from `hw/vehicles/<name>.toml`; the units are in the names.

Refuses unknown and missing keys, other types, and values outside of what such a vehicle can have.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from hw.errors import ConfigError

FOLDER = Path(__file__).with_name("vehicles")
LAYOUTS = ("delta", "tadpole")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")

Part = TypeVar("Part")


def _within(low: float, high: float) -> Any:
    return field(metadata={"low": low, "high": high})


@dataclass(frozen=True)
class Mass:
    kerb_kg: float = _within(30, 3000)
    payload_kg: float = _within(0, 3000)


@dataclass(frozen=True)
class Geometry:
    """`com_from_front_m` is how far the centre of mass lies behind the front axle."""

    wheelbase_m: float = _within(0.8, 5)
    track_m: float = _within(0.4, 3)
    com_height_m: float = _within(0.1, 2)
    com_from_front_m: float = _within(0.05, 5)
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
    top_speed_mps: float = _within(1, 32)  # MC_Status1.Speed_mmps ends at 32.767 m/s


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


PARTS: dict[str, type[Any]] = {
    "mass": Mass,
    "geometry": Geometry,
    "motor": Motor,
    "battery": Battery,
    "brakes": Brakes,
    "resistance": Resistance,
    "limits": Limits,
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
    _check_geometry(config.geometry, file)
    return config


def _part(table: object, kind: type[Part], file: str, where: str) -> Part:
    """One section as its dataclass."""
    if not isinstance(table, dict):
        raise ConfigError(f"{file}: {where}: expected a section, got {table!r}")
    specification = fields(cast(Any, kind))
    _exact_keys(table, [one.name for one in specification], file, f"{where}.")
    values = {}
    for one in specification:
        low, high = one.metadata["low"], one.metadata["high"]
        allowed = (int,) if one.type is int else (int, float)
        value = table[one.name]
        if isinstance(value, bool) or not isinstance(value, allowed) or not low <= value <= high:
            what = "a whole number" if one.type is int else "a number"
            expected = f"expected {what} from {low} to {high}"
            raise ConfigError(f"{file}: {where}.{one.name}: {expected}, got {value!r}")
        values[one.name] = value if one.type is int else float(value)
    return kind(**values)


def _exact_keys(table: Mapping[str, object], expected: list[str], file: str, where: str) -> None:
    for key in table:
        if key not in expected:
            raise ConfigError(f"{file}: {where}{key}: expected one of {', '.join(expected)}")
    for key in expected:
        if key not in table:
            raise ConfigError(f"{file}: {where}{key}: expected, but missing")


def _check_geometry(geometry: Geometry, file: str) -> None:
    if geometry.com_from_front_m >= geometry.wheelbase_m:
        raise ConfigError(
            f"{file}: geometry.com_from_front_m: expected less than wheelbase_m "
            f"({geometry.wheelbase_m}), got {geometry.com_from_front_m}"
        )
