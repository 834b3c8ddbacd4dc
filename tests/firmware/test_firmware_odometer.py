"""The odometer counts every micrometre once; distances between places against the great circle."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vcu.geo import cos_permille, distance_mm, hypot
from vcu.motion import FRESH_MS, Motion
from vcu.odometer import SAVE_EVERY_M, Odometer

STEPS = st.lists(st.tuples(st.integers(-32_768, 32_767), st.integers(0, FRESH_MS)), max_size=80)


@given(STEPS, st.integers(0, 10**9))
def test_the_way_is_speed_times_time_to_the_micrometre(steps, metres):
    odometer = Odometer(metres)
    for speed_mmps, elapsed_ms in steps:
        odometer.add(speed_mmps, elapsed_ms)
    way_um = sum(abs(speed) * elapsed for speed, elapsed in steps)
    assert odometer.run_mm == way_um // 1_000
    assert odometer.metres == metres + way_um // 1_000_000


@given(STEPS)
def test_it_counts_as_the_motion_does(steps):
    odometer, moved, now_ms = Odometer(), Odometer(), 0
    motion = Motion(moved)
    motion.saw(0, now_ms)
    for speed_mmps, elapsed_ms in steps:
        now_ms += elapsed_ms
        if elapsed_ms < FRESH_MS:  # a gap is not counted
            odometer.add(speed_mmps, elapsed_ms)
        motion.saw(speed_mmps, now_ms)
    assert odometer.run_mm == moved.run_mm


def test_it_is_stored_at_each_kilometre_and_at_the_lock():
    odometer = Odometer(5_000)
    assert not odometer.is_due(False) and not odometer.is_due(True)
    stored = []
    for _ in range(3_500):
        odometer.add(10_000, 100)
        if odometer.is_due(False):
            stored.append(odometer.metres)
            odometer.saved()
    assert stored == [5_000 + SAVE_EVERY_M * i for i in (1, 2, 3)]
    assert odometer.is_due(True)
    odometer.saved()
    assert not odometer.is_due(True)


def great_circle_m(lat, lon, other_lat, other_lon):
    lat, lon, other_lat, other_lon = (
        math.radians(value / 1e7) for value in (lat, lon, other_lat, other_lon)
    )
    half = math.sin((other_lat - lat) / 2) ** 2
    half += math.cos(lat) * math.cos(other_lat) * math.sin((other_lon - lon) / 2) ** 2
    return 2 * 6_371_000 * math.asin(math.sqrt(half))


LAT = st.integers(-700_000_000, 700_000_000)
LON = st.integers(-1_800_000_000, 1_800_000_000)
NEAR = st.integers(-90_000, 90_000)


@given(LAT, LON, NEAR, NEAR)
def test_distance_is_that_of_the_great_circle(lat, lon, north, east):
    other = (lat + north, (lon + east + 1_800_000_000) % 3_600_000_000 - 1_800_000_000)
    expected_mm = great_circle_m(lat, lon, *other) * 1000
    assert distance_mm(lat, lon, *other) == pytest.approx(expected_mm, rel=0.008, abs=15)


@given(LAT, LON, LAT, LON)
def test_any_two_places_have_a_distance_of_at_most_sixteen_kilometres(lat, lon, lat2, lon2):
    apart_mm = distance_mm(lat, lon, lat2, lon2)
    assert 0 <= apart_mm < 15_800_000
    if great_circle_m(lat, lon, lat2, lon2) > 20_000:
        assert apart_mm > 3_000_000


@given(st.integers(-900_000_000, 900_000_000))
def test_cosine(lat):
    assert cos_permille(lat) == pytest.approx(1000 * math.cos(math.radians(lat / 1e7)), abs=2.7)


@given(st.integers(0, 2**28), st.integers(0, 2**28))
def test_hypot(a, b):
    assert hypot(a, b) == pytest.approx(math.hypot(a, b), rel=3e-4, abs=1)
    if a < 2**14 and b < 2**14:
        assert hypot(a, b) == math.isqrt(a * a + b * b)


class Small(int):
    """An integer of at most 31 bits: what MicroPython keeps without memory on a 32-bit board."""


def _checked(name):
    plain = getattr(int, name)

    def operation(self, *others):
        value = plain(self, *others)
        assert -(2**30) <= value < 2**30, (name, self, others)
        return Small(value)

    return operation


for _name in ("add", "sub", "mul", "floordiv", "mod", "pow", "rshift", "lshift"):
    for _side in ("", "r"):
        setattr(Small, f"__{_side}{_name}__", _checked(f"__{_side}{_name}__"))
Small.__abs__ = _checked("__abs__")
Small.__neg__ = _checked("__neg__")


@given(LAT, st.integers(-1_000_000_000, 1_000_000_000), NEAR, NEAR)
def test_a_distance_needs_no_large_integer(lat, lon, north, east):
    distance_mm(Small(lat), Small(lon), Small(lat + north), Small(lon + east))


@given(st.sampled_from([-1, 1]), st.sampled_from([-1, 1]), st.integers(0, 900_000_000))
def test_nor_does_one_that_is_cut_off(up, right, lat):
    half = Small(500_000_000)
    assert distance_mm(Small(lat), -half * right, Small(lat - up), half * right) > 0
    north = distance_mm(Small(-50_000_000 * up), half, Small(50_000_000 * up), half)
    assert north == pytest.approx(11_125_000, rel=2e-4)
