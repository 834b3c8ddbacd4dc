"""Compares the list of what was sent with the log. Pure: rows and entries in, a report out.

An entry is what the log's verified tiles hold. It is found by its own bytes, not by what the
database or an acknowledgement says about it.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from protocol import statement
from protocol.errors import DecodeError
from trifleet.load.journal import Listed

_HASH_BYTES = 32


@dataclass
class Report:
    """Counts of statements."""

    sent: int = 0
    logged: int = 0  # of those that were sent, each once
    lost: int = 0  # acknowledged or not: sent, and not in the log
    doubled: int = 0  # entries beyond the first of a statement
    altered: int = 0  # a number of ours with other bytes than were sent
    foreign: int = 0  # entries of others
    out_of_order: int = 0  # behind a later one of the same gateway; allowed, and told

    @property
    def is_clean(self) -> bool:
        """Everything is there, once, as it was sent."""
        return not (self.lost or self.doubled or self.altered)


@dataclass
class _Chain:
    """What one gateway made: hashes by number, and how often each was found."""

    hashes: bytearray = field(default_factory=bytearray)
    found: bytearray = field(default_factory=bytearray)
    made_ms: "array[int]" = field(default_factory=lambda: array("Q"))
    highest: int = -1

    def add(self, row: Listed) -> bool:
        """False where numbers do not follow each other."""
        if row.seq != len(self.found):
            return False
        self.hashes += row.hash
        self.made_ms.append(row.made_ms)
        self.found.append(0)
        return True

    def is_ours(self, seq: int, name: bytes) -> bool:
        """Are these the bytes that were sent under this number?"""
        at = seq * _HASH_BYTES
        return self.hashes[at : at + _HASH_BYTES] == name


class Audit:
    """Takes the whole list first, then the entries in the order of the log."""

    def __init__(self, names: dict[str, int]) -> None:
        """`names`: of our gateways, with the numbers that the list has for them."""
        self._numbers = names
        self._chains = {number: _Chain() for number in names.values()}
        self._report = Report()
        self._leaves = 0
        self._places, self._made_ms = array("Q"), array("Q")

    def sent(self, rows: Iterable[Listed]) -> None:
        """The list, each gateway's rows in their order. Raises ValueError for another list."""
        for row in rows:
            chain = self._chains.get(row.gateway)
            if chain is None or not chain.add(row):
                raise ValueError(f"the list names gateway {row.gateway}, seq {row.seq} out of turn")
            self._report.sent += 1

    def logged(self, entries: Iterable[bytes]) -> None:
        """Entries of the log, from where the ones before ended."""
        for entry in entries:
            self._take(entry)
            self._leaves += 1

    def made(self) -> Iterator[tuple[int, float]]:
        """(place in the log, Unix time of its making) of each statement that was found."""
        for leaf, made_ms in zip(self._places, self._made_ms, strict=True):
            yield leaf, made_ms / 1000

    def report(self) -> Report:
        """What came out so far."""
        self._report.lost = self._report.sent - self._report.logged
        return self._report

    def _take(self, entry: bytes) -> None:
        report = self._report
        try:
            made = statement.decode_unverified(entry)
        except DecodeError:
            report.foreign += 1
            return
        chain = self._chains.get(self._numbers.get(made.gateway, -1))
        if chain is None:
            report.foreign += 1
        elif made.seq >= len(chain.found) or not chain.is_ours(
            made.seq, statement.statement_hash(entry)
        ):
            report.altered += 1
        elif chain.found[made.seq]:
            report.doubled += 1
        else:
            chain.found[made.seq] = 1
            report.logged += 1
            self._places.append(self._leaves)
            self._made_ms.append(chain.made_ms[made.seq])
            report.out_of_order += made.seq < chain.highest
            chain.highest = max(chain.highest, made.seq)
