"""From a configuration in hw/vehicles to the file on the board: every number, on the safe side."""

import math
from dataclasses import replace

import pytest

from hw.vehicle_config import centre_of_mass, load_vehicle, vehicle_names
from protocol import vehicle
from protocol.errors import EncodeError
from trifleet.vehicle_file import config_file, vehicle_of

each_vehicle = pytest.mark.parametrize("name", vehicle_names())


@each_vehicle
def test_every_number_arrives(name: str) -> None:
    config = load_vehicle(name)
    read = vehicle.open_file(config_file(config))
    geometry, limits, tipover = config.geometry, config.limits, config.tipover
    assert read.name == name
    assert read.layout == {"delta": 0, "tadpole": 1}[config.layout]
    expected = {
        "wheelbase_mm": geometry.wheelbase_m * 1000,
        "track_mm": geometry.track_m * 1000,
        "max_steering_cdeg": geometry.max_steering_deg * 100,
        "bank_permille": tipover.bank_percent * 10,
        "grade_permille": tipover.grade_percent * 10,
        "margin_permille": tipover.margin_percent * 10,
        "warn_permille": tipover.warn_percent * 10,
        "top_speed_mmps": limits.top_speed_mps * 1000,
        "limp_speed_mmps": limits.limp_speed_mps * 1000,
        "max_speed_mmps": limits.plausible_speed_mps * 1000,
        "max_accel_mmps2": limits.plausible_accel_mps2 * 1000,
        "tyre_mm": 2000 * math.pi * geometry.tyre_radius_m,
        "gear_permille": config.motors[0].gear_ratio * 1000,
    }
    for key, value in expected.items():
        assert getattr(read, key) == pytest.approx(value, abs=1), key
    assert read.has_steering is config.sensors.steering


@each_vehicle
def test_the_centre_of_mass_is_rounded_away_from_safety(name: str) -> None:
    config = load_vehicle(name)
    read = vehicle_of(config)
    pair = {0: 1, 1: -1}[read.layout]  # towards the pair of wheels
    for load, height_mm, from_front_mm in (
        (0.0, read.empty_height_mm, read.empty_from_front_mm),
        (1.0, read.full_height_mm, read.full_from_front_mm),
    ):
        height, from_front = centre_of_mass(config, load)
        assert 0 <= height_mm - height * 1000 < 1
        assert 0 <= (from_front * 1000 - from_front_mm) * pair < 1


def test_a_vehicle_beyond_the_protocol_is_not_written() -> None:
    config = load_vehicle("delta-cargo")
    with pytest.raises(EncodeError):
        config_file(replace(config, name="Delta"))
