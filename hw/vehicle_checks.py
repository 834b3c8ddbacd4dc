"""Numbers of a vehicle that contradict each other, or make a machine that nobody should ride."""

import itertools
import math
from dataclasses import fields
from pathlib import Path

from hw.errors import ConfigError
from hw.model.rollover import Condition, lifts
from hw.toml_lines import Document
from hw.vehicle_schema import Motor, VehicleConfig

# What every vehicle must do on all of its wheels, see docs/tipover.md: a hard stop on a dry street
# and a brisk start.
BRAKING_MPS2 = 5.0
DRIVING_MPS2 = 2.0
PASSENGER_KG = 60.0
# Where signals of MC_Status1 end.
MOST_RPM, MOST_A = 8191, 204.7
LOWEST_CELL_V = 3.0  # an almost empty cell that is driven hard
_OVERHANG_M = 0.8
BOARDS = Path(__file__).parent.parent / "boards"


def centre_of_mass(config: VehicleConfig, load: float) -> tuple[float, float]:
    """Its height and how far it lies behind the front axle, with this share of the payload."""
    geometry = config.geometry
    kerb, payload = config.mass.kerb_kg, config.mass.payload_kg * load
    height = kerb * geometry.com_height_m + payload * geometry.payload_height_m
    from_front = kerb * geometry.com_from_front_m + payload * geometry.payload_from_front_m
    return height / (kerb + payload), from_front / (kerb + payload)


def check(config: VehicleConfig, document: Document) -> None:
    """Raises ConfigError that names the line of the value to change."""
    for rule in (_limits, _body, _motors, _signals, _packs, _board, _balance):
        rule(config, document)


def _refuse(document: Document, where: str, words: str) -> ConfigError:
    """`where` is `section.key` or `section[2].key`."""
    section, key = where.split(".")
    name, _, number = section.partition("[")
    tables = document.lists[name] if number else [document.sections[name]]
    table = tables[int(number[:-1]) - 1 if number else 0]
    return document.refuse(table.line_of(key), f"{where}: {words}")


def _limits(config: VehicleConfig, document: Document) -> None:
    limits = config.limits
    if not limits.limp_speed_mps <= limits.top_speed_mps <= limits.plausible_speed_mps:
        words = (
            f"expected limp_speed_mps ({limits.limp_speed_mps}) to "
            f"plausible_speed_mps ({limits.plausible_speed_mps}), got {limits.top_speed_mps}"
        )
        raise _refuse(document, "limits.top_speed_mps", words)


def _body(config: VehicleConfig, document: Document) -> None:
    body, payload = config.body, config.mass.payload_kg
    if body.kind == "passenger" and body.passengers == 0:
        raise _refuse(document, "body.passengers", "a passenger body carries at least 1, got 0")
    if body.kind == "cargo" and body.cargo_m3 == 0:
        raise _refuse(document, "body.cargo_m3", "a cargo body has room for more than 0 m³")
    least = body.passengers * PASSENGER_KG
    if payload < least:
        words = f"{body.passengers} passengers take at least {least:.0f} kg, got {payload:.0f}"
        raise _refuse(document, "mass.payload_kg", words)


def _motors(config: VehicleConfig, document: Document) -> None:
    """Two motors that are not alike would steer: more force on one side turns the vehicle. They
    share one motor controller, which reports one speed.
    """
    if len(config.motors) == 1:
        if config.motors[0].wheels not in ("pair", "single"):
            words = f"one motor drives pair or single, got {config.motors[0].wheels!r}"
            raise _refuse(document, "motor[1].wheels", words)
        return
    first, second = config.motors
    for number, motor, wheels in ((1, first, "left"), (2, second, "right")):
        if motor.wheels != wheels:
            words = f"of two motors this one drives the {wheels} wheel, got {motor.wheels!r}"
            raise _refuse(document, f"motor[{number}].wheels", words)
    for one in fields(Motor):
        a, b = getattr(first, one.name), getattr(second, one.name)
        if one.name != "wheels" and a != b:
            words = f"expected {a} as motor[1] has, or the vehicle pulls to one side; got {b}"
            raise _refuse(document, f"motor[2].{one.name}", words)


def _signals(config: VehicleConfig, document: Document) -> None:
    """What the bus cannot tell, the vehicle cannot judge: a motor speed that stands at the end of
    its signal contradicts the wheel's.
    """
    geometry, motor = config.geometry, config.motors[0]
    turns_per_s = config.limits.top_speed_mps / (2 * math.pi * geometry.tyre_radius_m)
    rpm = turns_per_s * motor.gear_ratio * 60
    if rpm > MOST_RPM:
        words = f"the motor turns {rpm:.0f} times a minute at the top speed; expected {MOST_RPM}"
        raise _refuse(document, "motor[1].gear_ratio", f"{words} at most (MC_Status1.Motor_rpm)")
    current = sum(one.power_w for one in config.motors) / (config.packs[0].cells * LOWEST_CELL_V)
    if current > MOST_A:
        words = f"{current:.0f} A from packs that are nearly empty; expected {MOST_A} A at most"
        raise _refuse(document, "motor[1].power_w", f"{words} (MC_Status1.Current_dA)")


def _packs(config: VehicleConfig, document: Document) -> None:
    """Packs in parallel have one voltage: one with more cells would feed the other unhindered."""
    last = config.geometry.wheelbase_m + _OVERHANG_M
    for number, pack in enumerate(config.packs, 1):
        if pack.cells != config.packs[0].cells:
            words = f"expected {config.packs[0].cells} as pack[1] has, got {pack.cells}"
            raise _refuse(document, f"pack[{number}].cells", words)
        if not -_OVERHANG_M <= pack.from_front_m <= last:
            words = f"lies outside of the vehicle ({-_OVERHANG_M} to {last:.2f} m)"
            raise _refuse(document, f"pack[{number}].from_front_m", words)
        if abs(pack.left_m) > config.geometry.track_m / 2:
            words = f"lies outside of the track of {config.geometry.track_m} m"
            raise _refuse(document, f"pack[{number}].left_m", words)


def board_names() -> list[str]:
    """Every board that has its pins written down."""
    return sorted(path.parent.name for path in BOARDS.glob("*/pins.csv"))


def _board(config: VehicleConfig, document: Document) -> None:
    board = config.harness.board
    if not (BOARDS / board / "pins.csv").exists():
        words = f"{board!r} is no folder of boards/; expected {', '.join(board_names())}"
        raise _refuse(document, "harness.board", words)


def _balance(config: VehicleConfig, document: Document) -> None:
    """No cap on the speed helps a vehicle that lifts a wheel while it hardly moves."""
    geometry, tipover = config.geometry, config.tipover
    for load in (0.0, 1.0):
        _, from_front = centre_of_mass(config, load)
        if not 0 < from_front < geometry.wheelbase_m:
            key = "com_from_front_m" if load == 0 else "payload_from_front_m"
            words = (
                f"expected a centre of mass between the axles "
                f"(0 to {geometry.wheelbase_m}), got {from_front:.3f} at load {load:.0f}"
            )
            raise _refuse(document, f"geometry.{key}", words)
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
            line = document.sections["geometry"].line
            words = f"geometry: it lifts a wheel at walking pace: {condition}"
            raise document.refuse(line, words)
