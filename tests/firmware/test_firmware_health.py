"""Health records: when they are made, what they hold; faults of the cross-check by their codes."""

import gc
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vcu import configuration, crosscheck, faults
from vcu.faults import CLEAR_MS, FLAGGED, MOST, Faults
from vcu.health import COUNTERS, FIRST_MS, GAP_MS, PARKED_MS, USED_MS, Health
from watched import Bus, Outbox, Signals, Vehicle

from protocol import bodies, fault, record

NAMES = [name for name, _ in bodies.BODIES[record.HEALTH]]


class Part:
    """Something with numbers; one that is not there is not known."""

    def __init__(self, **numbers):
        vars(self).update(numbers)


def vehicle_with(**numbers):
    part = Part(**numbers)
    sources = [(NAMES.index(name), part, name) for name in numbers]
    return part, Vehicle(tuple(item for source in sources for item in source))


def told(vehicle):
    return [(at_ms, body) for _, body, at_ms, _ in vehicle.outbox.of(record.HEALTH)]


# --- what ---


def test_the_counters_are_those_whose_rise_is_an_event():
    assert tuple(NAMES[key] for key in COUNTERS) == bodies.TROUBLES


def test_it_gathers_what_is_there_and_leaves_out_what_is_not():
    part = Part(bus_offs=3, supply_mv=None)
    health = Health(
        Outbox(), Bus(), (9, part, "bus_offs", 28, part, "supply_mv", 29, part, "temp_c")
    )
    assert health.body(61_999) == {0: 61, 9: 3}


def test_of_two_sources_the_sum_counts():
    one, other = Part(malformed=2), Part(malformed=5)
    health = Health(Outbox(), Bus(), (16, one, "malformed", 16, other, "malformed"))
    assert health.body(0)[16] == 7


def test_a_part_that_is_made_later_is_added():
    health = Health(Outbox(), Bus(), ())
    health.add(3, Part(piece_ms=7), "piece_ms")
    assert health.body(0) == {0: 0, 3: 7}


def test_free_memory_is_known_on_a_board(monkeypatch):
    monkeypatch.setattr(gc, "mem_free", lambda: 61_440, raising=False)
    vehicle = Vehicle()
    vehicle.run(FIRST_MS, step_ms=500)
    assert told(vehicle) == [(FIRST_MS, {0: 60, 1: 61_440})]


# --- when ---


@pytest.mark.parametrize(("used", "period_ms"), [(True, USED_MS), (False, PARKED_MS)])
def test_it_comes_after_a_minute_and_then_by_the_period(used, period_ms):
    _, vehicle = vehicle_with(bus_offs=0)
    vehicle.run(FIRST_MS + 3 * period_ms + 2_000, used=used, step_ms=500)
    assert [at_ms for at_ms, _ in told(vehicle)] == [FIRST_MS + i * period_ms for i in range(4)]


@pytest.mark.parametrize("name", NAMES[2:])
def test_a_counter_that_rises_is_told_soon_and_once(name):
    part, vehicle = vehicle_with(**{name: 1})
    vehicle.run(FIRST_MS + 2 * GAP_MS, step_ms=500)
    assert len(told(vehicle)) == 1
    setattr(part, name, 2)
    vehicle.run(2_000, step_ms=500)
    vehicle.run(5 * GAP_MS, step_ms=500)
    assert len(told(vehicle)) == 1 + (name in bodies.TROUBLES)
    if name in bodies.TROUBLES:
        assert told(vehicle)[1][1][NAMES.index(name)] == 2


def test_counters_that_rise_all_the_time_make_one_a_minute():
    part, vehicle = vehicle_with(bad_crc=0)
    for _ in range(600):
        part.bad_crc += 1
        vehicle.run(1_000, step_ms=500)
    taken = [at_ms for at_ms, _ in told(vehicle)]
    assert taken == [FIRST_MS + GAP_MS * i for i in range(len(taken))] and len(taken) == 10


def test_without_a_gateway_a_counter_waits_until_one_is_due_or_the_gateway_is_back():
    part, vehicle = vehicle_with(tp_timeouts=0)
    vehicle.outbox.away = True
    for _ in range(30):
        part.tp_timeouts += 20
        vehicle.run(60_000, used=True, step_ms=1_000)
    taken = [at_ms for at_ms, _ in told(vehicle)]
    assert taken == [FIRST_MS + USED_MS * i for i in range(3)]
    vehicle.outbox.away = False
    vehicle.run(GAP_MS, used=True, step_ms=1_000)
    assert told(vehicle)[-1][1][NAMES.index("tp_timeouts")] == 600


def test_one_that_found_no_room_is_told_later():
    part, vehicle = vehicle_with(bus_offs=0)
    vehicle.run(FIRST_MS, step_ms=500)
    vehicle.outbox.room = False
    part.bus_offs = 1
    vehicle.run(2 * GAP_MS, step_ms=500)
    vehicle.outbox.room = True
    vehicle.run(GAP_MS + 1_000, step_ms=500)
    assert [body[9] for _, body in told(vehicle)] == [0, 1]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 2**40), st.integers(0, 200_000),
                          st.booleans()), max_size=25))  # fmt: skip
def test_whatever_the_numbers_do_it_is_at_most_one_a_minute(changes):
    part, vehicle = vehicle_with(**dict.fromkeys(NAMES[2:], 0))
    for name, value, ms, used in changes:
        setattr(part, name, value)
        vehicle.run(ms, used=used, step_ms=1_000)
    taken = [at_ms for at_ms, _ in told(vehicle)]
    assert all(b - a >= GAP_MS for a, b in itertools.pairwise(taken))


# --- the faults of the cross-check ---


def test_codes_and_flags_agree_with_the_names():
    flags = (
        crosscheck.SPOOFED, crosscheck.ON_STAND, crosscheck.LEAP, crosscheck.CLOCK, crosscheck.DRIFT
    )  # fmt: skip
    assert flags == tuple(1 << bit for bit in range(len(FLAGGED)))
    ours = {"CONFIG_MISSING": configuration.MISSING, "CONFIG_UNREADABLE": configuration.UNREADABLE}
    for code, name in fault.NAMES.items():
        assert ours.get(name) or getattr(faults, name) == getattr(fault, name) == code
        assert ours.get(name, code) == code
    assert set(FLAGGED) < set(fault.NAMES)


@pytest.mark.parametrize("bit", range(len(FLAGGED)))
def test_a_flag_is_a_fault_of_this_board_until_it_has_gone(bit):
    vehicle = Vehicle()
    vehicle.run(3_000, flags=1 << bit)
    vehicle.run(CLEAR_MS + 2_000)
    expected = [{0: 1, 1: FLAGGED[bit], 2: True}, {0: 1, 1: FLAGGED[bit], 2: False}]
    assert [body for _, body, *_ in vehicle.outbox.of(record.FAULT)] == expected


def test_faults_are_bounded_and_what_is_not_told_is_counted():
    outbox = Outbox()
    seen = Faults(outbox)
    for code in range(1, MOST + 4):
        seen.see(2, code, True, 0)
    assert len(outbox.records) == MOST and seen.untold == 3
    outbox.room = False
    seen.see(2, 1, False, CLEAR_MS)
    assert seen.untold == 4
    outbox.room = True
    seen.see(2, 1, False, CLEAR_MS + 1)
    assert len(outbox.records) == MOST + 1


@given(st.lists(st.tuples(st.integers(0, 31), st.integers(0, 8_000)), max_size=40))
def test_every_fault_comes_and_goes_in_turn(looks):
    vehicle = Vehicle()
    for flags, ms in looks:
        vehicle.run(ms, flags=flags, step_ms=200)
    present = {}
    for _, body, *_ in vehicle.outbox.of(record.FAULT):
        assert present.get(body[1], False) is not body[2]
        present[body[1]] = body[2]


def test_a_look_says_whether_something_came():
    looked, signals, bus = Faults(Outbox()), Signals(), Bus()
    assert not looked.tick(signals, bus, 1_000)
    bus.off = True
    assert not looked.tick(signals, bus, 1_500)
    assert looked.tick(signals, bus, 2_000)
    assert not looked.tick(signals, bus, 3_000)
