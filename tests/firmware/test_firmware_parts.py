"""Clocks, faults, telemetry and the loop, one by one."""

import calendar

import pytest
from board_fakes import FakeRtc
from hypothesis import given
from hypothesis import strategies as st
from vcu import clock
from vcu.clock import Uptime, WallClock
from vcu.configuration import MISSING
from vcu.faults import CLEAR_MS, SILENT
from vcu.loop import Loop
from vcu.software import digest
from vcu_bench import NOW_S, Bench, Node, identity

from protocol import link, lock, record
from protocol.can import MESSAGES

PERIOD = 1 << 30


def _ticks_diff(end, start):
    # As MicroPython documents it, for a period of 2^30.
    return (end - start + PERIOD // 2) % PERIOD - PERIOD // 2


@given(st.lists(st.integers(0, PERIOD // 2 - 1), max_size=30), st.integers(0, PERIOD - 1))
def test_uptime_never_wraps(steps, start):
    ticks = [start]
    uptime = Uptime(lambda: ticks[0], _ticks_diff)
    for step in steps:
        ticks[0] = (ticks[0] + step) % PERIOD
        uptime.now()
    assert uptime.now() == sum(steps)


@given(st.integers(1_735_689_600, 4_102_444_799))
def test_calendar_agrees_with_the_library(seconds):
    moment = clock.to_moment(seconds)
    year, month, day, weekday, hour, minute, second, _ = moment
    assert clock.to_seconds(moment) == seconds
    assert calendar.timegm((year, month, day, hour, minute, second)) == seconds
    assert calendar.weekday(year, month, day) == weekday


@pytest.mark.parametrize(
    ("moment", "certain"),
    [
        ((2030, 1, 1, 1, 0, 0, 0, 0), True),
        ((2029, 12, 31, 0, 23, 59, 59, 0), False),  # before the floor
        ((2000, 1, 1, 0, 0, 0, 0, 0), False),
        ((2100, 1, 1, 0, 0, 0, 0, 0), False),
        ((2030, 13, 1, 0, 0, 0, 0, 0), False),
        ((2030, 1, 1, 0, 24, 0, 0, 0), False),
    ],
)
def test_wall_clock_is_certain_from_the_floor_on(moment, certain):
    wall = WallClock(FakeRtc(moment), NOW_S)
    assert wall.read().certain is certain
    assert wall.time() == (NOW_S if certain else 0)


def test_signed_time_puts_the_clock_forward_and_never_back():
    rtc = FakeRtc((2000, 1, 1, 0, 0, 0, 0, 0))
    wall = WallClock(rtc, 0)
    wall.raise_to(NOW_S)
    assert wall.read().certain and wall.time() == NOW_S
    rtc.moment = clock.to_moment(NOW_S + 100)
    wall.raise_to(NOW_S + 50)
    assert wall.time() == NOW_S + 100
    wall.raise_to(NOW_S - 50)
    assert wall.floor_s == NOW_S + 50


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "identity").write_bytes(identity(bytes(range(32))))
    return Bench(f"{tmp_path}/")


def test_cyclic_frames_of_ten_seconds(bench):
    bench.run(10_100)
    assert bench.frames["VCU_Drive"] in range(498, 506)
    assert bench.frames["VCU_Lock"] in range(98, 102)
    assert bench.frames["VCU_Heartbeat"] in range(18, 22)


@pytest.mark.parametrize("who", ["MC", "BMS", "CHG", "HMI", "GNSS", "GW"])
def test_silent_node_is_a_fault_until_it_comes_back(bench, who):
    name = f"{who}_Heartbeat"
    bench.nodes[name] = Node(name, {"State": 2})
    bench.run(1_500)
    bench.nodes[name].signals = None
    bench.run(4_000)
    bench.nodes[name].signals = {"State": 2}
    bench.run(CLEAR_MS + 2_000)
    node = MESSAGES[name][0] - 0x700
    assert bench.kinds(record.FAULT) == [
        {0: node, 1: SILENT, 2: True},
        {0: node, 1: SILENT, 2: False},
    ]


def test_reported_fault_codes(bench):
    bench.nodes["MC_Status2"].signals = {"MotorTemp_C": 31, "FaultCode": 77}
    bench.run(2_500)
    bench.nodes["MC_Status2"].signals = {"MotorTemp_C": 31}
    bench.run(CLEAR_MS + 2_000)
    assert [body[2] for body in bench.kinds(record.FAULT) if body[1] == 77] == [True, False]


def test_telemetry_leaves_out_what_is_stale(bench):
    bench.run(10_500)
    sample = bench.kinds(record.TELEMETRY)[0]
    assert sample == {
        0: 0, 1: 0, 2: 52_000, 3: 0, 4: 800, 7: lock.LOCKED, 8: 31, 10: 0, 16: 0, 17: 0, 18: 0,
    }  # fmt: skip
    bench.speed(None)
    bench.nodes["BMS_Pack"].signals = None
    bench.nodes["MC_Status2"].signals = None
    bench.run(10_000)
    assert bench.kinds(record.TELEMETRY)[-1] == {
        1: 0, 7: lock.LOCKED, 16: 0, 17: 0, 18: 0,
    }  # fmt: skip
    assert len(bench.kinds(record.TELEMETRY)) == 2


def test_telemetry_is_frequent_while_it_rolls(bench):
    bench.speed(3_000)
    bench.run(5_500)
    assert len(bench.kinds(record.TELEMETRY)) == 5


def test_gateway_that_is_away_gets_everything_later(bench):
    bench.gateway.listens = False
    bench.run(12_000)
    assert not bench.gateway.records
    bench.gateway.listens = True
    bench.gateway.request(link.pack(link.HELLO_REQUEST))
    bench.run(500)
    assert [made.seq for made in bench.gateway.records] == [0, 1, 2]


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_any_request_is_survived(tmp_path_factory, messages):
    folder = tmp_path_factory.mktemp("noise")
    (folder / "identity").write_bytes(identity(bytes(range(32))))
    bench = Bench(f"{folder}/")
    bench.run(30)
    for message in messages:
        if message:
            bench.gateway.request(message)
    bench.run(60)
    assert not bench.enabled()


class SlowWork:
    """A vehicle whose checks take 7 ms a piece: the loop must fit them in."""

    def __init__(self, piece_ms):
        self.now_ms = 0
        self.piece_ms = piece_ms
        self.pieces = 70
        self.due_ms = 20
        self.late_ms = 0

    def receive(self, now_ms):
        pass

    def transmit(self, now_ms):
        return False

    def housekeeping(self, now_ms):
        pass

    def cyclic(self, now_ms):
        while now_ms >= self.due_ms:
            self.late_ms = max(self.late_ms, now_ms - self.due_ms)
            self.due_ms += 20

    def next_deadline_ms(self):
        return self.due_ms

    def has_work(self):
        return self.pieces > 0

    def work(self, now_ms):
        self.pieces -= 1
        self.now_ms += self.piece_ms


@pytest.mark.parametrize(("piece_ms", "late_ms"), [(1, 0), (7, 0), (14, 0), (28, 8)])
def test_checks_do_not_delay_the_cycle(piece_ms, late_ms):
    slow = SlowWork(piece_ms)
    # The first piece is taken before its cost is known.
    slow.now_ms = 1

    def wait(ms):
        slow.now_ms += max(1, ms)

    loop = Loop(slow, lambda: slow.now_ms, wait, lambda: None, lambda: None)
    for _ in range(2_000):
        loop.turn()
    assert slow.pieces == 0
    assert slow.late_ms <= max(late_ms, piece_ms - 19 + 8)


def test_software_hash_sees_every_file(tmp_path):
    (tmp_path / "a.mpy").write_bytes(b"one")
    (tmp_path / "b.py").write_bytes(b"two" * 500)
    before = digest((str(tmp_path),))
    assert digest((str(tmp_path),)) == before
    (tmp_path / "b.py").write_bytes(b"two" * 499 + b"twO")
    assert digest((str(tmp_path),)) != before


def test_a_fault_that_finds_no_room_is_tried_again_once_a_second(tmp_path):
    """A board fresh from the factory: no identity, so no records, and no numbers of a vehicle."""
    bench = Bench(f"{tmp_path}/")
    bench.vcu.watch._odd_config = MISSING
    bench.run(5_000)
    assert 4 <= bench.vcu.watch.faults.untold <= 6
