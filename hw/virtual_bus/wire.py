"""The wire: one frame at a time, the lowest identifier first, each for as long as its bits take.

Pure: time comes in as nanoseconds, deliveries come out as a list. Refuses frames of a node that is
bus-off or that already has too many waiting. Unlike a real wire it needs no second node to
acknowledge, and it does not repeat a frame that a fault destroyed.
"""

from collections import Counter
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple

from hw.errors import BusError
from hw.virtual_bus.faults import Faults, Kind
from hw.virtual_bus.frame import (
    ERROR_FRAME_BITS,
    INTERFRAME_BITS,
    Frame,
    arbitration_rank,
    frame_bits,
)

NS = 1_000_000_000
# ISO 11898-1: an error costs the sender 8, a success gives 1 back, above 255 it is bus-off.
ERROR_COST = 8
BUS_OFF_ABOVE = 255


@dataclass(eq=False)
class Node:
    """What the wire knows of a sender."""

    bitrate: int
    waiting: int = 0
    error_count: int = 0

    @property
    def bus_off(self) -> bool:
        return self.error_count > BUS_OFF_ABOVE


class Delivery(NamedTuple):
    """A frame that was received whole, at the end of its last bit."""

    time_ns: int
    sender: Node
    frame: Frame


class _Flight(NamedTuple):
    end_ns: int
    sender: Node
    frame: Frame
    kind: Kind | None


class Wire:
    """Arbitration among the frames that wait, and the time that the winner takes."""

    def __init__(self, bitrate: int, faults: Faults, counters: Counter[str], limit: int) -> None:
        self.bitrate = bitrate
        self._faults = faults
        self._counters = counters
        self._limit = limit
        self._waiting: list[tuple[int, int, Node, Frame]] = []
        self._sequence = 0
        self._flight: _Flight | None = None
        self._free_ns = 0

    @property
    def next_ns(self) -> int | None:
        """When the frame on the wire ends; None while the wire is idle."""
        return self._flight.end_ns if self._flight else None

    def submit(self, sender: Node, frame: Frame) -> None:
        """Lets a frame wait for the bus; frames of equal rank keep their order. Raises BusError."""
        if sender.bus_off:
            raise BusError("bus-off")
        if sender.waiting >= self._limit:
            raise BusError("transmit-queue-full")
        sender.waiting += 1
        self._sequence += 1
        heappush(self._waiting, (arbitration_rank(frame), self._sequence, sender, frame))

    def forget(self, sender: Node) -> None:
        """Takes back what a node has waiting: it left, or went bus-off."""
        self._waiting = [entry for entry in self._waiting if entry[2] is not sender]
        self._waiting.sort()
        sender.waiting = 0

    def advance(self, now_ns: int) -> list[Delivery]:
        """Everything that was received until now. Frames that waited follow without a gap."""
        done: list[Delivery] = []
        while self._flight and self._flight.end_ns <= now_ns:
            flight, self._flight = self._flight, None
            self._land(flight, done)
            self._start(self._free_ns)
        return done

    def begin(self, now_ns: int) -> None:
        """Starts the winner if the wire is idle; call when all arrivals of `now_ns` are in."""
        if self._flight is None:
            self._start(max(now_ns, self._free_ns))

    def _start(self, start_ns: int) -> None:
        if not self._waiting:
            return
        _, _, sender, frame = heappop(self._waiting)
        kind, frame = self._faults.outcome(frame)
        if sender.bitrate != self.bitrate:
            kind = "corrupt"
        bits = frame_bits(frame) + (ERROR_FRAME_BITS if kind == "corrupt" else 0)
        self._counters["bits"] += bits + INTERFRAME_BITS
        end_ns = start_ns + bits * NS // self.bitrate
        self._free_ns = end_ns + INTERFRAME_BITS * NS // self.bitrate
        self._flight = _Flight(end_ns, sender, frame, kind)

    def _land(self, flight: _Flight, done: list[Delivery]) -> None:
        sender = flight.sender
        sender.waiting = max(0, sender.waiting - 1)
        if flight.kind == "corrupt":
            self._fail(sender)
            return
        sender.error_count = max(0, sender.error_count - 1)
        self._counters["frames"] += 1
        if flight.kind is not None:
            self._counters[flight.kind] += 1
        if flight.kind != "drop":
            done.append(Delivery(flight.end_ns, sender, flight.frame))

    def _fail(self, sender: Node) -> None:
        self._counters["errors"] += 1
        sender.error_count += ERROR_COST
        if sender.bus_off:
            self._counters["bus-off"] += 1
            self.forget(sender)
