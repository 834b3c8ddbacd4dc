"""The wire without threads: who wins, when a frame ends, faults, error counting, queue limits."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.errors import BusError
from hw.virtual_bus.faults import Faults
from hw.virtual_bus.frame import ERROR_FRAME_BITS, INTERFRAME_BITS, Frame, frame_bits
from hw.virtual_bus.wire import Delivery, Node, Wire

BITRATE = 500_000
BIT_NS = 2000
FOR_EVER = 10**12


class Bench:
    """A wire with its faults, counters and two senders."""

    def __init__(self, limit: int = 100) -> None:
        self.faults = Faults()
        self.counters: Counter[str] = Counter()
        self.wire = Wire(BITRATE, self.faults, self.counters, limit)
        self.one, self.other = Node(BITRATE), Node(BITRATE)

    def run(self, *frames: Frame, sender: Node | None = None) -> list[Delivery]:
        for frame in frames:
            self.wire.submit(sender or self.one, frame)
        self.wire.begin(0)
        return self.wire.advance(FOR_EVER)


def test_the_lowest_identifier_that_waits_is_next() -> None:
    bench = Bench()
    bench.wire.submit(bench.one, Frame(0x400))
    bench.wire.submit(bench.other, Frame(0x100))
    bench.wire.begin(0)
    bench.wire.submit(bench.one, Frame(0x050))  # too late for the first, before all others
    bench.wire.submit(bench.other, Frame(0x300))
    order = [delivery.frame.identifier for delivery in bench.wire.advance(FOR_EVER)]
    assert order == [0x100, 0x050, 0x300, 0x400]


def test_data_wins_over_remote_and_11_over_29_bits() -> None:
    frames = [Frame(0x123 << 18, b"", True), Frame(0x123, b"", False, 2), Frame(0x123, b"\1")]
    assert [delivery.frame for delivery in Bench().run(*frames)] == frames[::-1]


def test_frames_of_one_identifier_keep_their_order() -> None:
    frames = [Frame(0x500, bytes([n])) for n in range(40)]
    assert [delivery.frame for delivery in Bench().run(*frames)] == frames


@given(st.lists(st.integers(0, 0x7FF), max_size=30))
def test_nothing_is_lost_and_the_order_is_that_of_the_identifiers(identifiers: list[int]) -> None:
    done = Bench().run(*(Frame(identifier) for identifier in identifiers))
    assert [delivery.frame.identifier for delivery in done] == sorted(identifiers)


def test_frames_follow_each_other_after_the_interframe_space() -> None:
    frames = [Frame(0x100, bytes(8)), Frame(0x200, b"\xaa" * 8)]
    first, second = Bench().run(*frames)
    assert first.time_ns == frame_bits(frames[0]) * BIT_NS
    gap = second.time_ns - first.time_ns
    assert gap == (INTERFRAME_BITS + frame_bits(frames[1])) * BIT_NS


def test_a_frame_is_not_received_before_its_last_bit() -> None:
    bench = Bench()
    bench.wire.submit(bench.one, Frame(1))
    bench.wire.begin(1000)
    end_ns = bench.wire.next_ns
    assert end_ns == 1000 + frame_bits(Frame(1)) * BIT_NS
    assert bench.wire.advance(end_ns - 1) == []
    assert len(bench.wire.advance(end_ns)) == 1
    assert bench.wire.next_ns is None


def test_a_late_look_changes_nothing() -> None:
    frames = [Frame(n, bytes(8)) for n in range(5)]
    late, early = Bench(), Bench()
    expected = late.run(*frames)
    for frame in frames:
        early.wire.submit(early.one, frame)
    early.wire.begin(0)
    seen = [d for now in range(0, 3_000_000, 7000) for d in early.wire.advance(now)]
    assert [d.time_ns for d in seen] == [d.time_ns for d in expected]


def test_a_dropped_frame_is_lost_unnoticed() -> None:
    bench = Bench()
    bench.faults.add("drop", lambda frame: frame.identifier == 1)
    assert [d.frame.identifier for d in bench.run(Frame(1), Frame(2))] == [2]
    assert bench.counters["drop"] == 1
    assert bench.one.error_count == 0


def test_a_corrupted_frame_is_an_error_of_its_sender() -> None:
    bench = Bench()
    fault = bench.faults.add("corrupt", count=1)
    done = bench.run(Frame(1), Frame(2))
    assert [d.frame.identifier for d in done] == [2]
    assert (bench.counters["errors"], bench.one.error_count, fault.hits) == (1, 7, 1)
    length = frame_bits(Frame(1)) + ERROR_FRAME_BITS + INTERFRAME_BITS + frame_bits(Frame(2))
    assert done[0].time_ns == length * BIT_NS


def test_flip_changes_exactly_one_data_bit() -> None:
    bench = Bench()
    bench.faults.add("flip", seed=3)
    (delivery,) = bench.run(Frame(1, bytes(8)))
    assert int.from_bytes(delivery.frame.data, "big").bit_count() == 1


def test_probability_is_seeded_and_a_removed_fault_is_gone() -> None:
    def survivors(seed: int) -> list[int]:
        bench = Bench()
        fault = bench.faults.add("drop", probability=0.5, seed=seed)
        kept = [d.frame.identifier for d in bench.run(*(Frame(n) for n in range(100)))]
        fault.remove()
        fault.remove()
        assert len(bench.run(*(Frame(n) for n in range(10)))) == 10
        return kept

    assert survivors(1) == survivors(1)
    assert survivors(1) != survivors(2)
    assert 20 < len(survivors(1)) < 80


def test_faults_that_are_none_are_refused() -> None:
    with pytest.raises(BusError, match="probability"):
        Faults().add("drop", probability=1.5)
    with pytest.raises(BusError, match="none of"):
        Faults().add("explode")  # type: ignore[arg-type]


def test_32_errors_take_the_sender_off_the_bus_and_only_it() -> None:
    bench = Bench()
    bench.faults.add("corrupt", count=32)
    assert bench.run(*(Frame(n) for n in range(40))) == []
    assert bench.one.bus_off
    assert bench.counters["bus-off"] == 1
    assert bench.one.waiting == 0
    with pytest.raises(BusError, match="bus-off"):
        bench.wire.submit(bench.one, Frame(1))
    assert len(bench.run(Frame(1), sender=bench.other)) == 1
    bench.one.error_count = 0
    assert len(bench.run(Frame(1))) == 1


def test_another_bit_rate_only_makes_errors() -> None:
    bench = Bench()
    assert bench.run(Frame(1), sender=Node(250_000)) == []
    assert bench.counters["errors"] == 1


def test_a_sender_s_queue_is_bounded() -> None:
    bench = Bench(limit=3)
    for n in range(3):
        bench.wire.submit(bench.one, Frame(n))
    with pytest.raises(BusError, match="transmit-queue-full"):
        bench.wire.submit(bench.one, Frame(9))
    bench.wire.submit(bench.other, Frame(9))
    bench.wire.begin(0)
    assert len(bench.wire.advance(FOR_EVER)) == 4
    bench.wire.submit(bench.one, Frame(9))
