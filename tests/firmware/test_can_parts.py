"""Ring, queue, filters, policy, signals and cycle of the CAN port, one by one."""

import pytest
from board_fakes import FakeCan
from hypothesis import given
from hypothesis import strategies as st
from vcu.can import policy
from vcu.can.cycle import Cycle
from vcu.can.filters import cover
from vcu.can.policy import JOIN, NEXT, STAY, BackOff, Listening
from vcu.can.port import Port
from vcu.can.queue import Queue
from vcu.can.ring import Ring
from vcu.can.signals import RECEIVED, Signals

from protocol import can
from protocol.can_table import IDENTIFIERS, MESSAGES

STATUS = MESSAGES.row("MC_Status1")


def opened(depth=24, mode=FakeCan.MODE_NORMAL):
    device = FakeCan(depth)
    device.init(500_000, mode=mode)
    device.set_filters(None)
    return device


# --- ring ---


@given(st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 0x7FF), st.binary(max_size=8)))))
def test_ring_is_a_queue_that_loses_only_what_finds_no_room(actions):
    device = opened()
    ring = Ring(device, lambda: 0, 8)
    device.irq(ring.fill, device.IRQ_RX, True)
    waiting, lost = [], 0
    for frame in actions:
        if frame is None:
            assert ring.take() == bool(waiting)
            if waiting:
                identifier, data = waiting.pop(0)
                assert ring.identifier == identifier and ring.length == len(data)
                assert ring.data[: len(data)] == data
        elif len(waiting) == 6:
            device.deliver(*frame)
            lost += 1
        else:
            device.deliver(*frame)
            waiting.append(frame)
        assert ring.overflows == lost
    assert device.get_counters()[6] == 0


def test_ring_counts_what_the_table_cannot_have():
    device = opened()
    ring = Ring(device, lambda: 0)
    device.irq(ring.fill, device.IRQ_RX, True)
    device.deliver(0x110, bytes(8), device.FLAG_RTR)
    device.deliver(0x1ABCDEF, bytes(8), device.FLAG_EXT_ID)
    device.deliver(0x1ABCDEF, b"", device.FLAG_EXT_ID | device.FLAG_RTR)
    assert not ring.take()
    assert (ring.remotes, ring.extended) == (2, 1)


@given(st.integers(0, 1 << 30), st.integers(0, 0xFFFF))
def test_ring_knows_how_old_a_frame_is(begin, age_ms):
    device = opened()
    now = [begin]
    ring = Ring(device, lambda: now[0] & 0x3FFF_FFFF)
    device.irq(ring.fill, device.IRQ_RX, True)
    device.deliver(0x110, bytes(8))
    now[0] += age_ms
    assert ring.take() and ring.age_ms == age_ms


# --- queue ---


def test_a_newer_value_replaces_the_one_that_waits():
    device = opened()
    queue = Queue((0x50, 0xA0))
    for number in range(3):
        assert queue.put(0x50, bytes([number] * 8))
    assert queue.replaced == 2 and queue.pump(device)
    assert device.leave() == [(0x50, bytes([2] * 8), 0)]
    assert not queue.pump(device)


def test_the_line_is_short_and_says_so():
    device = opened()
    queue = Queue((0x50,), line=3)
    assert [queue.put(0x518, bytes([i])) for i in range(5)] == [True] * 3 + [False] * 2
    assert queue.refused == 2
    left = []
    while queue.pump(device):
        left += device.leave()
    assert left == [(0x518, bytes([i]), 0) for i in range(3)]


def test_the_last_buffer_is_for_the_most_urgent():
    device = opened()
    queue = Queue((0x50, 0xA0, 0xB0))
    for identifier in (0xB0, 0xA0, 0x518):
        queue.put(identifier, bytes(8))
    queue.pump(device)
    assert device.get_counters()[5] == 2
    queue.put(0x50, b"urgent!!")
    queue.pump(device)
    assert [frame[0] for frame in device.leave()] == [0x50, 0xA0, 0xB0]
    queue.pump(device)
    assert [frame[0] for frame in device.leave()] == [0x518]


def test_what_waits_is_dropped_with_the_bus():
    queue = Queue((0x50,))
    queue.put(0x50, bytes(8))
    queue.put(0x518, bytes(8))
    queue.clear()
    assert queue.dropped == 2 and not queue.pump(opened())


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from([0x50, 0xA0, 0x508, 0x518]), st.binary(max_size=8)),
            st.sampled_from(["pump", "leave"]),
        )
    )
)
def test_queue_keeps_order_and_the_newest(actions):
    """Per identifier: what leaves is in the order of what was put, nothing twice."""
    device, queue = opened(), Queue((0x50, 0xA0))
    taken, left = [], []
    for action in actions:
        if action == "pump":
            queue.pump(device)
        elif action == "leave":
            left += [frame[:2] for frame in device.leave()]
        elif queue.put(*action):
            taken.append(action)
    while queue.pump(device) or device.get_counters()[5]:
        left += [frame[:2] for frame in device.leave()]
    for identifier in (0x508, 0x518):
        mine = [frame for frame in taken if frame[0] == identifier]
        assert [frame for frame in left if frame[0] == identifier] == mine
    for identifier in (0x50, 0xA0):
        mine = [frame for frame in taken if frame[0] == identifier]
        rest = iter(mine)
        seen = [frame for frame in left if frame[0] == identifier]
        assert all(frame in rest for frame in seen)
        assert seen[-1:] == mine[-1:]
    assert len(left) + queue.replaced == len(taken)


# --- filters ---


@given(
    st.lists(st.integers(0, 0x7FF), min_size=1, max_size=20, unique=True),
    st.integers(1, 28),
)
def test_filters_let_every_needed_identifier_pass(identifiers, most):
    filters = cover(tuple(identifiers), most)
    assert len(filters) <= most
    for identifier in identifiers:
        assert any(not (identifier ^ wanted) & mask for wanted, mask, _ in filters)
    if len(identifiers) <= most:
        assert sorted(filters) == sorted((identifier, 0x7FF, 0) for identifier in identifiers)


def test_filters_of_the_vehicle_fit_a_small_controller():
    wanted = Signals().identifiers()
    filters = cover(tuple(wanted), FakeCan.FILTERS_MAX)
    passes = [i for i in range(0x800) if any(not (i ^ w) & m for w, m, _ in filters)]
    assert len(filters) == 14 and set(wanted) <= set(passes)
    assert len(passes) <= len(wanted) + 1


# --- policy ---


def test_a_silent_bus_is_joined_after_a_second():
    listening = Listening(1, 0)
    assert listening.look(7, policy.LISTEN_MS - 1) == STAY
    assert listening.look(7, policy.LISTEN_MS) == JOIN


def test_a_bus_with_errors_is_never_joined_for_its_silence():
    listening = Listening(1, 0)
    for second in range(100):
        for ms in range(0, 1000, 100):
            assert listening.look(second, second * 1000 + ms) == STAY


def test_bit_rates_take_turns_while_something_is_heard():
    listening = Listening(4, 0)
    seen = []
    for second in range(1, 10):
        listening.look(2 * second, second * 1000 - 999)
        assert listening.look(2 * second + 1, second * 1000) == NEXT
        seen.append(listening.index)
    assert seen == [1, 2, 3, 0, 1, 2, 3, 0, 1]


def test_a_silent_bus_is_joined_at_the_first_rate_once_all_were_silent():
    listening = Listening(3, 0)
    verdicts = [listening.look(0, ms) for ms in range(0, 3_001, 100)]
    assert [verdict for verdict in verdicts if verdict != STAY] == [NEXT, NEXT, JOIN]
    assert listening.index == 0


def off_for_good(back_off, begin_ms, end_ms):
    """Restarts of a bus that goes off again at once: their times."""
    restarts = []
    for now_ms in range(begin_ms, end_ms, 10):
        if back_off.look(True, now_ms):
            back_off.restarted(now_ms)
            restarts.append(now_ms)
    return restarts


def test_five_bus_offs_in_a_minute_bring_a_minute_of_silence():
    back_off = BackOff(0)
    times = off_for_good(back_off, 0, 130_000)
    waits = [b - a for a, b in zip([0, *times], times, strict=False)]
    assert [round(wait, -2) for wait in waits[:9]] == [
        100, 200, 400, 800, 60_000, 100, 200, 400, 800,
    ]  # fmt: skip
    assert back_off.silences == 3 and back_off.is_off


def test_patience_doubles_to_five_seconds():
    back_off = BackOff(0)
    now_ms, waits = 0, []
    for _ in range(9):
        began_ms = now_ms
        while not back_off.look(True, now_ms):
            now_ms += 10
        waits.append(now_ms - began_ms)
        back_off.restarted(now_ms)
        # Well for some time, but not for long enough to forget; more than a minute for five.
        for _ in range(3):
            now_ms += 5_000
            back_off._since_ms = now_ms  # not steady
            back_off.look(False, now_ms)
    assert waits == [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]
    assert back_off.silences == 0


def test_a_steady_bus_makes_it_patient_again():
    back_off = BackOff(0)
    off_for_good(back_off, 0, 500)
    back_off.restarted(500)
    assert not back_off.look(False, 500 + policy.STEADY_MS)
    assert not back_off.look(True, 20_000)
    assert not back_off.look(True, 20_099) and back_off.look(True, 20_100)


@given(st.integers(0, 1 << 40), st.integers(-(1 << 28), (1 << 28) - 1))
def test_times_may_wrap(since_ms, difference):
    assert policy.elapsed(since_ms + difference, since_ms) == difference
    assert policy.elapsed((since_ms + difference) & policy.MASK, since_ms) == difference


# --- signals ---


def frame(alive, speed_mmps=5):
    return can.encode("MC_Status1", {"Speed_mmps": speed_mmps}, alive)


def test_signals_are_fresh_until_the_timeout_of_the_table():
    signals = Signals()
    slot, speed = signals.slot("MC_Status1"), signals.handle("MC_Status1", "Speed_mmps")
    assert signals.fresh("MC_Status1", 0) is None and not signals.heard("MC_Status1")
    assert signals.take(STATUS, frame(1, -5), 8, 1_000) == slot
    assert signals.is_fresh(slot, 1_199) and signals.value(speed) == -5
    assert signals.fresh("MC_Status1", 1_199) == can.decode(0x110, frame(1, -5))[1]
    assert signals.fresh("MC_Status1", 1_200) is None and signals.heard("MC_Status1")


def test_a_stale_value_does_not_become_young_when_the_time_wraps():
    signals = Signals()
    slot = signals.take(STATUS, frame(1), 8, 0)
    for now_ms in range(0, 1 << 31, (1 << 28) // (4 * len(RECEIVED.split()))):
        signals.tick(now_ms)
        assert signals._state[slot] == 1 or not signals.is_fresh(slot, now_ms)
    assert not signals.is_fresh(slot, 1 << 29)


@pytest.mark.parametrize("name", RECEIVED.split())
def test_a_node_that_was_silent_for_days_is_heard_at_once(name):
    """Also where the difference of the times has wrapped meanwhile: 3 to 6 days."""
    row = MESSAGES.row(name)
    for silent_ms in range(1 << 28, 1 << 29, 1 << 25):
        signals = Signals()
        assert signals.take(row, can.encode(name, {}, 1), 8, 0) >= 0
        for now_ms in range(0, silent_ms, 1 << 22):
            signals.tick(now_ms)
        assert signals.take(row, can.encode(name, {}, 2), 8, silent_ms) >= 0, silent_ms
        assert signals.too_fast == 0


def test_each_fault_of_a_frame_has_its_own_counter():
    signals = Signals()
    assert signals.take(STATUS, frame(1), 8, 0) >= 0
    for data, at_ms in (
        (frame(1, 9), 20),  # repeated
        (frame(2)[:7] + b"\x00", 40),  # CRC
        (frame(2)[:7], 60),  # length
        (bytes(9), 80),  # length
    ):
        assert signals.take(STATUS, data, len(data), at_ms) == -1
    assert signals.take(STATUS, frame(4), 8, 100) >= 0  # 2 and 3 are missing
    hmi = bytearray(can.encode("HMI_Inputs", {"Gear": 2}, 3))
    hmi[0] |= 0x0C  # gear 3
    hmi[7] = can.crc8(0x410, hmi)
    assert signals.take(MESSAGES.row("HMI_Inputs"), hmi, 8, 0) == -1
    assert not signals.heard("HMI_Inputs")
    counted = (signals.repeated, signals.wrong_crc, signals.wrong_length)
    assert counted + (signals.skipped, signals.wrong_range) == (1, 1, 2, 1, 1)
    assert signals.take(MESSAGES.row("VCU_Lock"), bytes(8), 8, 0) == -1  # our own


@pytest.mark.parametrize(("period_ms", "fast"), [(20, False), (11, False), (7, True), (1, True)])
def test_a_message_at_more_than_twice_its_rate_is_too_fast(period_ms, fast):
    signals = Signals()
    taken = 0
    for number in range(1_000):
        taken += signals.take(STATUS, frame(number & 15), 8, number * period_ms) >= 0
    assert (signals.too_fast > 0) is fast
    # What is taken keeps to twice the rate.
    assert taken <= 2 * 1_000 * period_ms // 20 + 6
    assert taken + signals.too_fast == 1_000 and signals.skipped == 0


def test_frames_that_a_bus_delayed_are_not_too_fast():
    signals = Signals()
    for number in range(1_000):
        at_ms = (number // 4 + 1) * 80  # four at once
        assert signals.take(STATUS, frame(number & 15), 8, at_ms) >= 0


@given(st.integers(0, 0x7FF), st.binary(max_size=8), st.integers(0, 1 << 40))
def test_any_frame_is_a_known_message_or_nothing(identifier, data, now_ms):
    row = IDENTIFIERS.row(identifier)
    signals = Signals()
    if row >= 0:
        padded = data + bytes(8 - len(data))
        slot = signals.take(row, padded, len(data), now_ms)
        name = IDENTIFIERS[identifier]
        assert slot == -1 or (signals.slot(name) == slot and signals.fresh(name, now_ms))


def test_names_that_are_not_received():
    with pytest.raises(KeyError):
        Signals().slot("VCU_Panel")
    with pytest.raises(KeyError):
        Signals().fresh("VCU_Drive", 0)


# --- cycle ---


def joined():
    device = FakeCan()
    port = Port(device, Signals(), 0)
    port.tick(policy.LISTEN_MS)
    assert port.joined
    return device, port


def test_cycle_keeps_absolute_deadlines():
    cycle = Cycle(joined()[1], "VCU_Drive", 0)
    due = [now_ms for now_ms in (19, 20, 39, 41, 59, 60, 130, 139, 140) if cycle.advance(now_ms)]
    assert due == [20, 41, 60, 130, 140] and cycle.missed == 2


def test_the_alive_counter_has_no_gap_whatever_waits_or_is_replaced():
    device, port = joined()
    cycle = Cycle(port, "VCU_Drive", 0)
    counters, values = [], []
    for number in range(50):
        cycle.values[0] = number & 1
        cycle.values[3] = number
        assert cycle.send()
        if number % 3 == 0:  # the bus is busy for most of the time
            for identifier, data, _ in device.leave():
                _, signals, alive = can.decode(identifier, data)
                counters.append(alive)
                values.append(signals["TorqueCap_pct"])
            port.tick(policy.LISTEN_MS + number)
    assert len(counters) > 16 and port.queue.replaced > 10
    assert counters == [number & 15 for number in range(len(counters))]
    assert values == sorted(values)


def test_cycle_takes_values_by_name_too():
    device, port = joined()
    cycle = Cycle(port, "VCU_Lock", 0)
    cycle.set({"Locked": 1, "Reason": 7})
    assert cycle.send()
    assert device.leave() == [(0xA0, can.encode("VCU_Lock", {"Locked": 1, "Reason": 7}, 0), 0)]
    with pytest.raises(KeyError):
        cycle.set({"Looked": 1})


def test_a_value_that_does_not_fit_leaves_nothing_half_in_the_queue():
    device, port = joined()
    cycle = Cycle(port, "VCU_Drive", 0)
    device.send(0x50, bytes(8))  # the controller is busy with this identifier
    cycle.send()
    cycle.values[3] = 101
    with pytest.raises(can.EncodeError):
        cycle.send()
    device.leave()
    port.tick(policy.LISTEN_MS)
    assert device.leave() == []
    # Nor in what is kept of the values before.
    cycle.values[3] = 0
    cycle.send()
    (sent,) = device.leave()
    assert can.decode(0x50, sent[1])[1] == dict.fromkeys(can.decode(0x50, sent[1])[1], 0)


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 2), st.integers(0, 101)),
        min_size=1,
        max_size=20,
    )
)
def test_what_leaves_is_what_was_set(rows):
    device, port = joined()
    cycle = Cycle(port, "VCU_Drive", 0)
    alive = 15
    for row in rows:
        cycle.values[:4] = row
        if row[3] > 100:
            with pytest.raises(can.EncodeError):
                cycle.send()
            alive = (alive + 1) & 15
            continue
        cycle.send()
        alive = (alive + 1) & 15
        names = ("Enable", "Mode", "Direction", "TorqueCap_pct")
        expected = can.encode("VCU_Drive", dict(zip(names, row, strict=True)), alive)
        assert device.leave() == [(0x50, expected, 0)]


def test_nothing_is_encoded_before_the_port_speaks():
    cycle = Cycle(Port(FakeCan(), Signals(), 0), "VCU_Drive", 0)
    assert not cycle.send()
