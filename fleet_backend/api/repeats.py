"""When a command goes out again: the broker took it, and no gateway has said that it delivered it.

A broker may lose what it took: its store was emptied, or the gateway begins a new session. The
gateway decides on each command once, so a copy delivers nothing twice.
"""

from collections.abc import Iterable
from typing import NamedTuple

from fleet_backend.fleet.commands import CommandRow

# A gateway that was started again answers a copy of what it had under way with `silent`: by then
# the vehicle's own record should have come.
FIRST_S = 4.0
LONGEST_S = 16.0


class _Next(NamedTuple):
    at_s: float
    wait_s: float


class Repeats:
    """Remembers for each command in the state `sent` when it is due: waits that double."""

    def __init__(self) -> None:
        self._next: dict[bytes, _Next] = {}

    def due(self, sent: Iterable[CommandRow], now_s: float) -> list[CommandRow]:
        """Which of all that are `sent` to publish now, on a clock that nobody sets."""
        before, self._next = self._next, {}
        found = []
        for row in sent:
            planned = before.get(row.id) or _Next(now_s + FIRST_S, FIRST_S)
            if now_s >= planned.at_s:
                found.append(row)
                wait_s = min(2 * planned.wait_s, LONGEST_S)
                planned = _Next(now_s + wait_s, wait_s)
            self._next[row.id] = planned
        return found
