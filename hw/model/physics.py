"""Longitudinal dynamics of one vehicle: pure `step(config, state, inputs, dt_s) -> state`.

Point mass on a level road. The motors are a force up to a torque and a power limit with a constant
efficiency; two are alike and share it. The battery: `packs.py`.
"""

import math
from dataclasses import dataclass, replace

from hw.model import packs
from hw.vehicle_schema import VehicleConfig

GRAVITY_MPS2 = 9.81
AIR_DENSITY_KG_M3 = 1.2
AMBIENT_C = 22.0
STANDBY_W = 25.0  # controllers, dash and lights
# Motor temperature from which the controller takes power away, and where none is left.
DERATE_FROM_C = 110.0
DERATE_TO_C = 125.0


@dataclass(frozen=True)
class State:
    """`pack_a` is positive when discharging; `speed_mps` is positive forward.

    `soc` is the charge of all packs together, `pack_socs` that of each; () where all are equal.
    """

    speed_mps: float = 0.0
    odometer_m: float = 0.0
    soc: float = 0.9
    motor_temp_c: float = AMBIENT_C
    pack_v: float = 0.0
    pack_a: float = 0.0
    drive_force_n: float = 0.0
    pack_socs: tuple[float, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """`drive` from -1 (full reverse) to 1, `brake` from 0 to 1, the charger's current."""

    drive: float = 0.0
    brake: float = 0.0
    load: float = 0.5
    charge_a: float = 0.0


def total_mass_kg(config: VehicleConfig, load: float) -> float:
    return config.mass.kerb_kg + config.mass.payload_kg * load


def motor_rpm(config: VehicleConfig, speed_mps: float) -> float:
    wheel_rps = speed_mps / (2 * math.pi * config.geometry.tyre_radius_m)
    return wheel_rps * config.motors[0].gear_ratio * 60


def drive_limit_n(config: VehicleConfig, state: State) -> float:
    """The greatest force of all motors, by torque, by power, and by temperature and charge."""
    motor = config.motors[0]
    by_torque = motor.torque_nm * motor.gear_ratio / config.geometry.tyre_radius_m
    by_power = motor.power_w * motor.efficiency / max(abs(state.speed_mps), 0.1)
    cool = (DERATE_TO_C - state.motor_temp_c) / (DERATE_TO_C - DERATE_FROM_C)
    one = min(by_torque, by_power) * min(1.0, max(0.0, cool)) * (state.soc > 0)
    return one * len(config.motors)


def resisting_force_n(config: VehicleConfig, speed_mps: float, brake: float, load: float) -> float:
    """Drag, rolling resistance and brakes: the greatest force against the motion."""
    drag = 0.5 * AIR_DENSITY_KG_M3 * config.resistance.drag_area_m2 * speed_mps**2
    rolling = config.resistance.rolling * total_mass_kg(config, load) * GRAVITY_MPS2
    return drag + rolling + brake * config.brakes.max_force_n


def step(config: VehicleConfig, state: State, inputs: Inputs, dt_s: float) -> State:
    """The state `dt_s` later. Forces are those of the beginning, speeds the mean of the step."""
    limit_n = drive_limit_n(config, state)
    force_n = max(-1.0, min(1.0, inputs.drive)) * limit_n
    speed = _next_speed(config, state.speed_mps, force_n, inputs, dt_s)
    mean_mps = (state.speed_mps + speed) / 2
    wheel_w = max(0.0, force_n * mean_mps)
    motor_w = wheel_w / config.motors[0].efficiency
    moved = replace(
        state,
        speed_mps=speed,
        odometer_m=state.odometer_m + abs(mean_mps) * dt_s,
        motor_temp_c=_motor_temp_c(config, state, motor_w - wheel_w, dt_s),
        drive_force_n=force_n,
    )
    socs = state.pack_socs or (state.soc,) * len(config.packs)
    shared = packs.discharge(config.packs, socs, motor_w + STANDBY_W, inputs.charge_a, dt_s)
    return replace(
        moved,
        soc=packs.mean_soc(config.packs, shared.socs),
        pack_socs=shared.socs,
        pack_v=shared.voltage_v,
        pack_a=shared.current_a,
    )


def _next_speed(
    config: VehicleConfig, speed: float, force_n: float, inputs: Inputs, dt_s: float
) -> float:
    """Resisting forces stop the vehicle; they never push it backwards."""
    mass = total_mass_kg(config, inputs.load)
    pushed = speed + force_n / mass * dt_s
    loss = resisting_force_n(config, speed, inputs.brake, inputs.load) / mass * dt_s
    if abs(pushed) <= loss:
        return 0.0
    return pushed - math.copysign(loss, pushed)


def _motor_temp_c(config: VehicleConfig, state: State, loss_w: float, dt_s: float) -> float:
    motor = config.motors[0]  # each warms by its own share
    share_w = loss_w / len(config.motors)
    cooling_w = motor.cooling_w_per_k * (state.motor_temp_c - AMBIENT_C)
    return state.motor_temp_c + (share_w - cooling_w) * dt_s / motor.heat_capacity_j_per_k
