"""The longitudinal model against energy, closed forms and what a vehicle cannot do."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.model.packs import current_for_a, equivalent, open_circuit_v
from hw.model.physics import (
    AIR_DENSITY_KG_M3,
    GRAVITY_MPS2,
    STANDBY_W,
    Inputs,
    State,
    resisting_force_n,
    step,
    total_mass_kg,
)
from hw.vehicle_config import VehicleConfig, load_vehicle, vehicle_names

DT_S = 0.02
CONFIGS = [load_vehicle(name) for name in vehicle_names()]
FULL = Inputs(drive=1.0)
each_vehicle = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)


def run(config: VehicleConfig, state: State, inputs: Inputs, seconds: float) -> State:
    for _ in range(round(seconds / DT_S)):
        state = step(config, state, inputs, DT_S)
    return state


@each_vehicle
def test_the_energy_of_the_battery_is_found_again(config: VehicleConfig) -> None:
    """Chemical energy = motion + drag, rolling, brakes + losses of drive and battery + standby."""
    state = State(soc=0.8)
    chemical = spent = 0.0
    for i in range(3000):
        inputs = Inputs(drive=0.8) if i < 2000 else Inputs(brake=0.1)
        after = step(config, state, inputs, DT_S)
        mean = (state.speed_mps + after.speed_mps) / 2
        wheel_j = after.drive_force_n * mean * DT_S
        resisting_n = resisting_force_n(config, state.speed_mps, inputs.brake, inputs.load)
        voltage, resistance = equivalent(config.packs, (state.soc,) * len(config.packs))
        chemical += voltage * after.pack_a * DT_S
        spent += wheel_j * (1 / config.motors[0].efficiency - 1)
        spent += after.pack_a**2 * resistance * DT_S + STANDBY_W * DT_S
        spent += resisting_n * mean * DT_S
        state = after
    motion = total_mass_kg(config, 0.5) * state.speed_mps**2 / 2
    assert chemical == pytest.approx(spent + motion, rel=0.01)


@each_vehicle
def test_the_terminal_speed_is_where_power_meets_resistance(config: VehicleConfig) -> None:
    speed = run(config, State(), FULL, 120).speed_mps
    drag_n = AIR_DENSITY_KG_M3 * config.resistance.drag_area_m2 * speed**2 / 2
    rolling_n = config.resistance.rolling * total_mass_kg(config, 0.5) * GRAVITY_MPS2
    wheel_w = sum(motor.power_w * motor.efficiency for motor in config.motors)
    assert (drag_n + rolling_n) * speed == pytest.approx(wheel_w, rel=0.01)
    assert speed > config.limits.top_speed_mps  # so the cap is what limits it


@each_vehicle
def test_coasting_down_on_rolling_resistance_alone_takes_v_over_mu_g(config: VehicleConfig) -> None:
    config = replace(config, resistance=replace(config.resistance, drag_area_m2=1e-9))
    state, seconds = State(speed_mps=5.0), 0.0
    while state.speed_mps > 0:
        state, seconds = step(config, state, Inputs(), DT_S), seconds + DT_S
    expected = 5.0 / (config.resistance.rolling * GRAVITY_MPS2)
    assert seconds == pytest.approx(expected, abs=2 * DT_S)
    assert state.odometer_m == pytest.approx(5.0 * expected / 2, rel=0.01)


@each_vehicle
def test_brakes_stop_it_and_hold_it(config: VehicleConfig) -> None:
    state = run(config, State(speed_mps=10.0), Inputs(brake=1.0), 5)
    assert state.speed_mps == 0.0
    assert state.odometer_m < 30
    assert run(config, state, Inputs(brake=1.0), 1).odometer_m == state.odometer_m


@each_vehicle
def test_driving_costs_charge_and_warms_the_motor(config: VehicleConfig) -> None:
    state = run(config, State(soc=0.5), FULL, 60)
    assert state.soc < 0.5
    assert state.motor_temp_c > State().motor_temp_c
    parked = run(config, state, Inputs(), 60)
    assert parked.motor_temp_c < state.motor_temp_c


@each_vehicle
def test_charging_counts_the_charger_s_current(config: VehicleConfig) -> None:
    state = run(config, State(soc=0.2), Inputs(charge_a=20.0), 360)
    standby_a = STANDBY_W / state.pack_v
    capacity_ah = sum(pack.capacity_ah for pack in config.packs)
    assert state.soc == pytest.approx(0.2 + (20.0 - standby_a) * 0.1 / capacity_ah, abs=1e-4)
    assert state.pack_a < 0


def test_an_empty_battery_moves_nothing() -> None:
    state = run(CONFIGS[0], State(soc=0.0), FULL, 5)
    assert (state.speed_mps, state.soc, state.pack_a) == (0.0, 0.0, 0.0)


def test_a_hot_motor_makes_no_torque() -> None:
    state = step(CONFIGS[0], State(motor_temp_c=130.0), FULL, DT_S)
    assert state.drive_force_n == 0.0


@given(st.floats(0, 1))
def test_current_times_voltage_is_the_power_asked_for(soc: float) -> None:
    pack = CONFIGS[1].packs[0]
    voltage = open_circuit_v(pack, soc)
    current = current_for_a(voltage, pack.resistance_ohm, 3000.0)
    terminal_v = voltage - current * pack.resistance_ohm
    assert terminal_v * current == pytest.approx(3000.0, rel=1e-6)


@given(
    st.sampled_from(CONFIGS),
    st.builds(State, speed_mps=st.floats(-15, 15), soc=st.floats(0, 1)),
    st.builds(
        Inputs,
        drive=st.floats(-1, 1),
        brake=st.floats(0, 1),
        load=st.floats(0, 1),
        charge_a=st.floats(0, 60),
    ),
    st.floats(0.001, 0.1),
)
def test_no_step_leaves_the_possible(
    config: VehicleConfig, state: State, inputs: Inputs, dt_s: float
) -> None:
    after = step(config, state, inputs, dt_s)
    numbers = [after.speed_mps, after.pack_v, after.pack_a, after.motor_temp_c, after.odometer_m]
    assert all(math.isfinite(number) for number in numbers)
    assert 0 <= after.soc <= 1
    assert after.odometer_m >= state.odometer_m
    if inputs.drive == 0:
        assert abs(after.speed_mps) <= abs(state.speed_mps)
        assert after.speed_mps * state.speed_mps >= 0
