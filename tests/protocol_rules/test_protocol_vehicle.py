"""The file `config`: what is written comes back, and nothing else is written or read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import cbor, vehicle
from protocol.errors import DecodeError, EncodeError

GOOD = vehicle.Vehicle(
    name="delta-passenger",
    layout=vehicle.DELTA,
    wheelbase_mm=2100,
    track_mm=1120,
    empty_height_mm=540,
    empty_from_front_mm=1260,
    full_height_mm=647,
    full_from_front_mm=1422,
    has_steering=True,
    max_steering_cdeg=4000,
    bank_permille=50,
    grade_permille=100,
    margin_permille=30,
    warn_permille=850,
    top_speed_mmps=12500,
    limp_speed_mmps=2800,
    max_speed_mmps=25000,
    max_accel_mmps2=12000,
    tyre_mm=1634,
    gear_permille=8600,
)


def test_it_comes_back_and_is_small() -> None:
    data = vehicle.encode(GOOD)
    assert vehicle.decode(data) == GOOD
    assert len(data) < 100
    for size in range(len(data)):
        with pytest.raises(DecodeError):
            vehicle.decode(data[:size])
    with pytest.raises(DecodeError, match="trailing-bytes"):
        vehicle.decode(data + b"\0")


def test_a_damaged_byte_is_refused_or_another_vehicle_but_never_a_crash() -> None:
    data = vehicle.encode(GOOD)
    for at in range(len(data)):
        for flip in (0x01, 0x20, 0xFF):
            damaged = bytearray(data)
            damaged[at] ^= flip
            try:
                assert vehicle.encode(vehicle.decode(bytes(damaged))) == bytes(damaged)
            except DecodeError as error:
                assert error.name


@pytest.mark.parametrize("field", GOOD._fields)
@pytest.mark.parametrize("value", [-1, 1 << 40, None, True, "x", b"x", [], 0.5])
def test_what_could_not_be_read_is_not_written(field: str, value: object) -> None:
    changed = GOOD._replace(**{field: value})
    if (field, value) in (("has_steering", True), ("name", "x")):
        assert vehicle.decode(vehicle.encode(changed)) == changed
        return
    with pytest.raises(EncodeError):
        vehicle.encode(changed)


@given(st.dictionaries(st.integers(0, 22), st.integers(-5, 40_000) | st.booleans() | st.text()))
def test_only_whole_and_consistent_maps_are_vehicles(document: dict[int, object]) -> None:
    try:
        read = vehicle.decode(cbor.encode(document))
    except DecodeError:
        return
    assert vehicle.encode(read) == cbor.encode(document)
