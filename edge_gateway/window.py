"""Which records of one vehicle are on disk, and what may be called stored. Pure.

Whoever is on the bus can make a record, and only the backend can tell: a name proves nothing. So a
record is a repetition only if its very bytes were stored, marks are kept for each boot by itself,
and in doubt a record is stored again: the backend holds each (vehicle, boot, seq) once.

A vehicle sends in the order of (boot, seq) and again from its first record that is not stored.
So a gap that it leaves open in two more rounds is none: what is missing there, it does not have
(samples that died with a reset, or records that another gateway stored).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# (boot, seq): the order in which a vehicle writes its records.
Name = tuple[int, int]
# A record of a boot: its number, and `digest` of its bytes.
Mark = tuple[int, bytes]

ROUNDS = 2
# Boots with marks. A vehicle that cannot reach a gateway holds records of a handful at most.
BOOTS = 16


def digest(data: bytes) -> bytes:
    """What is kept of a record's bytes. A forger cannot aim at a record whose MAC is not out."""
    return hashlib.sha256(data).digest()[:16]


@dataclass(frozen=True)
class BootMarks:
    """What is stored of one boot."""

    # Up to this number nothing is missing, of this boot and of those before it; None: not known.
    high: int | None = None
    # The records stored last, in that order; the keys alone count.
    marks: Mapping[Mark, None] = field(default_factory=dict)


# By boot; the one that was stored into last is the last.
WindowState = Mapping[int, BootMarks]


class Window:
    """Bounded: `limit` marks for each of at most `BOOTS` boots. What is forgotten is not known."""

    def __init__(self, state: WindowState, limit: int) -> None:
        self._boots = dict(state)
        self._limit = limit
        self._rounds: dict[Name, int] = {}

    @property
    def state(self) -> WindowState:
        return dict(self._boots)

    @property
    def newest(self) -> int | None:
        """The highest boot with marks. A claim: its records may be forged."""
        return max(self._boots, default=None)

    def has(self, name: Name, mark: bytes) -> bool:
        """Whether these bytes are stored under this name."""
        boot = self._boots.get(name[0])
        return boot is not None and (name[1], mark) in boot.marks

    def variants(self, name: Name) -> int:
        """How many different records of this name are stored."""
        boot = self._boots.get(name[0], BootMarks())
        return sum(seq == name[1] for seq, _ in boot.marks)

    def stored_up_to(self, name: Name) -> Name | None:
        """What to answer to a record that is on disk: its own name, or less if some are missing.

        Never more: the vehicle sends in order, so what is up to this name has come as well, while
        what is beyond it may have been stored from a forger alone.
        """
        high = self._boots.get(name[0], BootMarks()).high
        return None if high is None else min(name, (name[0], high))

    def after(
        self,
        stored: Iterable[tuple[Name, bytes]],
        settled: Iterable[Name],
        keep: int | None = None,
    ) -> "Window":
        """The window once these are stored too. `settled`: nothing before them is missing.

        `keep` is the boot that the vehicle says it is in: it is never forgotten for others.
        """
        new = Window(self._boots, self._limit)
        new._rounds = dict(self._rounds)
        by_boot: dict[int, list[Mark]] = {}
        for (boot, seq), mark in stored:
            by_boot.setdefault(boot, []).append((seq, mark))
        for boot, marks in by_boot.items():
            new._add(boot, marks)
        for name in settled:
            new._settle(name)
        for boot in by_boot:
            new._forget_marks(boot)
        new._forget_boots(keep)
        return new

    def repeated(self, name: Name, settled: bool = False) -> bool:
        """Note that a stored record came again. True when more is called stored by that."""
        high = self._boots[name[0]].high
        if high is not None and name[1] <= high:
            return False
        self._rounds[name] = self._rounds.get(name, 0) + 1
        if not settled and self._rounds[name] < ROUNDS:
            return False
        self._settle(name)
        return True

    def _add(self, boot: int, added: list[Mark]) -> None:
        old = self._boots.pop(boot, BootMarks())
        marks = dict.fromkeys([*old.marks, *added])
        self._put(boot, old.high, marks)
        # What comes late disproves the rounds that seemed to leave it out.
        first = (boot, min(seq for seq, _ in added))
        known = {(boot, seq) for seq, _ in marks}
        self._rounds = {
            name: count
            for name, count in self._rounds.items()
            if name[0] != boot or (name < first and name in known)
        }

    def _settle(self, name: Name) -> None:
        boot = self._boots[name[0]]
        high = name[1] if boot.high is None else max(boot.high, name[1])
        self._put(name[0], high, boot.marks)

    def _put(self, boot: int, high: int | None, marks: Mapping[Mark, None]) -> None:
        if high is not None:
            seqs = {seq for seq, _ in marks}
            while high + 1 in seqs:
                high += 1
            self._rounds = {n: c for n, c in self._rounds.items() if n[0] != boot or n[1] > high}
        self._boots[boot] = BootMarks(high, marks)

    def _forget_marks(self, boot: int) -> None:
        # What was stored first. It would be stored once more if it came again.
        kept = self._boots[boot]
        if len(kept.marks) > self._limit:
            marks = dict.fromkeys(list(kept.marks)[-self._limit :])
            self._boots[boot] = BootMarks(kept.high, marks)

    def _forget_boots(self, keep: int | None) -> None:
        while len(self._boots) > BOOTS:
            del self._boots[next(boot for boot in self._boots if boot != keep)]
        self._rounds = {n: c for n, c in self._rounds.items() if n[0] in self._boots}
