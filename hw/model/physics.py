"""Longitudinal dynamics of one vehicle: pure `step(config, state, inputs, dt_s) -> state`.

Point mass on a level road. The motor is a force up to a torque and a power limit with a constant
efficiency; the battery is an open-circuit voltage behind a resistance, charge is counted.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass, replace

from hw.vehicle_config import Battery, VehicleConfig

GRAVITY_MPS2 = 9.81
AIR_DENSITY_KG_M3 = 1.2
AMBIENT_C = 22.0
STANDBY_W = 25.0  # controllers, dash and lights
# Motor temperature from which the controller takes power away, and where none is left.
DERATE_FROM_C = 110.0
DERATE_TO_C = 125.0
FULL_CHARGE = 1.0

# Open-circuit voltage of one lithium-ion (NMC) cell over its state of charge.
_OCV_SOC = (0.0, 0.05, 0.10, 0.20, 0.40, 0.60, 0.80, 0.90, 1.0)
_OCV_V = (3.00, 3.35, 3.45, 3.55, 3.63, 3.75, 3.95, 4.05, 4.18)


@dataclass(frozen=True)
class State:
    """`pack_a` is positive when discharging; `speed_mps` is positive forward."""

    speed_mps: float = 0.0
    odometer_m: float = 0.0
    soc: float = 0.9
    motor_temp_c: float = AMBIENT_C
    pack_v: float = 0.0
    pack_a: float = 0.0
    drive_force_n: float = 0.0


@dataclass(frozen=True)
class Inputs:
    """`drive` from -1 (full reverse) to 1, `brake` from 0 to 1, the charger's current."""

    drive: float = 0.0
    brake: float = 0.0
    load: float = 0.5
    charge_a: float = 0.0


def open_circuit_v(battery: Battery, soc: float) -> float:
    """Voltage of the pack without current."""
    soc = min(1.0, max(0.0, soc))
    i = min(bisect_right(_OCV_SOC, soc), len(_OCV_SOC) - 1)
    share = (soc - _OCV_SOC[i - 1]) / (_OCV_SOC[i] - _OCV_SOC[i - 1])
    return battery.cells * (_OCV_V[i - 1] + share * (_OCV_V[i] - _OCV_V[i - 1]))


def total_mass_kg(config: VehicleConfig, load: float) -> float:
    return config.mass.kerb_kg + config.mass.payload_kg * load


def motor_rpm(config: VehicleConfig, speed_mps: float) -> float:
    wheel_rps = speed_mps / (2 * math.pi * config.geometry.tyre_radius_m)
    return wheel_rps * config.motor.gear_ratio * 60


def drive_limit_n(config: VehicleConfig, state: State) -> float:
    """The greatest force at the wheel, by torque, by power, and by temperature and charge."""
    motor = config.motor
    by_torque = motor.torque_nm * motor.gear_ratio / config.geometry.tyre_radius_m
    by_power = motor.power_w * motor.efficiency / max(abs(state.speed_mps), 0.1)
    cool = (DERATE_TO_C - state.motor_temp_c) / (DERATE_TO_C - DERATE_FROM_C)
    return min(by_torque, by_power) * min(1.0, max(0.0, cool)) * (state.soc > 0)


def resisting_force_n(config: VehicleConfig, speed_mps: float, brake: float, load: float) -> float:
    """Drag, rolling resistance and brakes: the greatest force against the motion."""
    drag = 0.5 * AIR_DENSITY_KG_M3 * config.resistance.drag_area_m2 * speed_mps**2
    rolling = config.resistance.rolling * total_mass_kg(config, load) * GRAVITY_MPS2
    return drag + rolling + brake * config.brakes.max_force_n


def pack_current_a(battery: Battery, soc: float, power_w: float) -> float:
    """The current that gives `power_w` at the terminals, or the most that the pack can give."""
    voltage, resistance = open_circuit_v(battery, soc), battery.resistance_ohm
    root = voltage**2 - 4 * resistance * power_w
    return (voltage - math.sqrt(max(0.0, root))) / (2 * resistance)


def step(config: VehicleConfig, state: State, inputs: Inputs, dt_s: float) -> State:
    """The state `dt_s` later. Forces are those of the beginning, speeds the mean of the step."""
    limit_n = drive_limit_n(config, state)
    force_n = max(-1.0, min(1.0, inputs.drive)) * limit_n
    speed = _next_speed(config, state.speed_mps, force_n, inputs, dt_s)
    mean_mps = (state.speed_mps + speed) / 2
    wheel_w = max(0.0, force_n * mean_mps)
    motor_w = wheel_w / config.motor.efficiency
    moved = replace(
        state,
        speed_mps=speed,
        odometer_m=state.odometer_m + abs(mean_mps) * dt_s,
        motor_temp_c=_motor_temp_c(config, state, motor_w - wheel_w, dt_s),
        drive_force_n=force_n,
    )
    return _discharge(config.battery, moved, motor_w + STANDBY_W, inputs.charge_a, dt_s)


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
    motor = config.motor
    cooling_w = motor.cooling_w_per_k * (state.motor_temp_c - AMBIENT_C)
    return state.motor_temp_c + (loss_w - cooling_w) * dt_s / motor.heat_capacity_j_per_k


def _discharge(
    battery: Battery, state: State, power_w: float, charge_a: float, dt_s: float
) -> State:
    """Coulomb counting; an empty pack gives nothing, a full one takes nothing."""
    current = pack_current_a(battery, state.soc, power_w) if state.soc > 0 else 0.0
    current -= charge_a if state.soc < FULL_CHARGE else 0.0
    soc = state.soc - current * dt_s / 3600 / battery.capacity_ah
    voltage = open_circuit_v(battery, state.soc) - current * battery.resistance_ohm
    return replace(state, soc=min(FULL_CHARGE, max(0.0, soc)), pack_v=voltage, pack_a=current)
