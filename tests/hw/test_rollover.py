"""The rigid body against what statics says in other words, and against itself turned round."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.model.rollover import GRAVITY_MPS2, Condition, lifts, limiting_speed, normal_forces
from hw.vehicle_config import VehicleConfig, centre_of_mass, load_vehicle, vehicle_names

CONFIGS = [load_vehicle(name) for name in vehicle_names()]
each_vehicle = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)

conditions = st.builds(
    Condition,
    speed_mps=st.floats(-15, 15),
    steering_deg=st.floats(-40, 40),
    accel_mps2=st.floats(-6, 4),
    load=st.floats(0, 1),
    bank=st.floats(-0.15, 0.15),
    grade=st.floats(-0.2, 0.2),
)


def mass_kg(config: VehicleConfig, load: float) -> float:
    return config.mass.kerb_kg + config.mass.payload_kg * load


@each_vehicle
@pytest.mark.parametrize("load", [0.0, 0.3, 1.0])
def test_at_rest_on_the_level_the_axles_share_the_weight_by_their_levers(
    config: VehicleConfig, load: float
) -> None:
    wheels = normal_forces(config, Condition(load=load))
    _, behind = centre_of_mass(config, load)
    rear_share = behind / config.geometry.wheelbase_m
    single_share = 1 - rear_share if config.layout == "delta" else rear_share
    weight = mass_kg(config, load) * GRAVITY_MPS2
    assert wheels.single == pytest.approx(weight * single_share)
    assert wheels.left == pytest.approx(wheels.right)
    assert sum(wheels) == pytest.approx(weight)


@each_vehicle
def test_on_a_wide_curve_the_limit_is_the_track_over_the_height_at_the_centre_of_mass(
    config: VehicleConfig,
) -> None:
    """The textbook's static factor, where the triangle is as wide as it is at the centre."""
    height, behind = centre_of_mass(config, 1.0)
    length = config.geometry.wheelbase_m
    share = behind / length if config.layout == "delta" else 1 - behind / length
    factor = config.geometry.track_m / 2 * share / height
    steering = 0.5
    radius = length / math.tan(math.radians(steering))
    limit = limiting_speed(config, Condition(steering_deg=steering, load=1.0))
    assert limit == pytest.approx(math.sqrt(factor * GRAVITY_MPS2 * radius), rel=0.005)


@each_vehicle
def test_braking_takes_from_a_delta_what_it_gives_to_a_tadpole(config: VehicleConfig) -> None:
    curve = Condition(steering_deg=8.0, load=0.5)
    braking = limiting_speed(config, replace(curve, accel_mps2=-4.0))
    coasting = limiting_speed(config, curve)
    assert (braking < coasting) == (config.layout == "delta")
    downhill = limiting_speed(config, replace(curve, grade=-0.1))
    assert (downhill < coasting) == (config.layout == "delta")


@each_vehicle
def test_a_road_that_falls_to_the_outside_is_worse(config: VehicleConfig) -> None:
    left = Condition(steering_deg=8.0)
    assert limiting_speed(config, replace(left, bank=0.05)) < limiting_speed(config, left)
    assert limiting_speed(config, replace(left, bank=-0.05)) > limiting_speed(config, left)


@each_vehicle
def test_straight_on_nothing_lifts(config: VehicleConfig) -> None:
    assert limiting_speed(config, Condition(), most_mps=40.0) == 40.0


def foot(config: VehicleConfig, condition: Condition) -> tuple[float, float, float]:
    """Where the line of the felt weight through the centre of mass meets the road, from the rear
    axle; and how strong it presses. Plane formulas, for one track after the other."""
    height, behind = centre_of_mass(config, condition.load)
    length = config.geometry.wheelbase_m
    ahead = length - behind
    bend = math.tan(math.radians(condition.steering_deg)) / length
    along = condition.accel_mps2 - condition.speed_mps**2 * bend**2 * ahead
    across = condition.speed_mps**2 * bend + condition.accel_mps2 * bend * ahead
    grade, bank = math.atan(condition.grade), math.atan(condition.bank)
    along += GRAVITY_MPS2 * math.sin(grade)
    across += GRAVITY_MPS2 * math.cos(grade) * math.sin(bank)
    press = GRAVITY_MPS2 * math.cos(grade) * math.cos(bank)
    return ahead - height * along / press, -height * across / press, press


@given(st.sampled_from(CONFIGS), conditions)
def test_a_wheel_lifts_when_the_felt_weight_leaves_the_triangle(
    config: VehicleConfig, condition: Condition
) -> None:
    x, y, press = foot(config, condition)
    length, half = config.geometry.wheelbase_m, config.geometry.track_m / 2
    weight = mass_kg(config, condition.load) * press
    pair_share = 1 - x / length if config.layout == "delta" else x / length
    left, right = pair_share / 2 + y / half / 2, pair_share / 2 - y / half / 2
    expected = tuple(weight * share for share in (1 - pair_share, left, right))
    assert tuple(normal_forces(config, condition)) == pytest.approx(expected, abs=1e-6 * weight)


@given(st.sampled_from(CONFIGS), conditions)
def test_left_and_right_are_alike(config: VehicleConfig, condition: Condition) -> None:
    turned = replace(condition, steering_deg=-condition.steering_deg, bank=-condition.bank)
    here, there = normal_forces(config, condition), normal_forces(config, turned)
    assert here.left == pytest.approx(there.right, abs=1e-6)
    assert here.single == pytest.approx(there.single, abs=1e-6)


@given(st.sampled_from(CONFIGS), conditions)
def test_below_the_limiting_speed_nothing_lifts_and_above_it_something_does(
    config: VehicleConfig, condition: Condition
) -> None:
    limit = limiting_speed(config, condition, most_mps=60.0)
    if lifts(config, replace(condition, speed_mps=0.0)):
        assert limit < 1e-6
        return
    for share in (0.0, 0.5, 0.9, 0.999999):
        assert not lifts(config, replace(condition, speed_mps=limit * share))
    if limit < 60.0:
        assert lifts(config, replace(condition, speed_mps=limit * 1.000001))
