"""Vehicle configurations: those of the project, and every way to write a wrong one."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.errors import ConfigError
from hw.vehicle_config import (
    FOLDER,
    PARTS,
    centre_of_mass,
    load_vehicle,
    parse_vehicle,
    vehicle_names,
)

TEXT = (FOLDER / "delta-passenger.toml").read_text(encoding="utf-8")


def test_both_layouts_carry_people_and_goods() -> None:
    layouts = {name: load_vehicle(name).layout for name in vehicle_names()}
    assert layouts == {
        "delta-cargo": "delta",
        "delta-passenger": "delta",
        "tadpole-cargo": "tadpole",
        "tadpole-passenger": "tadpole",
    }


@pytest.mark.parametrize("name", vehicle_names())
def test_the_configurations_are_plausible(name: str) -> None:
    config = load_vehicle(name)
    geometry = config.geometry
    assert config.name == name
    for load in (0.0, 1.0):
        height, behind = centre_of_mass(config, load)
        # It lies nearer to the axle with two wheels, or the vehicle would tip easily.
        assert (behind > geometry.wheelbase_m / 2) == (config.layout == "delta")
        # Standstill: it does not tip over by standing across a slope of 20 degrees.
        assert geometry.track_m / 2 / height > math.tan(math.radians(20))


@pytest.mark.parametrize("name", vehicle_names())
def test_the_centre_of_mass_goes_from_the_empty_vehicle_to_the_payload(name: str) -> None:
    config = load_vehicle(name)
    geometry = config.geometry
    empty = pytest.approx((geometry.com_height_m, geometry.com_from_front_m))
    assert centre_of_mass(config, 0.0) == empty
    height, behind = centre_of_mass(config, 1.0)
    total = config.mass.kerb_kg + config.mass.payload_kg
    lifted = (height - geometry.com_height_m) * total
    assert lifted == pytest.approx(
        config.mass.payload_kg * (geometry.payload_height_m - geometry.com_height_m)
    )
    moved = (behind - geometry.com_from_front_m) * total
    assert moved == pytest.approx(
        config.mass.payload_kg * (geometry.payload_from_front_m - geometry.com_from_front_m)
    )


CASES = {
    'layout = "delta"': ('layout = "bicycle"', "layout: expected delta or tadpole"),
    'name = "delta-passenger"': ('name = "Delta"', "name: expected 1 to 32"),
    "track_m = 1.12": ("track_m = 11.2", "geometry.track_m: expected a number from 0.4 to 3"),
    "cells = 16": ("cells = 16.0", "battery.cells: expected a whole number"),
    "power_w = 4500.0": ("power_w = true", "motor.power_w: expected a number"),
    "rolling = 0.014": ("rolling = nan", "resistance.rolling: expected a number"),
    "efficiency = 0.86": ('efficiency = "0.86"', "motor.efficiency: expected a number"),
    "torque_nm = 48.0": ("torque = 48.0", "motor.torque: expected one of"),
    "payload_kg = 225.0": ("", "mass.payload_kg: expected, but missing"),
    "[limits]": ("[limit]", "limit: expected one of"),
    "com_from_front_m = 1.26": ("com_from_front_m = 2.5", "a centre of mass between the axles"),
    "payload_from_front_m = 1.72": ("payload_from_front_m = 4.5", "got 2.408 at load 1"),
    "com_height_m = 0.54": ("com_height_m = 1.9", "geometry: it lifts a wheel at walking pace"),
    "bank_percent = 5.0": ("bank_percent = 16", "tipover.bank_percent: expected a number from 0"),
    "steering_sensor = true": ("steering_sensor = 1", "expected true or false, got 1"),
    "limp_speed_mps = 2.8": ("limp_speed_mps = 13", "limits.top_speed_mps: expected limp_speed"),
    "plausible_speed_mps = 25.0": ("plausible_speed_mps = 12.4", "to plausible_speed_mps (12.4)"),
    "gear_ratio = 8.6": ("gear_ratio = ", "is not TOML"),
}


@pytest.mark.parametrize("before", CASES)
def test_errors_name_file_key_and_what_was_expected(before: str) -> None:
    after, message = CASES[before]
    assert before in TEXT
    with pytest.raises(ConfigError) as error:
        parse_vehicle(TEXT.replace(before, after), "case.toml")
    assert str(error.value).startswith("case.toml: ")
    assert message in str(error.value)


def test_a_section_must_be_one() -> None:
    text = TEXT.split("[limits]")[0] + "[tipover]" + TEXT.split("[tipover]")[1]
    with pytest.raises(ConfigError, match="limits: expected a section, got 5"):
        parse_vehicle("limits = 5\n" + text, "case.toml")


def test_unknown_vehicles_and_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="delta-passenger, tadpole-cargo"):
        load_vehicle("../can/vehicle")
    with pytest.raises(ConfigError, match=r"missing\.toml"):
        load_vehicle(tmp_path / "missing.toml")
    bad = tmp_path / "bad.toml"
    bad.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"bad\.toml"):
        load_vehicle(bad)


def test_a_file_of_one_s_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.replace("delta-passenger", "mine"), encoding="utf-8")
    assert load_vehicle(path).name == "mine"


def _refused_or_read(text: str) -> None:
    try:
        config = parse_vehicle(text, "case.toml")
    except ConfigError as error:
        assert str(error).startswith("case.toml: ")
    else:
        assert config.layout in ("delta", "tadpole")


@given(st.text(max_size=200))
def test_only_its_own_error_for_any_text(text: str) -> None:
    _refused_or_read(text)


@given(st.integers(0, len(TEXT) - 1), st.integers(0, 8), st.text(max_size=8))
def test_only_its_own_error_for_a_changed_file(at: int, removed: int, added: str) -> None:
    _refused_or_read(TEXT[:at] + added + TEXT[at + removed :])


VALUES = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.floats().map(lambda number: repr(number) if math.isfinite(number) else "inf"),
    st.sampled_from(["true", '"x"', "[]", "{}", "nan", "-nan", "1979-05-27", "9" * 40]),
)


@given(st.sampled_from(sorted(PARTS)), st.data())
def test_only_its_own_error_for_any_value(part: str, data: st.DataObject) -> None:
    keys = [line.split(" =")[0] for line in TEXT.splitlines() if " = " in line]
    key = data.draw(st.sampled_from(keys))
    lines = [
        f"{key} = {data.draw(VALUES)}" if line.startswith(f"{key} =") else line
        for line in TEXT.splitlines()
    ]
    _refused_or_read("\n".join(lines))
