"""What the threads tell the gateway's own thread, through one inbox with a queue for each of them.

A bus that is flooded fills its own queue and waits for its turn with the others.
"""

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass

from edge_gateway.downlink import Report

# What one source gets handled before the others have their turn.
_SHARE = 64


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
    """`limit` events of each source. What finds no room is dropped and counted: every sender
    repeats itself.
    """

    def __init__(self, limit: int) -> None:
        self.counters: Counter[str] = Counter()
        self._limit = limit
        self._queues: dict[str, deque[Event]] = {}
        self._filled = threading.Condition()

    def put(self, event: Event) -> None:
        """From any thread; never waits."""
        with self._filled:
            waiting = self._queues.setdefault(_source(event), deque())
            if len(waiting) >= self._limit:
                self.counters[f"dropped {type(event).__name__}"] += 1
                return
            waiting.append(event)
            self._filled.notify()

    def take(self, timeout_s: float) -> list[Event]:
        """A share of what each source has, after waiting for the first."""
        end = time.monotonic() + max(0.0, timeout_s)
        with self._filled:
            while not any(self._queues.values()):
                left = end - time.monotonic()
                if left <= 0:
                    return []
                self._filled.wait(left)
            out: list[Event] = []
            for waiting in self._queues.values():
                out += [waiting.popleft() for _ in range(min(_SHARE, len(waiting)))]
            return out


def _source(event: Event) -> str:
    # A vehicle's name has no capital.
    return event.vehicle if isinstance(event, LinkMessage) else type(event).__name__
