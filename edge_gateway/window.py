"""Which records of one vehicle are on disk, and up to which one without a gap. Pure.

A vehicle sends in the order of (boot, seq) and again from its first record that is not stored.
So a gap that it leaves open in two more rounds is none: what is missing there, it does not have
(samples that died with a reset, or records that another gateway stored).
"""

from collections.abc import Iterable
from dataclasses import dataclass

# (boot, seq): the order in which a vehicle writes its records.
Name = tuple[int, int]

ROUNDS = 2


@dataclass(frozen=True)
class WindowState:
    """What is stored of a window: everything up to `high`, and the names in `ahead`."""

    high: Name | None = None
    ahead: frozenset[Name] = frozenset()


class Window:
    """Bounded: a high-water mark and the few names beyond a gap."""

    def __init__(self, state: WindowState, limit: int) -> None:
        self._high = state.high
        self._ahead = set(state.ahead)
        self._limit = limit
        self._rounds: dict[Name, int] = {}

    @property
    def high(self) -> Name | None:
        """Everything up to this one is stored: the vehicle may forget it."""
        return self._high

    @property
    def state(self) -> WindowState:
        return WindowState(self._high, frozenset(self._ahead))

    def has(self, name: Name) -> bool:
        """Whether this record is stored."""
        return name in self._ahead or (self._high is not None and name <= self._high)

    def has_room(self, name: Name) -> bool:
        """Whether its name can be kept: always so for the one that follows, which closes a gap."""
        return len(self._ahead) < self._limit or self._follows(name)

    def after(self, names: Iterable[Name], settled: Iterable[Name]) -> "Window":
        """The window once these are stored too. `settled`: nothing before them is missing."""
        new = Window(self.state, self._limit)
        new._rounds = dict(self._rounds)
        for name in names:
            new._ahead.add(name)
            # What comes late disproves the rounds that seemed to leave it out.
            new._rounds = {n: count for n, count in new._rounds.items() if n < name}
        for name in settled:
            new._settle(name)
        new._advance()
        return new

    def repeated(self, name: Name) -> bool:
        """Note that a stored record came again. True when `high` rose by that."""
        if name not in self._ahead:
            return False
        self._rounds[name] = self._rounds.get(name, 0) + 1
        if self._rounds[name] < ROUNDS:
            return False
        self._settle(name)
        self._advance()
        return True

    def _follows(self, name: Name) -> bool:
        return self._high is not None and name == (self._high[0], self._high[1] + 1)

    def _settle(self, name: Name) -> None:
        if self._high is None or name > self._high:
            self._high = name
        self._ahead = {other for other in self._ahead if other > self._high}
        self._rounds = {other: n for other, n in self._rounds.items() if other > self._high}

    def _advance(self) -> None:
        while self._high is not None and (self._high[0], self._high[1] + 1) in self._ahead:
            self._settle((self._high[0], self._high[1] + 1))
