"""Which statements are under way to the backend, and when one has to be sent again. Pure.

Only the backend's acknowledgement ends a flight; the broker's PUBACK says nothing about it.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass
class _Leg:
    sent_s: float
    times: int = 1


class Flight:
    """At most `limit` statements unacknowledged; each again after `first_s`, doubling."""

    def __init__(self, limit: int, first_s: float, longest_s: float) -> None:
        self._limit = limit
        self._first_s = first_s
        self._longest_s = longest_s
        self._legs: dict[int, _Leg] = {}
        self._last = -1

    @property
    def last(self) -> int:
        """The highest number that was sent since `reset`."""
        return self._last

    @property
    def room(self) -> int:
        """How many more may be sent."""
        return self._limit - len(self._legs)

    def __len__(self) -> int:
        return len(self._legs)

    def __contains__(self, seq: int) -> bool:
        return seq in self._legs

    def skip(self, seq: int) -> None:
        """Go past a number that is not for this flight."""
        self._last = max(self._last, seq)

    def sent(self, seq: int, now_s: float) -> None:
        """Sent, for the first time or again."""
        leg = self._legs.get(seq)
        if leg is None:
            self._legs[seq] = _Leg(now_s)
        else:
            leg.sent_s = now_s
            leg.times += 1
        self._last = max(self._last, seq)

    def forget(self, seq: int) -> None:
        """It is not in the outbox any more."""
        self._legs.pop(seq, None)

    def acknowledged(self, ranges: Iterable[tuple[int, int]]) -> None:
        """The backend is alive: who still waits for it waits for the short time again."""
        before = len(self._legs)
        for first, last in ranges:
            for seq in [seq for seq in self._legs if first <= seq <= last]:
                del self._legs[seq]
        if len(self._legs) < before:
            for leg in self._legs.values():
                leg.times = 1

    def due(self, now_s: float) -> list[int]:
        """What has to be sent again, in order."""
        return sorted(seq for seq, leg in self._legs.items() if self._due_s(leg) <= now_s)

    def next_due_s(self) -> float | None:
        """When `due` will name one."""
        return min((self._due_s(leg) for leg in self._legs.values()), default=None)

    def reset(self) -> None:
        """A new connection: nothing is under way, begin with the oldest."""
        self._legs.clear()
        self._last = -1

    def _due_s(self, leg: _Leg) -> float:
        wait: float = min(self._first_s * 2 ** min(leg.times - 1, 16), self._longest_s)
        return leg.sent_s + wait
