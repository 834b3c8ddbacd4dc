"""Trouble codes with their freeze frames: one document in two copies, written seldom.

A fault that came is stored with what the vehicle knew at that moment, and again when it comes in
another start. What is stored stays until a tester clears it.
"""

from protocol import cbor, fields
from protocol.errors import DecodeError
from protocol.uds_table import TROUBLES

from vcu.errors import StoreError
from vcu.flash.files import Damage
from vcu.flash.pair import Pair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PAIR = "troubles"
ROW = 7
MOST_BYTES = 2_048
FRAME_BYTES = 64
GAP_MS = 60_000  # between two writes, however many faults come
FIRST_MS = 1_000  # what comes together is written together
MOST_COUNT = 255
# The status byte, ISO 14229-1 Annex D.2; the other bits are never set, and the mask says so.
FAILED, FAILED_THIS_START, PENDING, CONFIRMED = 0x01, 0x02, 0x04, 0x08
FAILED_SINCE_CLEAR = 0x20
AVAILABLE = 0x2F
_REPORTED = 0x1_0000  # below it are the codes that a node gives itself


def number_at(row: int) -> int:
    return int.from_bytes(TROUBLES[row : row + 3], "big")


def numbers() -> "list[int]":
    """All that this vehicle can have."""
    return [number_at(row) for row in range(0, len(TROUBLES), ROW)]


def number_of(node: int, code: int) -> int:
    """The trouble code of a fault, 0 for one that has none."""
    wanted = 0 if code < _REPORTED else code
    for row in range(0, len(TROUBLES), ROW):
        fault = int.from_bytes(TROUBLES[row + 4 : row + ROW], "big")
        if TROUBLES[row + 3] == node and fault == wanted:
            return number_at(row)
    return 0


class Troubles:
    """`entries`: number -> [start in which it came last, how often it came, freeze frame]."""

    def __init__(self, folder: str, start: int, now_ms: int) -> None:
        self._pair = Pair(folder, PAIR, MOST_BYTES, Damage())
        self._start = start
        self.entries: "dict[int, list[Any]]" = {}
        self._due_ms = -1  # nothing to write
        self._free_ms = now_ms
        try:
            data = self._pair.load()
            if data is not None:
                self.entries = decode(data)
        except (StoreError, DecodeError):
            pass  # as if it had been cleared

    def saw(self, node: int, code: int, frame: bytes, now_ms: int) -> None:
        """A fault came. The freeze frame is the newest."""
        number = number_of(node, code)
        if not number:
            return
        before = self.entries.get(number)
        count = before[1] if before else 0
        self.entries[number] = [self._start, min(count + 1, MOST_COUNT), frame]
        if self._due_ms < 0 and not (before and before[0] == self._start):
            self._due_ms = max(now_ms + FIRST_MS, self._free_ms)

    def is_due(self, now_ms: int) -> bool:
        return 0 <= self._due_ms <= now_ms

    def write(self, now_ms: int) -> None:
        """What is due. A flash that fails is tried again: it is reported elsewhere."""
        self._free_ms = now_ms + GAP_MS
        self._due_ms = -1
        try:
            self._pair.save(encode(self.entries))
        except OSError:
            self._due_ms = self._free_ms

    def clear(self, number: "int | None", now_ms: int) -> None:
        """One, or with None all. On return it is gone from flash, too. Raises OSError; then all are
        as they were."""
        kept = {}
        if number is not None:
            kept = {each: self.entries[each] for each in self.entries if each != number}
        self._pair.save(encode(kept))
        self.entries = kept
        self._free_ms = now_ms

    def status(self, number: int, is_present: bool) -> int:
        """The status byte."""
        out = FAILED | FAILED_THIS_START if is_present else 0
        entry = self.entries.get(number)
        if entry:
            out |= CONFIRMED | FAILED_SINCE_CLEAR
            if entry[0] == self._start:
                out |= FAILED_THIS_START
            if self._start - entry[0] <= 1:
                out |= PENDING
        return out

    def starts_since(self, number: int) -> int:
        return min(self._start - self.entries[number][0], MOST_COUNT)


def encode(entries: "dict[int, list[Any]]") -> bytes:
    rows = [[number] + entries[number] for number in sorted(entries)]
    return cbor.encode({0: fields.VERSION, 1: rows})


def decode(data: bytes) -> "dict[int, list[Any]]":
    """Raises DecodeError. What the table has no longer is left out."""
    value = fields.map_of(cbor.decode(data), "troubles", range(2))
    fields.version(value[0], "troubles.version")
    known = numbers()
    out: "dict[int, list[Any]]" = {}
    for row in fields.array(value[1], "troubles.rows"):
        number, start, count, frame = fields.array(row, "troubles.row", 4)
        fields.uint(number, "troubles.number", 0xFFFFFF)
        fields.uint(start, "troubles.start", fields.MAX_TIME)
        fields.uint(count, "troubles.count", MOST_COUNT)
        if len(fields.octets(frame, "troubles.frame")) > FRAME_BYTES:
            raise DecodeError("field", "troubles.frame")
        if number in known:
            out[number] = [start, count, frame]
    return out
