"""What the other nodes last said, by the table, and whether it is still fresh.

A frame counts only with the right length, CRC and limits, an alive counter that moved, and not much
faster than the table says: a node that repeats itself goes stale. `take`, `is_fresh` and `value`
allocate nothing.
"""

# A function whose variables and operands exceed eleven words gets memory for each call in
# MicroPython. What runs in the cycle stays below.

from array import array

from protocol import can
from protocol.can import RIGHT, WRONG_CRC, WRONG_LENGTH, check
from protocol.can_rows import NO_ALIVE, ROW
from protocol.can_table import MESSAGES

from vcu.can.policy import MASK, elapsed

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from vcu.can.shape import Data

# One text, because each name of a tuple costs memory.
RECEIVED = (
    "MC_Status1 MC_Status2 BMS_Pack BMS_Cells BMS_Temp CHG_Status HMI_Inputs HMI_Keys "
    "GNSS_Position GNSS_Status "
    "MC_Heartbeat BMS_Heartbeat CHG_Heartbeat HMI_Heartbeat GNSS_Heartbeat GW_Heartbeat"
)
_NO_SLOT = 255
_UNKNOWN = 255
_NEVER, _FRESH, _STALE = range(3)


class Signals:
    """The latest frame of each received message, as its 8 bytes. Times are in milliseconds."""

    def __init__(self) -> None:
        names = RECEIVED.split()
        count = len(names)
        self._slots = bytearray([_NO_SLOT] * len(MESSAGES))
        self._rows = array("H", [MESSAGES.row(name) for name in names])
        # Of the table, where the cycle needs it: timeout, half a period, first bit of the counter.
        self._timeout_ms = array("H", [can.timeout_ms(row) for row in self._rows])
        self._half_ms = array("H", [can.cycle_ms(row) // 2 for row in self._rows])
        self._alive_at = bytearray([can.alive_start(row) for row in self._rows])
        for slot in range(count):
            self._slots[self._rows[slot] // ROW] = slot
        self._frames = bytearray(8 * count)
        self._at_ms = array("I", [0] * count)
        self._state = bytearray(count)
        self._alive = bytearray([_UNKNOWN] * count)
        self._ahead_ms = array("H", [0] * count)
        self._seen_ms = array("I", [0] * count)
        self._next = 0
        self.wrong_length = 0
        self.wrong_crc = 0
        self.wrong_range = 0
        self.repeated = 0
        self.skipped = 0
        self.too_fast = 0

    def take(self, row: int, data: "Data", length: int, at_ms: int) -> int:
        """A frame of the table's row. Its slot if it was good and new, else -1."""
        slot = self._slots[row // ROW]
        if slot == _NO_SLOT:
            return -1
        found = check(row, data, length)
        if found == WRONG_LENGTH:
            self.wrong_length += 1
        elif found == WRONG_CRC:
            self.wrong_crc += 1
        elif self._moved(slot, data) and self._keeps_pace(slot, at_ms):
            if found == RIGHT:
                self._at_ms[slot] = at_ms & MASK
                self._store(slot, data)
                return slot
            self.wrong_range += 1
        return -1

    def _store(self, slot: int, data: "Data") -> None:
        self._frames[8 * slot : 8 * slot + 8] = data
        self._state[slot] = _FRESH

    def _moved(self, slot: int, data: "Data") -> bool:
        start = self._alive_at[slot]
        if start == NO_ALIVE:
            return True
        alive = data[start >> 3] >> (start & 7) & 15
        last = self._alive[slot]
        self._alive[slot] = alive
        if alive == last:
            self.repeated += 1
            return False
        if last != _UNKNOWN and alive != (last + 1) & 15:
            self.skipped += 1
        return True

    def _keeps_pace(self, slot: int, at_ms: int) -> bool:
        # Each frame costs half a period and time pays it back: twice the rate for ever, and some
        # frames at once after a pause, because a bus delays.
        half_ms = self._half_ms[slot]
        ahead_ms = self._ahead_ms[slot]
        if ahead_ms:
            ahead_ms -= elapsed(at_ms, self._seen_ms[slot])
            if ahead_ms < 0:
                ahead_ms = 0
        self._seen_ms[slot] = at_ms & MASK
        if ahead_ms > 4 * half_ms:
            self._ahead_ms[slot] = ahead_ms
            self.too_fast += 1
            return False
        self._ahead_ms[slot] = ahead_ms + half_ms
        return True

    def tick(self, now_ms: int) -> None:
        """Must come to every slot within three days, or an old frame would look young again."""
        self.is_fresh(self._next, now_ms)
        self._next = (self._next + 1) % len(self._state)

    def is_fresh(self, slot: int, now_ms: int) -> bool:
        """Not as old yet as the receiver's timeout in the table."""
        if self._state[slot] != _FRESH:
            return False
        if elapsed(now_ms, self._at_ms[slot]) >= self._timeout_ms[slot]:
            self._state[slot] = _STALE
            self._ahead_ms[slot] = 0  # long paid back, and days later nobody could say when
            return False
        return True

    def value(self, handle: int) -> int:
        """A signal of the latest frame, fresh or not; 0 before there was one."""
        return can.value(self._frames, handle)

    # --- by name: at start, and where there is time ---

    def slot(self, name: str) -> int:
        """For `is_fresh`, and what `take` returns. Raises KeyError for what is not received."""
        slot = self._slots[MESSAGES.row(name) // ROW]
        if slot == _NO_SLOT:
            raise KeyError(name)
        return slot

    def handle(self, name: str, signal: str) -> int:
        """For `value`."""
        return can.handle(name, signal) + 64 * self.slot(name)

    def fresh(self, name: str, now_ms: int) -> "dict[str, int] | None":
        """The signals, or None once they are stale."""
        slot = self.slot(name)
        if not self.is_fresh(slot, now_ms):
            return None
        return can.read(self._rows[slot], self._frames, 64 * slot)

    def heard(self, name: str) -> bool:
        """Was it ever received?"""
        return self._state[self.slot(name)] != _NEVER

    def identifiers(self) -> "list[int]":
        return [can.identifier_of(row) for row in self._rows]
