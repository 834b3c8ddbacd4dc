"""Samples: cyclic, on change, on events, and never more than the rate allows."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vcu import power, telemetry
from vcu.telemetry import AWAY_KEYS, AWAY_MS, GAP_MS, PARKED_MS, REST_MS, USED_MS
from watched import RULES, Vehicle

from protocol import bodies, lock, record
from protocol.can_table import MESSAGES

REST_KEY = 20
NAMES = [name for name, _ in bodies.BODIES[record.TELEMETRY]]
EVERYTHING = {
    "BMS_Pack": {"Voltage_mV": 52_000, "Current_dA": -30, "Soc_permille": 800},
    "BMS_Cells": {"CellMin_mV": 3_700, "CellMax_mV": 3_710},
    "BMS_Temp": {"TempMax_C": 24, "FaultCode": 0},
    "MC_Status2": {"MotorTemp_C": 31, "InverterTemp_C": 28, "FaultCode": 0},
    "HMI_Inputs": {"SteeringAngle_cdeg": -250},
    "GNSS_Position": {"Latitude_e7": -349_000_000, "Longitude_e7": -561_000_000},
    "GNSS_Status": {"Speed_mmps": 10, "Heading_cdeg": 9_000, "Fix": 3},
    "CHG_Status": {"Plugged": 1, "Charging": 1},
}


def whole_vehicle():
    vehicle = Vehicle()
    vehicle.signals.values = {name: dict(values) for name, values in EVERYTHING.items()}
    vehicle.telemetry.supply_mv = 12_600
    vehicle.telemetry.cap_mmps = 6_000
    vehicle.telemetry.warning = 2
    return vehicle


def times(vehicle):
    return [at_ms for _, _, at_ms, _ in vehicle.samples()]


# --- the table ---


def test_the_rules_are_the_fields_of_the_record_once_each():
    assert sorted(key for key, *_ in RULES) == list(range(len(NAMES)))
    assert set(AWAY_KEYS) < set(range(len(NAMES)))


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule[1]])
def test_a_rule_names_a_signal_of_the_bus_that_fits_its_field(rule):
    key, message, signal, deadband = rule
    row = next(row for row in MESSAGES[message][5] if row[0] == signal)
    check = bodies.BODIES[record.TELEMETRY][key][1]
    assert check == "sint" or row[4] >= 0
    assert 0 <= deadband <= row[5]


def test_a_whole_sample_has_every_field():
    vehicle = whole_vehicle()
    vehicle.rest = power.DROWSY
    assert vehicle.telemetry.sample(0) == {
        0: 0, 1: 0, 2: 52_000, 3: -30, 4: 800, 5: -349_000_000, 6: -561_000_000, 7: lock.LOCKED,
        8: 31, 9: 9_000, 10: 28, 11: 3_700, 12: 3_710, 13: 3, 14: 10, 15: 12_600, 16: 6_000,
        17: 2, 18: -250, 19: 24, 20: 1,
    }  # fmt: skip
    vehicle.rest = power.AWAKE
    assert 20 not in vehicle.telemetry.sample(0)


@given(st.sets(st.sampled_from(sorted(EVERYTHING))), st.integers(0, 3), st.booleans())
def test_what_is_not_fresh_is_left_out(silent, fix, knows_speed):
    vehicle = whole_vehicle()
    vehicle.rest = power.DROWSY
    vehicle.motion.speed_mmps = 5 if knows_speed else None
    vehicle.signals.values["GNSS_Status"]["Fix"] = fix
    for name in silent:
        del vehicle.signals.values[name]
    gone = {key for key, message, *_ in RULES if message in silent}
    gone |= set() if knows_speed else {0}
    gone |= {13} if "CHG_Status" in silent else set()
    if "GNSS_Status" in silent or not fix:
        gone |= {5, 6, 9, 14}
    assert set(vehicle.telemetry.sample(0)) == set(range(len(NAMES))) - gone


# --- cyclic ---


@pytest.mark.parametrize(("state", "speed_mmps", "period_ms"), [
    (lock.LOCKED, 0, PARKED_MS), (lock.LOCKED, None, PARKED_MS), (lock.LOCKED, 50, USED_MS),
    (lock.READY, 0, USED_MS), (lock.DRIVE, None, USED_MS), (lock.LOCK_PENDING, 0, USED_MS),
])  # fmt: skip
def test_the_period_follows_the_use(state, speed_mmps, period_ms):
    vehicle = whole_vehicle()
    vehicle.drive.lock = state
    vehicle.motion.speed_mmps = speed_mmps
    vehicle.run(5 * period_ms + 200)
    assert times(vehicle) == [period_ms * i for i in range(1, 6)]
    assert {durable for *_, durable in vehicle.samples()} == {None}


def test_without_a_gateway_it_is_one_a_minute_with_the_essentials_and_kept():
    vehicle = whole_vehicle()
    vehicle.outbox.away = True
    vehicle.drive.lock = lock.DRIVE
    vehicle.run(24 * 3_600_000, step_ms=500)
    assert len(vehicle.samples()) == 24 * 60
    assert {durable for *_, durable in vehicle.samples()} == {True}
    assert set(vehicle.samples()[0][1]) == set(AWAY_KEYS) - {REST_KEY}


@pytest.mark.parametrize("away", [False, True])
def test_at_rest_it_is_one_in_ten_minutes_with_a_gateway_or_without(away):
    vehicle = whole_vehicle()
    vehicle.outbox.away = away
    vehicle.rest = power.DROWSY
    vehicle.run(4 * 3_600_000, step_ms=500)
    assert times(vehicle) == [REST_MS * i for i in range(1, 25)]
    assert {body[REST_KEY] for _, body, _, _ in vehicle.samples()} == {power.DROWSY}
    vehicle.telemetry.event()  # what wakes it is told at once
    vehicle.rest = power.AWAKE
    vehicle.run(GAP_MS + telemetry.LOOK_MS)
    assert len(vehicle.samples()) == 25 and REST_KEY not in vehicle.samples()[-1][1]


def test_the_last_word_before_deep_sleep_is_on_flash():
    vehicle = whole_vehicle()
    vehicle.rest = power.LOW
    vehicle.telemetry.told(1_000)
    ((_, body, _, durable),) = vehicle.samples()
    assert durable is True and body[REST_KEY] == power.LOW and set(body) == set(AWAY_KEYS)


@given(st.lists(st.integers(0, 30_000), max_size=200))
def test_events_without_a_gateway_make_no_more_than_that_over_a_day(pauses_ms):
    vehicle = whole_vehicle()
    vehicle.outbox.away = True
    for pause_ms in pauses_ms:
        vehicle.telemetry.event()
        vehicle.run(pause_ms, step_ms=500)
    taken = times(vehicle)
    for i, first_ms in enumerate(taken):
        for j, last_ms in enumerate(taken[i:], 1):
            assert j <= (last_ms - first_ms) // AWAY_MS + 6
    assert all(b - a >= GAP_MS for a, b in itertools.pairwise(taken))
    # And never fewer than the cyclic ones.
    gaps = [b - a for a, b in zip([0, *taken], [*taken, vehicle.now_ms], strict=True)]
    assert max(gaps) <= AWAY_MS + 500


# --- on change ---


def changed(message, signal):
    def change(vehicle, by):
        vehicle.signals.values[message][signal] += by

    return change


def own(attribute):
    def change(vehicle, by):
        setattr(vehicle.telemetry, attribute, getattr(vehicle.telemetry, attribute) + by)

    return change


def moved(vehicle, by):
    vehicle.odometer.metres += by


OWN = {"supply": own("supply_mv"), "cap": own("cap_mmps"), "warning": own("warning")}
OWN["odometer"] = moved
CHANGES = [
    (key, OWN[signal] if message is None else changed(message, signal), deadband)
    for key, message, signal, deadband in RULES
    if deadband and signal not in ("speed", "state", "charging")
]


@pytest.mark.parametrize(("key", "change", "deadband"), CHANGES)
def test_a_change_of_the_deadband_makes_a_sample_and_less_makes_none(key, change, deadband):
    vehicle = whole_vehicle()
    vehicle.run(PARKED_MS)
    assert times(vehicle) == [PARKED_MS]
    before = vehicle.samples()[0][1][key]
    if deadband > 1:
        change(vehicle, deadband - 1)
        vehicle.run(3_000)
        assert len(times(vehicle)) == 1
        change(vehicle, 1)
    else:
        change(vehicle, 1)
    vehicle.run(1_100)
    assert len(times(vehicle)) == 2
    assert vehicle.samples()[1][1][key] - before == deadband
    vehicle.run(5_000)  # compared with the new one now
    assert len(times(vehicle)) == 2


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule[1] and not rule[3]])
def test_some_values_make_no_sample_of_their_own(rule):
    vehicle = whole_vehicle()
    vehicle.run(PARKED_MS)
    vehicle.signals.values[rule[1]][rule[2]] += 5_000
    vehicle.run(5_000)
    assert len(times(vehicle)) == 1


def test_a_value_that_goes_silent_or_comes_back_is_no_change():
    vehicle = whole_vehicle()
    vehicle.run(PARKED_MS)
    pack = vehicle.signals.values.pop("BMS_Pack")
    vehicle.run(3_000)
    vehicle.signals.values["BMS_Pack"] = pack
    vehicle.run(3_000)
    assert len(times(vehicle)) == 1


# --- on events ---


def set_state(vehicle):
    vehicle.drive.lock = lock.READY


def unplug(vehicle):
    vehicle.signals.values["CHG_Status"]["Plugged"] = 0


def stop_charging(vehicle):
    vehicle.signals.values["CHG_Status"]["Charging"] = 0


def fault(vehicle):
    vehicle.signals.values["MC_Status2"]["FaultCode"] = 9


@pytest.mark.parametrize("happen", [set_state, unplug, stop_charging])
def test_an_event_makes_a_sample_within_a_look(happen):
    vehicle = whole_vehicle()
    vehicle.run(PARKED_MS + 2_000)
    happen(vehicle)
    vehicle.run(telemetry.LOOK_MS)
    assert len(times(vehicle)) == 2


def test_a_fault_that_appears_makes_one_and_one_that_stays_does_not():
    vehicle = whole_vehicle()
    vehicle.run(PARKED_MS + 2_000)
    fault(vehicle)
    vehicle.run(1_100)
    assert len(times(vehicle)) == 2
    vehicle.run(5_000)
    assert len(times(vehicle)) == 2


def ride(vehicle, speeds_mmps):
    """A speed each 20 ms; was a hard braking noticed?"""
    for speed_mmps in speeds_mmps:
        vehicle.motion.speed_mmps = speed_mmps
        vehicle.run(20)


def slowing(mmpss):
    return [*range(10_000, 0, -mmpss * 20 // 1000), *[0] * 20]


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize(("mmpss", "hard"), [(1_500, 0), (2_900, 0), (3_500, 1), (8_000, 1)])
def test_hard_braking_is_an_event_and_a_gentle_stop_is_none(mmpss, hard, direction):
    vehicle = whole_vehicle()
    for now_ms, speed_mmps in enumerate(slowing(mmpss)):
        vehicle.telemetry._notice_braking(direction * speed_mmps, now_ms * 20)
    assert vehicle.telemetry._event is bool(hard)


def test_a_speed_that_goes_stale_is_no_braking():
    vehicle = whole_vehicle()
    for now_ms, speed_mmps in enumerate([9_000, None, 0, None, 9_000, None, 3_000]):
        vehicle.telemetry._notice_braking(speed_mmps, now_ms * 600)
    assert not vehicle.telemetry._event


def test_a_hard_braking_is_seen_in_the_samples():
    vehicle = whole_vehicle()
    vehicle.drive.lock = lock.DRIVE
    ride(vehicle, [10_000] * 130)
    before = times(vehicle)
    ride(vehicle, slowing(8_000))
    extra = [at_ms for at_ms in times(vehicle) if at_ms not in before and at_ms % USED_MS]
    assert extra


# --- whatever comes ---

STEP = st.one_of(
    st.tuples(st.just("run"), st.integers(20, 3_000)),
    st.tuples(st.just("event"), st.none()),
    st.tuples(st.just("away"), st.booleans()),
    st.tuples(st.just("room"), st.booleans()),
    st.tuples(st.just("state"), st.integers(0, 3)),
    st.tuples(st.just("speed"), st.one_of(st.none(), st.integers(-32_768, 32_767))),
    st.tuples(st.sampled_from([rule[1:3] for rule in RULES if rule[1]]), st.integers(0, 2**31 - 1)),
)


def play(vehicle, steps):
    for what, value in steps:
        if what == "run":
            vehicle.run(value)
        elif what == "event":
            vehicle.telemetry.event()
        elif what in ("away", "room"):
            setattr(vehicle.outbox, what, value)
        elif what == "state":
            vehicle.drive.lock = value
        elif what == "speed":
            vehicle.motion.speed_mmps = value
        else:
            vehicle.signals.values[what[0]][what[1]] = value


@given(st.lists(STEP, max_size=60))
def test_never_more_than_two_samples_a_second(steps):
    vehicle = whole_vehicle()
    play(vehicle, steps)
    taken = times(vehicle)
    assert all(b - a >= GAP_MS for a, b in itertools.pairwise(taken))


@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=2, max_size=100))
def test_values_that_jitter_every_turn_make_at_most_one_a_second(values):
    vehicle = whole_vehicle()
    for value in values:
        for row in vehicle.signals.values.values():
            for name in row:
                row[name] = abs(value)
        vehicle.signals.values["CHG_Status"] = {"Plugged": 1, "Charging": 0}
        vehicle.signals.values["MC_Status2"]["FaultCode"] = 0
        vehicle.signals.values["BMS_Temp"]["FaultCode"] = 0
        vehicle.run(100)
    # One event besides: the charger stopped.
    assert len(times(vehicle)) <= len(values) * 100 // 1_000 + 2


@given(st.lists(STEP, max_size=40))
def test_time_without_a_sample_is_bounded(steps):
    vehicle = whole_vehicle()
    play(vehicle, [step for step in steps if step[0] != "room"])
    taken = [0, *times(vehicle), vehicle.now_ms]
    assert max(b - a for a, b in itertools.pairwise(taken)) <= AWAY_MS + 200
