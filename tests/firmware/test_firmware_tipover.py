"""The guard beside the rigid body of hw/model/rollover.py, over everything that it promises."""

import itertools
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tipover_stand import ACCELS_MPS2, compare, roads, steering_cdegs, worst_roads
from vcu import tipover
from vcu.configuration import default
from vcu.tipover import Guard, follow

from hw.errors import ConfigError
from hw.model.rollover import Condition, lifts, limiting_speed
from hw.vehicle_config import FOLDER, VehicleConfig, load_vehicle, parse_vehicle, vehicle_names
from trifleet.vehicle_file import config_file, vehicle_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MICROPYTHON = Path(sys.executable).with_name("micropython")
CONFIGS = {name: load_vehicle(name) for name in vehicle_names()}
SOURCE = Path(tipover.__file__).read_text()
TEXT = (FOLDER / "delta-passenger.toml").read_text(encoding="utf-8")

each_vehicle = pytest.mark.parametrize("name", CONFIGS)


def guard_of(name: str) -> Guard:
    return Guard(vehicle_of(CONFIGS[name]))


def stop_cdeg(config: VehicleConfig) -> int:
    return round(config.geometry.max_steering_deg * 100)


# --- the two promises -----------------------------------------------------------------------------


@each_vehicle
def test_no_capped_vehicle_lifts_a_wheel_and_no_cap_is_more_than_a_quarter_low(name: str) -> None:
    config = CONFIGS[name]
    found = compare(guard_of(name), config, steering_cdegs(stop_cdeg(config)))
    print(f"{name}: {found.conditions} conditions, {found.capped} below the top speed")
    assert found.capped > 30_000
    assert found.lifted == []
    assert found.thin == []
    assert found.low == []


@each_vehicle
def test_below_the_cap_nothing_lifts_either_in_both_curves(name: str) -> None:
    """Down to a standstill: there the other wheels have their turn."""
    config, guard = CONFIGS[name], guard_of(name)
    for cdeg, accel in itertools.product(range(0, stop_cdeg(config) + 1, 500), ACCELS_MPS2):
        for signed in (cdeg, -cdeg):
            cap_mmps, _ = guard.limits(signed, round(accel * 1000), accel < 0, 5000)
            for share, road in itertools.product((0.0, 0.4, 0.8, 1.0), roads(config)):
                at = Condition(cap_mmps / 1000 * share, signed / 100, accel, *road)
                assert not lifts(config, at), at


@each_vehicle
@given(data=st.data())
def test_no_condition_between_those_lifts_a_wheel(name: str, data: st.DataObject) -> None:
    config = CONFIGS[name]
    _never_lifts(config, guard_of(name), data)


def _never_lifts(config: VehicleConfig, guard: Guard, data: st.DataObject) -> None:
    stop, slopes = stop_cdeg(config), config.tipover
    cdeg = data.draw(st.integers(-stop, stop), "cdeg")
    reverse = data.draw(st.booleans(), "reverse")
    # In reverse the brakes push the other way.
    accel = data.draw(st.integers(-2000, 5000) if reverse else st.integers(-5000, 2000), "accel")
    braking = data.draw(st.booleans(), "braking")
    speed = -1 if reverse else 1
    cap_mmps, _ = guard.limits(cdeg, accel, braking, speed)
    condition = Condition(
        speed * cap_mmps / 1000 * data.draw(st.sampled_from([1.0, 1.0, 0.5, 0.0]), "share"),
        cdeg / 100,
        accel / 1000,
        data.draw(st.floats(0, 1), "load"),
        data.draw(st.floats(-1, 1), "bank") * slopes.bank_percent / 100,
        data.draw(st.floats(-1, 1), "grade") * slopes.grade_percent / 100,
    )
    # No cap helps a vehicle that lifts a wheel at rest; forward, the configuration refuses those.
    assume(not (reverse and lifts(config, replace(condition, speed_mps=0.0))))
    assert not lifts(config, condition)


@st.composite
def any_vehicle(draw: st.DrawFn) -> VehicleConfig:
    """Whatever the schema accepts within what three-wheelers look like."""
    length = draw(st.floats(0.9, 3.5))
    numbers = {
        "layout": draw(st.sampled_from(['"delta"', '"tadpole"'])),
        "wheelbase_m": length,
        "track_m": draw(st.floats(0.5, 1.8)),
        "com_height_m": draw(st.floats(0.2, 1.0)),
        "com_from_front_m": length * draw(st.floats(0.15, 0.85)),
        "payload_height_m": draw(st.floats(0.2, 1.2)),
        "payload_from_front_m": length * draw(st.floats(-0.1, 1.1)),
        "kerb_kg": draw(st.floats(60, 900)),
        "payload_kg": draw(st.floats(0, 900)),
        "max_steering_deg": draw(st.floats(10, 70)),
        "bank_percent": draw(st.floats(0, 10)),
        "grade_percent": draw(st.floats(0, 15)),
        "margin_percent": draw(st.floats(1, 10)),
    }
    lines = [
        f"{line.split(' = ')[0]} = {numbers[line.split(' = ')[0]]}"
        if line.split(" = ")[0] in numbers
        else line
        for line in TEXT.splitlines()
    ]
    try:
        return parse_vehicle("\n".join(lines), "any.toml")
    except ConfigError:
        assume(False)
        raise


@settings(max_examples=300)
@given(config=any_vehicle(), data=st.data())
def test_no_vehicle_that_the_schema_accepts_lifts_a_wheel(
    config: VehicleConfig, data: st.DataObject
) -> None:
    _never_lifts(config, Guard(vehicle_of(config)), data)


# --- the tests can fail ---------------------------------------------------------------------------

FAULTS = {
    "braking-the-other-way": (
        "tan_q16 = self._tangent(steering_cdeg)",
        "accel_mmps2 = -accel_mmps2; tan_q16 = self._tangent(steering_cdeg)",
    ),
    "whole-track-for-half": ("vehicle.track_mm // 2", "vehicle.track_mm"),
    "layouts-swapped": ("vehicle.layout == DELTA", "vehicle.layout != DELTA"),
    "bank-forgotten": (" - length * _GRAVITY_MMPS2 * bank // 1000", " "),
    "bank-helps": ("- length * _GRAVITY_MMPS2 * bank", "+ length * _GRAVITY_MMPS2 * bank"),
    "grade-forgotten": ("uphill = _GRAVITY_MMPS2 * grade // 1000 + 1", "uphill = 0"),
    "empty-only": ("for height, from_front in loads]", "for height, from_front in loads[:1]]"),
    "margin-forgotten": ("(1000 - vehicle.margin_permille)", "1000"),
    "yaw-forgotten": ("(far_mm * tan_q12 + 4095) >> 12", "0"),
    "slant-the-other-way": ("if arm_mm > 0 else -tilt", "if arm_mm <= 0 else -tilt"),
    "degrees-for-tangents": ("value = (value + step) * one //", "value = (value + step) + 0 *"),
    "stop-forgotten": ("if steering_cdeg < cdeg:", "if steering_cdeg > cdeg:"),
    "root-from-below": ("    while following < root:", "    while False:"),
    "cap-a-third-too-low": ("(square >> 10) * self._share", "(square >> 11) * self._share"),
    "anticipates-too-much": ("most = left >> _SOON_SHIFT", "most = soon = left >> 1"),
}


def changed(sound: str, faulty: str) -> type[Guard]:
    assert sound in SOURCE
    module = dict(vars(tipover))
    exec(compile(SOURCE.replace(sound, faulty), "faulty.py", "exec"), module)
    return module["Guard"]


def faults_found(make: type[Guard]) -> int:
    """Over a thinned range: no more than it takes."""
    count = 0
    for config in CONFIGS.values():
        stop = stop_cdeg(config)
        guard = make(vehicle_of(config))
        found = compare(guard, config, [450, 900, stop // 2, stop], worst_roads)
        count += len(found.lifted) + len(found.thin) + len(found.low)
    return count


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_found(fault: str) -> None:
    assert faults_found(changed(*FAULTS[fault])) > 0


def test_without_a_fault_nothing_is_found() -> None:
    assert faults_found(changed("vehicle.track_mm // 2", "vehicle.track_mm // 2")) == 0


def test_a_tadpole_that_would_rather_stand_on_its_front_wheels_is_held_too() -> None:
    """Heavy in front and sharply steered: turning alone lifts the single wheel first."""
    config = CONFIGS["tadpole-cargo"]
    geometry = replace(
        config.geometry, com_from_front_m=0.75, com_height_m=0.6, payload_from_front_m=0.6,
        payload_height_m=0.7, max_steering_deg=55.0, track_m=1.8,
    )  # fmt: skip
    config = replace(config, geometry=geometry)
    cdegs = list(range(1000, 5501, 250))
    found = compare(Guard(vehicle_of(config)), config, cdegs, worst_roads)
    assert (found.lifted, found.thin) == ([], [])
    careless = changed("if self._pitches:", "if False:")
    assert compare(careless(vehicle_of(config)), config, cdegs, worst_roads).lifted


# --- what may begin before it is measured ---------------------------------------------------------


@each_vehicle
@pytest.mark.parametrize("load", [0.0, 1.0])
def test_on_a_level_road_the_capped_vehicle_may_begin_to_brake(name: str, load: float) -> None:
    config, guard = CONFIGS[name], guard_of(name)
    for cdeg in range(200, stop_cdeg(config) + 1, 100):
        cap_mmps, _ = guard.limits(cdeg, 0, False, 0)
        braked = Condition(cap_mmps / 1000, cdeg / 100, -4.0, load)
        assert not lifts(config, braked), braked


@each_vehicle
def test_the_brake_switch_lowers_the_cap_of_a_delta_before_the_speed_tells(name: str) -> None:
    guard, layout = guard_of(name), CONFIGS[name].layout
    coasting, _ = guard.limits(1500, 0, False, 0)
    braking, _ = guard.limits(1500, 0, True, 0)
    assert (braking < coasting) == (layout == "delta")
    assert (braking > coasting) == (layout == "tadpole")


@each_vehicle
def test_in_reverse_the_brakes_push_the_other_way(name: str) -> None:
    guard = guard_of(name)
    forward, _ = guard.limits(1500, 0, True, 1)
    reverse, _ = guard.limits(1500, 0, True, -1)
    assert (forward < reverse) == (CONFIGS[name].layout == "delta")


# --- the interface --------------------------------------------------------------------------------


@each_vehicle
def test_straight_on_the_cap_is_the_top_speed_without_a_warning(name: str) -> None:
    top_mmps = vehicle_of(CONFIGS[name]).top_speed_mmps
    for cdeg in (0, 1, -1):
        for speed_mmps in (0, top_mmps, 32_767, -32_768):
            assert guard_of(name).limits(cdeg, 0, False, speed_mmps) == (top_mmps, False)


@each_vehicle
def test_a_stale_angle_counts_as_the_stop_and_does_not_warn(name: str) -> None:
    config, guard = CONFIGS[name], guard_of(name)
    at_stop, warn = guard.limits(stop_cdeg(config), 0, False, 20_000)
    assert warn
    assert guard.limits(None, 0, False, 20_000) == (at_stop, False)
    # About the speed to which stale inputs lead anyway.
    assert 2_000 < at_stop < 4_500


@each_vehicle
def test_an_angle_beyond_the_stop_is_the_stop(name: str) -> None:
    guard, stop = guard_of(name), stop_cdeg(CONFIGS[name])
    for cdeg in (stop + 1, 9000, -9000, 32_767, -32_768):
        assert guard.limits(cdeg, 0, False, 3000) == guard.limits(stop, 0, False, 3000)


@each_vehicle
def test_more_steering_never_raises_the_cap(name: str) -> None:
    guard = guard_of(name)
    caps = [guard.limits(cdeg, 0, False, 0)[0] for cdeg in range(stop_cdeg(CONFIGS[name]) + 1)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(caps))
    # In steps that no rider feels.
    assert max(earlier - later for earlier, later in itertools.pairwise(caps)) < 50


def test_without_a_steering_sensor_there_is_no_guard() -> None:
    config = CONFIGS["delta-cargo"]
    blind = replace(config, sensors=replace(config.sensors, steering=False))
    guard = Guard(vehicle_of(blind))
    assert guard.limits(3000, -5000, True, 9000) == (11_000, False)
    assert guard.limits(None, 0, False, 9000) == (11_000, False)


@each_vehicle
@pytest.mark.parametrize("cdeg", [600, 800, 1600, -1600, 3200])
def test_the_warning_comes_at_85_percent_of_the_lateral_acceleration(name: str, cdeg: int) -> None:
    guard = guard_of(name)
    cap_mmps, _ = guard.limits(cdeg, 0, False, 0)
    assert cap_mmps < vehicle_of(CONFIGS[name]).top_speed_mmps
    first = next(mmps for mmps in range(cap_mmps) if guard.limits(cdeg, 0, False, mmps)[1])
    assert first == pytest.approx(math.sqrt(0.85) * cap_mmps, rel=0.002)
    assert all(guard.limits(cdeg, 0, False, mmps)[1] for mmps in range(first, cap_mmps + 500, 7))
    assert not guard.limits(cdeg, 0, False, first - 1)[1]


@each_vehicle
def test_the_warning_is_before_the_limit_in_every_condition(name: str) -> None:
    config, guard = CONFIGS[name], guard_of(name)
    for cdeg, road in itertools.product((600, 1200, 3000), roads(config)):
        limit = limiting_speed(config, Condition(0.0, cdeg / 100, 0.0, *road))
        assert guard.limits(cdeg, 0, False, round(limit * 930))[1]


def test_a_default_vehicle_goes_nowhere_faster_than_any_of_ours() -> None:
    careful = Guard(default())
    for name, accel, braking in itertools.product(CONFIGS, range(-5000, 2001, 500), (False, True)):
        guard = guard_of(name)
        for cdeg in [*range(0, 4500, 50), None]:
            ours = guard.limits(cdeg, accel, braking, 0)[0]
            assert careful.limits(cdeg, accel, braking, 0)[0] <= ours


def test_an_acceleration_that_no_tyre_can_give_counts_as_the_most_that_is_believed() -> None:
    guard = guard_of("delta-passenger")
    for accel in (-6001, -40_000):
        assert guard.limits(1000, accel, True, 0) == guard.limits(1000, -6000, True, 0)
    assert guard.limits(1000, 99_999, False, 0) == guard.limits(1000, 6000, False, 0)


def test_the_smoothed_acceleration_follows_in_a_tenth_of_a_second() -> None:
    accel, speed = 0, 8000
    for _ in range(10):
        accel = follow(accel, speed, speed - 80, 20)  # -4 m/s2
        speed -= 80
    assert -4000 <= accel < -3500
    assert follow(accel, 5000, 4000, 0) == accel
    assert follow(0, 0, 32_000, 20) == 1200  # a leap of the sensor counts as 6 m/s2
    assert follow(-700, 5000, 5500, 1000) == 500


@given(
    st.integers(-6000, 6000),
    st.integers(-32768, 32767),
    st.integers(-32768, 32767),
    st.integers(-5, 5000),
)
def test_the_smoothed_acceleration_stays_within_what_is_believed(
    accel: int, before: int, speed: int, dt_ms: int
) -> None:
    assert -6000 <= follow(accel, before, speed, dt_ms) <= 6000


# --- numbers that fit, and the other interpreter --------------------------------------------------


class Small(int):
    """A whole number that refuses to leave 31 bits, which would cost memory on a 32-bit chip."""


def _watched(operation: str):
    plain = getattr(int, operation)

    def compute(self, *others):
        result = plain(self, *others)
        if result is NotImplemented or isinstance(result, bool):
            return result
        if not -(1 << 30) <= result < 1 << 30:
            raise OverflowError(f"{self} {operation} {others}")
        return Small(result)

    return compute


for _operation in ("add", "sub", "mul", "floordiv", "mod", "lshift", "rshift"):
    for _name in (f"__{_operation}__", f"__r{_operation}__"):
        setattr(Small, _name, _watched(_name))
for _name in ("__neg__", "__abs__"):
    setattr(Small, _name, _watched(_name))


def test_a_small_number_notices() -> None:
    with pytest.raises(OverflowError):
        Small(1 << 20) * 1024
    with pytest.raises(OverflowError):
        3 * Small(1 << 29)
    assert type(7 + Small(3)) is Small


def watched(guard: Guard) -> Guard:
    for name, value in vars(guard).items():
        if isinstance(value, int) and not isinstance(value, bool):
            setattr(guard, name, Small(value))
    guard._roll_numbers = tuple(Small(value) for value in guard._roll_numbers)
    guard._tangents = [Small(value) for value in guard._tangents]
    return guard


@given(
    config=any_vehicle() | st.sampled_from(list(CONFIGS.values())),
    cdeg=st.integers(-9000, 9000),
    accel=st.integers(-40_000, 40_000),
    braking=st.booleans(),
    speed=st.integers(-32_768, 32_767),
)
def test_no_number_on_the_way_is_longer_than_31_bits(
    config: VehicleConfig, cdeg: int, accel: int, braking: bool, speed: int
) -> None:
    vehicle = vehicle_of(config)
    cap, warn = watched(Guard(vehicle)).limits(Small(cdeg), Small(accel), braking, Small(speed))
    assert 0 <= cap <= vehicle.top_speed_mmps
    assert warn is True or warn is False


@pytest.mark.parametrize("layout", [0, 1])
def test_not_even_for_the_strangest_vehicle_that_a_file_can_describe(layout: int) -> None:
    lengths = itertools.product((800, 5000), (400, 3000), (100, 2000), (0.1, 0.98), (1, 0.5))
    for wheelbase, track, height, share, other in lengths:
        behind = max(50, int(wheelbase * share))
        vehicle = default()._replace(
            layout=layout, wheelbase_mm=wheelbase, track_mm=track, max_steering_cdeg=8000,
            empty_height_mm=height, empty_from_front_mm=behind,
            full_height_mm=max(100, int(height * other)),
            full_from_front_mm=max(50, int(behind * other)),
            top_speed_mmps=32_000, margin_permille=10,
        )  # fmt: skip
        guard = watched(Guard(vehicle))
        for cdeg, accel in itertools.product((0, 1, 50, 4500, 8000, 9000), (-9000, 0, 9000)):
            cap, _ = guard.limits(Small(cdeg), Small(accel), accel < 0, Small(32_767))
            assert 0 <= cap <= 32_000


def on(interpreter: list[str], *arguments: str) -> str:
    done = subprocess.run(
        [*interpreter, str(HERE / "device_tipover.py"), *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@each_vehicle
def test_both_interpreters_agree_to_the_bit(name: str) -> None:
    file = config_file(CONFIGS[name]).hex()
    here, there = on([sys.executable], file), on([str(MICROPYTHON)], file)
    assert here.splitlines()[0] == there.splitlines()[0]
    # Two objects of 32 bytes would be more than the answer.
    assert there.splitlines()[1] == "bytes a call: 32"
