"""The port: joining, bus-off, counters, and what comes in on a hostile bus."""

from itertools import pairwise

import pytest
from board_fakes import FakeCan
from hypothesis import given, settings
from hypothesis import strategies as st
from vcu.can import policy
from vcu.can.port import COUNTERS, Port
from vcu.can.signals import Signals

from protocol import can

UNKNOWN_BUS = (500_000, 250_000, 125_000, 1_000_000)


class Stand:
    """A port on a fake controller; time is counted in milliseconds."""

    def __init__(self, bitrates=(500_000,)):
        self.now_ms = 0
        self.can = FakeCan()
        self.signals = Signals()
        self.port = Port(self.can, self.signals, 0, lambda: self.now_ms, bitrates)
        self.sent = []

    def run(self, ms, each=None):
        for _ in range(ms):
            self.now_ms += 1
            self.sent += self.can.leave()
            if each:
                each(self)
            self.port.tick(self.now_ms)
            self.take()

    def take(self):
        port = self.port
        slots = []
        while port.receive(self.now_ms):
            frame = port.frame
            slots.append(self.signals.take(port.row, frame.data, frame.length, port.at_ms))
        return slots

    def counter(self, name):
        return self.port.counters()[COUNTERS.split().index(name)]


def right(alive=0, name="MC_Status1"):
    identifiers = {"MC_Status1": 0x110, "GNSS_Position": 0x420}
    return identifiers[name], can.encode(name, {}, alive)


def test_there_is_a_name_for_every_counter():
    assert len(Stand().port.counters()) == len(COUNTERS.split())


# --- joining ---


def test_it_starts_silent_and_sends_nothing():
    stand = Stand()
    assert stand.can.mode == FakeCan.MODE_SILENT and not stand.port.joined
    assert not stand.port.send(0x50, bytes(8)) and not stand.port.send(0x518, bytes(8))
    stand.run(policy.LISTEN_MS - 1)
    assert not stand.port.joined and stand.sent == []


def test_a_silent_bus_is_joined_after_a_second():
    stand = Stand()
    stand.run(policy.LISTEN_MS)
    assert stand.port.joined and stand.can.mode == FakeCan.MODE_NORMAL
    assert stand.port.send(0x50, bytes(8))


@pytest.mark.parametrize(
    "frame",
    [
        (0x7FF, bytes(8)),
        (0x110, bytes(8)),  # wrong CRC
        (0x110, right()[1][:7]),
        (0x110, right()[1], FakeCan.FLAG_RTR),
        (0x110, right()[1], FakeCan.FLAG_EXT_ID),
        right(name="GNSS_Position"),  # known, but nothing proves it
        (0x500, bytes(8)),
    ],
)
def test_only_a_right_frame_of_the_table_opens_the_bus(frame):
    stand = Stand()

    def noise(stand):
        if stand.now_ms % 100 == 0:
            stand.can.deliver(*frame)

    stand.run(5_000, noise)
    assert not stand.port.joined and stand.sent == []
    stand.can.deliver(*right())
    stand.run(1)
    assert stand.port.joined


def test_errors_alone_keep_it_silent():
    stand = Stand()
    stand.run(5_000, lambda stand: stand.can.errors(0, stand.now_ms // 100 % 90))
    assert not stand.port.joined


@pytest.mark.parametrize("bitrate", UNKNOWN_BUS)
def test_the_bit_rate_is_found_without_a_word(bitrate):
    stand = Stand(UNKNOWN_BUS)

    def bus(stand):
        if stand.now_ms % 20:
            return
        if stand.can.bitrate == bitrate:
            stand.can.deliver(*right(stand.now_ms // 20 & 15))
        else:
            stand.can.errors(0, stand.now_ms // 20 % 90)
        assert stand.sent == []

    stand.run(4_100, bus)
    assert stand.port.joined and stand.can.bitrate == bitrate


def test_an_unknown_bus_that_is_silent_is_tried_at_every_rate_first():
    stand = Stand(UNKNOWN_BUS)
    seen = []
    stand.run(4 * policy.LISTEN_MS - 1, lambda stand: seen.append(stand.can.bitrate))
    assert sorted(set(seen)) == sorted(UNKNOWN_BUS) and not stand.port.joined
    stand.run(1)
    assert stand.port.joined and stand.can.bitrate == UNKNOWN_BUS[0]


def test_filters_are_open_while_it_listens_and_narrow_afterwards():
    stand = Stand()
    assert stand.can.deliver(0x333, bytes(8))
    stand.can.deliver(*right())
    stand.run(1)
    assert not stand.can.deliver(0x333, bytes(8))
    assert stand.can.deliver(0x500, bytes(8)) and stand.can.deliver(*right(1))
    assert stand.counter("unknown") == 1


# --- bus-off ---


def test_bus_off_is_left_with_growing_patience_and_then_silence():
    stand = Stand()
    stand.can.deliver(*right())
    stand.run(1)
    restarts = []

    def off(stand):
        if stand.can.restarts > len(restarts):
            restarts.append(stand.now_ms)
        if stand.can.state() != FakeCan.STATE_BUS_OFF:
            stand.can.bus_off()

    stand.run(61_700, off)
    waits = [round(b - a, -2) for a, b in pairwise(restarts)]
    assert waits == [200, 400, 800, 60_000, 100]
    assert stand.port.is_off() and not stand.port.send(0x50, bytes(8))
    assert stand.counter("silences") == 1
    assert stand.counter("bus_offs") == len(restarts) + 1


def test_what_waited_is_dropped_at_bus_off_and_counted():
    stand = Stand()
    stand.run(policy.LISTEN_MS)
    for identifier in (0x50, 0xA0, 0xB0, 0x518, 0x518, 0x518):
        assert stand.port.send(identifier, bytes(8))
    stand.can.bus_off()
    assert stand.port.send(0x50, bytes(8))  # not known yet
    stand.run(1)
    assert stand.counter("dropped") == 5  # the rest was in the controller
    stand.run(200)
    assert not stand.port.is_off() and stand.sent == []


def test_a_bus_that_only_seemed_silent_is_listened_to_again():
    stand = Stand()
    stand.run(policy.LISTEN_MS)
    stand.can.bus_off()
    stand.run(policy.FIRST_MS + 1)
    assert not stand.port.joined and stand.can.mode == FakeCan.MODE_SILENT
    stand.can.deliver(*right())
    stand.run(1)
    assert stand.port.joined and stand.counter("joins") == 2


def test_counters_go_on_where_the_controller_forgets():
    stand = Stand()
    stand.can.deliver(*right())
    stand.run(1)
    for _ in range(3):
        stand.can.errors(100, 0)
        stand.can.errors(130, 0)
        stand.can.errors(256, 0)
        stand.run(2_000)
    assert [stand.counter(name) for name in ("warnings", "passives", "bus_offs")] == [3, 3, 3]
    stand.can.errors(97, 12)
    assert [stand.counter(name) for name in ("tec", "rec", "warnings")] == [97, 12, 4]


class DeadCan(FakeCan):
    """A chip that does not answer for a while."""

    dead = True

    def init(self, bitrate, **options):
        if self.dead:
            raise OSError(19)
        super().init(bitrate, **options)


def test_a_chip_that_does_not_answer_is_tried_again():
    device = DeadCan()
    port = Port(device, Signals(), 0)
    for now_ms in range(0, 1_000, 10):
        port.tick(now_ms)
        assert not port.receive(now_ms) and not port.send(0x50, bytes(8))
    assert port.is_off() and port.failures > 2 and port.counters()[0] == 0
    device.dead = False
    for now_ms in range(1_000, 70_000, 10):
        port.tick(now_ms)
    assert port.joined and not port.is_off()


def test_each_warning_is_counted_once_whatever_a_restart_meets():
    """Off before a frame was heard, a restart that the chip does not answer, and another one."""
    stand = Stand()
    stand.run(1_100)  # joined, because the bus was silent
    stand.can.errors(100, 0)
    stand.can.errors(256, 0)
    stand.run(1_000)
    assert stand.port.joined is False and stand.counter("warnings") == 1
    stand.can.deliver(*right())
    stand.run(1)
    stand.can.errors(100, 0)
    stand.can.errors(256, 0)
    stand.can.restart = _fails
    stand.run(250)
    assert stand.counter("failures") == 1 and stand.counter("warnings") == 2
    stand.run(1_000)
    assert not stand.port.is_off() and stand.counter("warnings") == 2


def _fails():
    raise OSError(19)


# --- bad input ---


def test_a_flood_of_every_kind_is_counted_by_name_and_survived():
    stand = Stand()
    stand.can.deliver(*right(15))
    stand.run(1)
    status = stand.signals.slot("MC_Status1")
    alive = [0]

    def flood(stand):
        for _ in range(2):  # with the genuine ones, 4,000 a second
            stand.can.deliver(0x110, bytes(8))
            stand.can.deliver(0x110, bytes(3))
        if stand.now_ms % 20 == 0:
            data = right(alive[0] & 15)[1]
            alive[0] += 1
            stand.can.deliver(0x110, data)
            stand.can.deliver(0x110, data)
            stand.can.deliver(0x110, data, FakeCan.FLAG_RTR)
            stand.can.deliver(0x110, data, FakeCan.FLAG_EXT_ID)
        assert stand.signals.is_fresh(status, stand.now_ms)

    stand.run(1_000, flood)
    assert stand.counter("wrong_crc") == stand.counter("wrong_length") == 2_000
    assert stand.counter("repeated") == stand.counter("remotes") == 50
    # The filter of the standard identifier does not let the extended one pass.
    assert stand.counter("extended") == stand.counter("skipped") == stand.counter("too_fast") == 0


def test_a_flood_of_unknown_frames_that_never_ends_does_not_hold_the_loop():
    """As fast as they are taken: short frames at full load, before the filters are narrow."""
    stand = Stand()
    take = stand.port.frame.take
    delivered = []

    def taken():
        if len(delivered) < 1_000:
            delivered.append(stand.can.deliver(0x7AA, b""))
        return take()

    stand.port.frame.take = taken
    assert not stand.port.receive(1)
    assert 16 <= stand.counter("unknown") <= 64
    for _ in range(100):
        assert not stand.port.receive(1)
    assert stand.counter("unknown") == 1_000


def test_a_flood_of_right_frames_is_kept_to_twice_its_rate():
    stand = Stand()
    stand.can.deliver(*right(15))
    stand.run(1)

    def flood(stand):
        for i in range(4):
            stand.can.deliver(*right(4 * stand.now_ms + i & 15))

    stand.run(1_000, flood)
    assert stand.counter("too_fast") in range(3_890, 3_900)
    assert stand.counter("ring_overflows") == stand.counter("overruns") == 0


def test_a_loop_that_stands_still_loses_frames_and_says_how_many():
    stand = Stand()
    stand.can.deliver(*right(15))
    stand.run(1)
    for number in range(1_000):
        stand.can.deliver(*right(number & 15))
    assert len(stand.take()) == 62 and stand.counter("ring_overflows") == 1_000 - 62


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x50, 0x110, 0x410, 0x420, 0x500, 0x702, 0x7FF])
            | st.integers(0, 0x7FF),
            st.binary(max_size=8),
            st.sampled_from([0, 0, 0, 1, 2, 3]),
            st.integers(0, 3_000),
        ),
        max_size=40,
    )
)
def test_any_frames_at_any_time(frames):
    stand = Stand(UNKNOWN_BUS)
    for identifier, data, flags, wait_ms in frames:
        stand.can.deliver(identifier, data, flags)
        stand.now_ms += wait_ms
        stand.port.tick(stand.now_ms)
        stand.take()
        stand.port.send(0x50, bytes(8))
    assert all(value >= 0 for value in stand.port.counters())
