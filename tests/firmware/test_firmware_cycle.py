"""The 20 ms frames are never more than a cycle late, whatever else the vehicle does at once.

Time is an STM32F405's: each piece of work moves the clock by what it costs there, as counted in
tests/bench/budgets.json; a garbage collection takes 10 ms. Waiting takes none but the wait's own.
"""

import itertools
import json
from pathlib import Path

import pytest
from signer import OWNER, by_owner, by_rider
from vcu.loop import Loop
from vcu_bench import Bench, identity

from protocol import command, link, record

ROOT = Path(__file__).resolve().parents[2]
BUDGETS = json.loads((ROOT / "tests/bench/budgets.json").read_text())
CYCLE_MS = 20
COLLECT_US = 10_000


def cost_us(case):
    """Of a counted case on the F405: 1e-5 ms an instruction."""
    return BUDGETS[case]["instructions"] // 100


SQUARE_US = max(cost_us(case) for case in BUDGETS if case.startswith("piece_"))
RECEIVE_US = 500  # a frame: interrupt, CRC, counter (50,000 instructions)
SEND_US = 950  # a cyclic frame, packed and sealed (95,000)
CHANNEL_US = 150  # a frame of ISO-TP
TURN_US = 200  # looking whether there is something to do


class SlowVcu:
    """The vehicle controller on a processor for which each piece of work takes its time."""

    def __init__(self, bench):
        self._bench = bench
        self._vcu = bench.vcu
        for name in ("next_deadline_ms", "has_work"):
            setattr(self, name, getattr(bench.vcu, name))

    def receive(self, now_ms):
        before = self._vcu.bus.frame.received
        self._vcu.receive(now_ms)
        frames = self._vcu.bus.frame.received - before
        self._bench.spend(TURN_US + frames * RECEIVE_US)

    def cyclic(self, now_ms):
        due = sum(now_ms >= cycle.due_ms for cycle in self._vcu.cycles)
        before = self._vcu.outbox._seq
        self._vcu.cyclic(now_ms)
        self._bench.spend(due * SEND_US + (due > 0) * cost_us("safety_step"))
        self._sealed(before)

    def transmit(self, now_ms):
        busy = self._vcu.transmit(now_ms)
        self._bench.spend(4 * CHANNEL_US if busy else 0)
        return busy

    def housekeeping(self, now_ms):
        before = self._vcu.outbox._seq
        self._vcu.housekeeping(now_ms)
        self._sealed(before)

    def work(self, now_ms):
        before = self._vcu.outbox._seq
        self._vcu.work(now_ms)
        self._bench.spend(SQUARE_US)
        self._sealed(before)

    def _sealed(self, before):
        self._bench.spend((self._vcu.outbox._seq - before) * cost_us("seal_record"))


class SlowBench(Bench):
    """A bench whose clock moves with the work. The world around lives in its milliseconds."""

    def __init__(self, folder):
        super().__init__(folder)
        self.now_us = 0
        self.collected = 0
        self.loop = Loop(SlowVcu(self), self._now, self._sleep, self._collect, self._nothing)
        self.sent_ms = []
        self.wire = []

    def spend(self, us):
        self.now_us += us

    def advance(self, until_ms):
        """The world goes on until the clock of the vehicle; then the loop has its turn."""
        while self.now_us < until_ms * 1000:
            self.catch_up()
            self.loop.turn()

    def catch_up(self):
        while self.now_ms < self.now_us // 1000:
            self.now_ms += 1
            for identifier, data, _ in self.board.can.leave():
                self._sent(identifier, data)
                if identifier == 0x050:
                    self.sent_ms.append(self.now_ms)
            for name in self.nodes:
                frame = self.nodes[name].frame(self.now_ms)
                if frame:
                    self.board.can.deliver(*frame)
            self.wire = self.wire or self.gateway.frames(self.now_ms)
            for frame in self.wire[:2]:  # a bus carries four in 1 ms
                self.board.can.deliver(*frame)
            self.wire = self.wire[2:]

    def _now(self):
        return self.now_us // 1000

    def _sleep(self, ms):
        self.now_us += 1_000 * min(ms, 1)  # what comes on the bus ends a wait

    def _collect(self):
        self.collected += 1
        self.now_us += COLLECT_US


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    made = SlowBench(f"{tmp_path}/")
    made.advance(1_500)
    return made


def test_the_frames_keep_their_cycle_under_everything_at_once(bench):
    """Presentations without a pause, telemetry, and a download of 4,000-byte messages."""
    checked = 0
    for number in range(40):
        challenge = bench.gateway.challenges[-1][0]
        action = command.UNLOCK if number % 2 == 0 else command.LOCK
        asked = by_owner(challenge, action) if number % 3 else by_rider(challenge, action)
        bench.gateway.request(link.pack(link.PRESENTATION, asked))
        # What a tool sends while it writes to the vehicle: refused, but it has to be received.
        bench.gateway.request(link.pack(99, bytes(4_000)))
        end_ms = bench.now_us // 1000 + 1_000
        bench.advance(end_ms)
    answered = [m for m in bench.gateway.records if m.kind in (record.ANSWER, record.REFUSAL)]
    checked = sum(m.kind == record.ANSWER for m in answered)
    gaps = [after - before for before, after in itertools.pairwise(bench.sent_ms)]
    late = sum(gap > CYCLE_MS + 2 for gap in gaps)
    print(f"{len(gaps)} cycles, {late} late, longest gap {max(gaps)} ms, {checked} commands done,")
    print(f"{bench.collected} collections")
    assert max(gaps) <= 2 * CYCLE_MS, "more than one cycle late"
    assert checked >= 10 and bench.collected > 50
    assert any(m.kind == record.TELEMETRY for m in bench.gateway.records)


def test_work_in_one_piece_would_be_noticed(bench, monkeypatch):
    """The bench can fail: a check that does not yield delays the frames by more than a cycle."""
    monkeypatch.setattr("test_firmware_cycle.SQUARE_US", 300_000)
    challenge = bench.gateway.challenges[-1][0]
    bench.gateway.request(link.pack(link.PRESENTATION, by_owner(challenge)))
    bench.advance(bench.now_us // 1000 + 2_000)
    gaps = [after - before for before, after in itertools.pairwise(bench.sent_ms)]
    assert max(gaps) > 2 * CYCLE_MS
