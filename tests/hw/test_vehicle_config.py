"""Vehicle configurations: those of the project, and every way to write a wrong one."""

import math
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from cantools.database import load_file
from hypothesis import given
from hypothesis import strategies as st

from hw.can.database import DBC
from hw.errors import ConfigError
from hw.toml_lines import scan
from hw.vehicle_checks import MOST_A, MOST_RPM
from hw.vehicle_config import (
    FOLDER,
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


# What is written instead, and the message; it begins with the number of the line of the first.
CASES = {
    'layout = "delta"': ('layout = "bicycle"', "layout: expected delta or tadpole"),
    'name = "delta-passenger"': ('name = "Delta"', "name: expected 1 to 32"),
    "track_m = 1.12": ("track_m = 11.2", "geometry.track_m: 11.2 is above 3; expected a number"),
    "cells = 16": ("cells = 16.0", "pack[1].cells: expected a whole number"),
    "power_w = 4500.0": ("power_w = 500000", "motor[1].power_w: 500000 is above 100000"),
    "rolling = 0.014": ("rolling = nan", "resistance.rolling: expected a number"),
    "efficiency = 0.86": ('efficiency = "0.86"', "motor[1].efficiency: expected a number"),
    "torque_nm = 48.0": ("torque = 48.0", "motor[1].torque: is unknown; expected one of"),
    "[limits]": ("[limit]", "limit: is unknown; expected one of body, mass"),
    "[brakes]": ("[[brakes]]", "brakes: expected [brakes]"),
    "[[pack]]": ("[pack]", "pack: expected [[pack]]"),
    "com_from_front_m = 1.26": ("com_from_front_m = 2.5", "a centre of mass between the axles"),
    "payload_from_front_m = 1.72": ("payload_from_front_m = 4.5", "got 2.408 at load 1"),
    "bank_percent = 5.0": ("bank_percent = 16", "tipover.bank_percent: 16 is above 15"),
    "steering = true": ("steering = 1", "sensors.steering: expected true or false, got 1"),
    "top_speed_mps = 12.5": ("top_speed_mps = 2.7", "limits.top_speed_mps: expected limp_speed"),
    "gear_ratio = 8.6": ("gear_ratio = ", "is not TOML: Invalid value"),
    "power_w = 4500.0 ": ("power_w = 9900.0", "motor[1].power_w: 206 A from packs that are nearly"),
    "gear_ratio = ": ("gear_ratio = 1", "motor[1].gear_ratio: the motor turns 8539 times"),
    "tyre_radius_m = 0.26": ("tyre.radius_m = 0.26", "expected `key = value`"),
    "max_steering_deg = 40.0": ("max_steering_deg = [40.0]", "expected a text, a number"),
    "max_force_n = 4200.0": ("[mass]", "mass: is there twice, first in line 10"),
    "passengers = 2": ("passengers = 0", "body.passengers: a passenger body carries at least 1"),
    "payload_kg = 225.0": ("payload_kg = 100.0", "mass.payload_kg: 2 passengers take at least 120"),
    'wheels = "pair"': ('wheels = "left"', "motor[1].wheels: one motor drives pair or single"),
    'board = "arduino-portenta-h7"': ('board = "../virtual"', "the name of a folder of boards/"),
    'board = "arduino-portenta-h7" ': ('board = "nope"', "harness.board: 'nope' is no folder of"),
    'connectors = "sealed"': ('connectors = "none"', "expected sealed or open, got 'none'"),
    "from_front_m = 1.30": ("from_front_m = 4.0", "pack[1].from_front_m: lies outside of the"),
    "left_m = 0.00": ("left_m = 0.60", "pack[1].left_m: lies outside of the track of 1.12 m"),
}


def line_with(words: str, text: str = TEXT) -> int:
    """The number of the one line that begins so."""
    found = [i for i, line in enumerate(text.splitlines(), 1) if line.startswith(words)]
    assert len(found) == 1, (words, found)
    return found[0]


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as error:
        parse_vehicle(text, "case.toml")
    return str(error.value)


@pytest.mark.parametrize("before", CASES)
def test_errors_name_file_line_key_and_what_was_expected(before: str) -> None:
    after, message = CASES[before]
    line = line_with(before)
    said = refusal(TEXT.replace(f"\n{before}", f"\n{after}"))
    assert said.startswith(f"case.toml:{line}: ")
    assert message in said


def test_what_is_missing_is_named_where_it_belongs() -> None:
    limits = line_with("[limits]")
    key = re.sub("limp_speed_mps.*", "", TEXT)
    assert refusal(key).startswith(f"case.toml:{limits}: limits.limp_speed_mps: is missing")
    section = TEXT[: TEXT.index("[limits]")] + TEXT[TEXT.index("[tipover]") :]
    assert refusal(section) == "case.toml:1: limits: the section [limits] is missing"
    packs = TEXT[: TEXT.index("[[pack]]")] + TEXT[TEXT.index("[brakes]") :]
    assert "the section [[pack]] is missing; expected one or two" in refusal(packs)
    assert "limits: expected a section, got 5" in refusal("limits = 5\n" + section)


def test_a_vehicle_that_lifts_a_wheel_is_refused() -> None:
    said = refusal(TEXT.replace("com_height_m = 0.54", "com_height_m = 1.9"))
    line = line_with("[geometry]")
    assert said.startswith(f"case.toml:{line}: geometry: it lifts a wheel at walking pace")


def doubled(name: str, section: str, old: str, new: str) -> str:
    """A vehicle with two of a section; one value of the second is another."""
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    head, first, second = text.split(f"[[{section}]]")
    assert old in second
    return f"[[{section}]]".join((head, first, second.replace(old, new, 1)))


def test_the_ends_of_the_signals_are_those_of_the_bus() -> None:
    message = load_file(DBC).get_message_by_name("MC_Status1")
    assert message.get_signal_by_name("Motor_rpm").maximum == MOST_RPM
    assert message.get_signal_by_name("Current_dA").maximum == pytest.approx(10 * MOST_A)


@pytest.mark.parametrize(
    ("name", "section", "old", "new", "message"),
    [
        ("tadpole-passenger", "motor", "torque_nm = 11.0", "torque_nm = 12.0", "pulls to one side"),
        ("tadpole-passenger", "motor", '"right"', '"left"', "this one drives the right wheel"),
        ("delta-cargo", "pack", "cells = 20", "cells = 19", "expected 20 as pack[1] has, got 19"),
    ],
)
def test_two_that_do_not_go_together_are_refused_at_the_second(
    name: str, section: str, old: str, new: str, message: str
) -> None:
    text = doubled(name, section, old, new)
    line = [i for i, row in enumerate(text.splitlines(), 1) if new in row][-1]
    said = refusal(text)
    assert said.startswith(f"case.toml:{line}: {section}[2].")
    assert message in said


def test_there_is_no_third_motor() -> None:
    text = doubled("tadpole-passenger", "motor", "x", "x")
    third = text[text.rindex("[[motor]]") : text.index("[[pack]]")]
    line = line_with("[[pack]]", text)
    said = refusal(text.replace("[[pack]]", f"{third}[[pack]]"))
    assert said == f"case.toml:{line}: motor[3]: expected 2 at most"


KEYS = [i for i, row in enumerate(TEXT.splitlines()) if re.match(r"\w+ = ", row)]
QUOTE_OR_WORD = ('"', "t", "f")
TWISTS: dict[str, Callable[[str, str], str]] = {
    "high": lambda key, value: f"{key} = 1e300",
    "low": lambda key, value: f"{key} = -1e300",
    "type": lambda key, value: f"{key} = 1979-05-27",
    "kind": lambda key, value: f"{key} = {7 if value[0] in QUOTE_OR_WORD else 'true'}",
    "unknown": lambda key, value: f"{key}_ = {value}",
    "twice": lambda key, value: f"{key} = {value}\n{key} = {value}",
    "broken": lambda key, value: f"{key} = {value} = 1",
}


@given(st.sampled_from(KEYS), st.sampled_from(sorted(TWISTS)), st.integers(0, 5))
def test_whatever_is_wrong_with_one_value_its_line_is_named(
    at: int, twist: str, blank: int
) -> None:
    lines = TEXT.splitlines()
    key, value = lines[at].split("#")[0].split(" = ")
    lines[at] = TWISTS[twist](key, value.strip())
    said = refusal("# more\n" * blank + "\n".join(lines))
    assert said.startswith(f"case.toml:{at + 1 + blank + (twist == 'twice')}: ")


@given(st.sampled_from(KEYS))
def test_a_value_that_is_missing_is_named_at_its_section(at: int) -> None:
    lines = TEXT.splitlines()
    key = lines[at].split(" = ")[0]
    header = max((i for i in range(at) if lines[i].startswith("[")), default=0)
    lines[at] = ""
    said = refusal("\n".join(lines))
    assert said.startswith(f"case.toml:{header + 1}: ")
    assert f"{key}: is missing; add it below this line" in said


@pytest.mark.parametrize("name", vehicle_names())
def test_what_is_read_is_what_any_toml_program_reads(name: str) -> None:
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    found = scan(text, name)
    expected = dict(found.top.values)
    expected |= {key: table.values for key, table in found.sections.items()}
    expected |= {key: [one.values for one in tables] for key, tables in found.lists.items()}
    assert expected == tomllib.loads(text) == tomllib.loads(text.replace("\n", "\r\n"))
    assert scan(text.replace("\n", "\r\n"), name) == found


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
        assert re.match(r"case\.toml:\d+: ", str(error))
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


@given(st.data())
def test_only_its_own_error_for_any_value(data: st.DataObject) -> None:
    keys = [line.split(" =")[0] for line in TEXT.splitlines() if " = " in line]
    key = data.draw(st.sampled_from(keys))
    lines = [
        f"{key} = {data.draw(VALUES)}" if line.startswith(f"{key} =") else line
        for line in TEXT.splitlines()
    ]
    _refused_or_read("\n".join(lines))
