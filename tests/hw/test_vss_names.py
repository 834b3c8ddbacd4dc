"""The VSS names in vehicle.dbc and of telemetry are paths of VSS, with its units."""

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.can.generate import DBC, load
from protocol import bodies, record, vss

VSS = json.loads((DBC.parent / "vss.json").read_text())
SIGNALS = VSS["signals"]
TELEMETRY = [name for name, _ in bodies.BODIES[record.TELEMETRY]]
# Unit of the bus -> unit of VSS and what one of ours is in it.
UNITS = {
    ("mm/s", "km/h"): Fraction(36, 10_000),
    ("mV", "V"): Fraction(1, 1000),
    ("dA", "A"): Fraction(1, 10),
    ("permille", "percent"): Fraction(1, 10),
    ("degC", "celsius"): Fraction(1),
    ("rpm", "rpm"): Fraction(1),
    ("0.01 deg", "degrees"): Fraction(1, 100),
    ("1e-7 deg", "degrees"): Fraction(1, 10_000_000),
}


def named_signals() -> dict[str, tuple[str, str, str | None, int]]:
    """path -> (message, signal, unit, bits) by the attribute in the DBC."""
    found = {}
    for message in load(DBC).messages:
        for signal in message.signals:
            given = signal.dbc.attributes.get("VssName") if signal.dbc else None
            if given is not None:
                assert given.value not in found, given.value
                found[str(given.value)] = (message.name, signal.name, signal.unit, signal.length)
    return found


NAMED = named_signals()


def test_the_version_is_one() -> None:
    assert VSS["version"] == vss.VERSION
    assert len(NAMED) == 24


@pytest.mark.parametrize("path", NAMED)
def test_a_name_of_the_bus_is_a_path_with_a_unit_that_fits(path: str) -> None:
    _, _, unit, bits = NAMED[path]
    entry = SIGNALS[path]
    if entry["datatype"] == "boolean":
        assert (bits, unit) == (1, None)
    elif unit is None:
        assert entry["unit"] is None
    else:
        assert (unit, entry["unit"]) in UNITS


@pytest.mark.parametrize("field", vss.FIELDS)
def test_a_name_of_telemetry_is_a_path_in_its_unit(field: str) -> None:
    path, unit, numerator, denominator = vss.FIELDS[field]
    assert field in TELEMETRY
    assert SIGNALS[path]["unit"] == unit
    if path in NAMED and NAMED[path][2] is not None:
        factor = UNITS[(NAMED[path][2] or "", unit)]
        # A current out of the pack is positive on the bus and negative in VSS.
        sign = -1 if field == "pack_da" else 1
        assert Fraction(numerator, denominator) == sign * factor


def test_every_path_that_is_written_down_is_used() -> None:
    paths = {path for path, *_ in vss.FIELDS.values()} | set(vss.BITS["charging"])
    assert paths | set(NAMED) == set(SIGNALS)
    assert all(SIGNALS[path]["datatype"] == "boolean" for path in vss.BITS["charging"])


def test_every_field_has_a_name_or_is_known_to_have_none() -> None:
    named = [*vss.FIELDS, *vss.BITS]
    assert sorted([*named, *vss.UNNAMED]) == sorted(TELEMETRY)


def test_a_sample_in_the_words_of_vss() -> None:
    body = {"speed_mmps": 5_000, "odometer_m": 1_500, "pack_da": 30, "charging": 1, "warning": 3}
    battery = "Vehicle.Powertrain.TractionBattery."
    assert vss.convert(body) == {
        "Vehicle.Speed": 18.0,
        "Vehicle.TraveledDistance": 1.5,
        battery + "CurrentCurrent": -3.0,
        battery + "Charging.ChargingPort.AnyPosition.IsChargingCableConnected": True,
        battery + "Charging.IsCharging": False,
    }


@given(st.dictionaries(st.sampled_from(TELEMETRY), st.integers(-(2**31), 2**32)))
def test_any_sample_converts_to_paths_of_vss(body: dict[str, int]) -> None:
    values = vss.convert(body)
    assert set(values) <= set(SIGNALS)
    assert len(values) == len(set(body) - set(vss.UNNAMED)) + ("charging" in body)
