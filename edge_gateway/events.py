"""What the threads tell the gateway's own thread, through one bounded queue."""

import queue
from collections import Counter
from dataclasses import dataclass

from edge_gateway.downlink import Report


@dataclass(frozen=True)
class LinkMessage:
    """A whole message of the record channel."""

    vehicle: str
    data: bytes


@dataclass(frozen=True)
class Arrived:
    """A message from the broker."""

    topic: str
    payload: bytes


@dataclass(frozen=True)
class Wake:
    """Something changed that its owner knows: look."""


Event = LinkMessage | Arrived | Report | Wake


class Inbox:
    """Bounded. What finds no room is dropped and counted: every sender repeats itself."""

    def __init__(self, limit: int) -> None:
        self._queue: queue.Queue[Event] = queue.Queue(limit)
        self.counters: Counter[str] = Counter()

    def put(self, event: Event) -> None:
        """From any thread; never waits."""
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            self.counters[f"dropped {type(event).__name__}"] += 1

    def take(self, timeout_s: float) -> list[Event]:
        """Everything that is there, after waiting for the first."""
        out: list[Event] = []
        try:
            out.append(self._queue.get(timeout=max(0.0, timeout_s)))
            while True:
                out.append(self._queue.get_nowait())
        except queue.Empty:
            return out
