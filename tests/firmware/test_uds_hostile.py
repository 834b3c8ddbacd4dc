"""A hostile bus: whatever is said on the diagnosis, it drives, and answers who is honest."""

import itertools
import random

import pytest
from signer import OWNER, by_owner
from test_firmware_cycle import CYCLE_MS, SlowBench
from uds_bench import BenchTester, DiagnosisBench
from uds_updates import fit
from vcu_bench import identity

from protocol import lock

SERVICES = (0x10, 0x11, 0x14, 0x19, 0x22, 0x27, 0x28, 0x31, 0x34, 0x36, 0x37, 0x3E, 0x85)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    return f"{tmp_path}/"


def frames(draw, count):
    """Frames that nearly make sense: services, lengths, sequences, floods of flow control."""
    for _ in range(count):
        identifier = draw.choice((0x7E0, 0x7E0, 0x7E0, 0x7DF))
        kind = draw.randrange(6)
        body = bytes((draw.choice(SERVICES),)) + draw.randbytes(6)
        if kind < 3:
            yield identifier, bytes((draw.randrange(1, 8),)) + body
        elif kind == 3:
            size = draw.choice((0, 7, 8, 9, 100, 4095))
            yield identifier, bytes((0x10 | size >> 8, size & 0xFF)) + body[:6]
        elif kind == 4:
            yield identifier, bytes((0x20 | draw.randrange(16),)) + draw.randbytes(7)
        else:
            yield identifier, draw.randbytes(draw.randrange(9))


@pytest.mark.parametrize("seed", range(4))
def test_nonsense_neither_stops_it_nor_makes_it_do_something(folder, seed):
    bench = DiagnosisBench(folder)
    bench.updates = fit(bench.vcu)
    bench.run(1_500)
    draw = random.Random(seed)
    for frame in frames(draw, 3_000):
        bench.tester.sends.append(frame)
        if draw.random() < 0.02:
            bench.run(draw.randrange(100))
    while bench.tester.sends:
        bench.run(100)
    assert sum(cycle.missed for cycle in bench.vcu.cycles) == 0
    assert bench.updates.offset == 0 and not bench.updates.activated
    assert bench.vcu.diagnosis.left_ms(bench.now_ms) == 0 and not bench.enabled()
    assert not bench.vcu.diagnosis.desk.wants_reset(bench.now_ms + 1_000)
    assert bench.vcu.drive.lock == lock.LOCKED
    bench.run(6_000)
    bench.tester.messages = []
    assert bench.say("22f190") == "62f190" + b"tf-0001".hex()


def test_two_testers_who_mix_their_frames_get_no_wrong_answer(folder):
    bench = DiagnosisBench(folder)
    bench.run(1_500)
    # Each asks for 16 identifiers in a message of five frames; the frames alternate.
    one, other = BenchTester(), BenchTester()
    one.ask(b"\x22" + b"\xf1\x90" * 16, bench.now_ms)
    other.ask(b"\x22" + b"\xf1\x95" * 16, bench.now_ms)
    for _ in range(6):
        bench.tester.sends += one.frames(bench.now_ms)[:1] + other.frames(bench.now_ms)[:1]
        for tester in (one, other):
            tester.take(bytes.fromhex("300000cccccccccc"), bench.now_ms)
    bench.run(2_000)
    for answer in bench.tester.messages:
        assert answer[:3] in (b"\x62\xf1\x90", b"\x62\xf1\x95") or answer[0] == 0x7F
        parts = answer[1:].split(answer[1:3])
        assert len(set(parts[1:])) <= 1, "of one of the two, not of both"
    bench.run(11_000)
    assert bench.say("22f190") == "62f190" + b"tf-0001".hex()


def test_a_tester_that_takes_no_answer_holds_nothing_up(folder):
    bench = DiagnosisBench(folder)
    bench.run(1_500)
    bench.say("3e00")
    take = bench.tester.take
    bench.tester.take = lambda data, now_ms: None
    bench.tester.ask(bytes.fromhex("22f190f195f18c"), bench.now_ms)
    bench.run(1_500)
    bench.tester.take = take
    assert bench.say("3e00") == "7e00"


class BusyBench(SlowBench):
    """The clock of an STM32F405, and a tester who fills the bus."""

    def __init__(self, folder):
        self.tester = BenchTester()
        super().__init__(folder)
        own = self.gateway.frames
        self.gateway.frames = lambda now_ms: self.tester.frames(now_ms) + own(now_ms)

    def _sent(self, identifier, data):
        if identifier == 0x7E8:
            self.tester.take(data, self.now_ms)
        else:
            super()._sent(identifier, data)


def test_the_frames_keep_their_cycle_under_a_download_and_a_flood(folder):
    bench = BusyBench(folder)
    bench.updates = fit(bench.vcu)
    bench.advance(1_500)
    bench.updates.allow(bytes(32), 0)
    answered = 0

    def say(message):
        seen = len(bench.tester.messages)
        bench.tester.ask(message, bench.now_ms)
        for _ in range(200):
            bench.advance(bench.now_us // 1000 + 20)
            if bench.tester.messages[seen:] and bench.tester.messages[-1][2:3] != b"\x78":
                return bench.tester.messages[-1]
        return b""

    assert say(b"\x10\x02")[:2] == b"\x50\x02"
    size = 20 * 2_048
    assert say(bytes.fromhex("34004400000000") + size.to_bytes(4, "big"))[:1] == b"\x74"
    draw = random.Random(7)
    for number in range(1, 20):
        answered += say(bytes((0x36, number)) + bytes(2_048))[:1] == b"\x76"
        say(b"\x22" + b"\xf1\x90" * 16)
        say(b"\x19\x0a")
        if number % 5 == 0:
            bench.gateway.request(b"\x01" + by_owner(bench.gateway.challenges[-1][0], 2))
    bench.tester.sends += frames(draw, 500)
    bench.advance(bench.now_us // 1000 + 3_000)
    gaps = [after - before for before, after in itertools.pairwise(bench.sent_ms)]
    late = sum(gap > CYCLE_MS + 2 for gap in gaps)
    print(f"{len(gaps)} cycles, {late} late, longest gap {max(gaps)} ms, {answered} blocks")
    assert answered == 19 and max(gaps) <= 2 * CYCLE_MS, "more than one cycle late"
