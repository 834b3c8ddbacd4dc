"""Delivery tags that the broker waits for, and how few words tell it of those that are done. Pure.

A tag names its connection in the upper bits, so that one of an earlier connection is never taken
for the delivery that has its number now.
"""

from collections.abc import Iterable

_BITS = 48


class Deliveries:
    """Of one channel at a time."""

    def __init__(self) -> None:
        self._connection = 0
        self._open: dict[int, None] = {}  # in the order of arrival

    def begin(self) -> None:
        """A new channel: nothing is open on it."""
        self._connection += 1
        self._open.clear()

    def tag(self, delivery: int) -> int:
        """Our own name of a delivery that came now; deliveries are numbered upwards."""
        self._open[delivery] = None
        return self._connection << _BITS | delivery

    def done(self, tags: Iterable[int]) -> tuple[int | None, list[int]]:
        """(acknowledge all up to this delivery, and these ones singly)."""
        named = {tag & (1 << _BITS) - 1 for tag in tags if tag >> _BITS == self._connection}
        ready = named & self._open.keys()
        up_to = None
        for delivery in self._open:
            if delivery not in ready:
                break
            up_to = delivery
        for delivery in ready:
            del self._open[delivery]
        singly = sorted(one for one in ready if up_to is None or one > up_to)
        return up_to, singly

    def __len__(self) -> int:
        return len(self._open)
