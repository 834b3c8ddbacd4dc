"""Received frames, between the interrupt that stores them and the loop that takes them.

Neither side allocates, and neither waits for the other: one writes `_head`, the other `_tail`.
"""

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vcu.can.shape import Device

# A power of two: 32 ms of a full bus, while the loop stands still.
SLOTS = 128
# identifier 2, length 1, nothing 1, arrival 2, data 8
_SLOT = 14
# An interrupt must not allocate, so its counters wrap before they need memory.
_MOST = 0x1FFF_FFFF


class Ring:
    """`fill` is the handler of the interrupt. `take` leaves the oldest frame in the attributes."""

    def __init__(self, can: "Device", ticks_ms: "Callable[[], int]", slots: int = SLOTS) -> None:
        self._bytes = bytearray(slots * _SLOT)
        self._mask = slots - 1
        self._head = 0
        self._tail = 0
        self._ticks_ms = ticks_ms
        self._remote = can.FLAG_RTR
        self._unwanted = can.FLAG_RTR | can.FLAG_EXT_ID
        self._frame: "list[int | memoryview]" = [0, memoryview(bytearray(8)), 0, 0]
        self.overflows = 0
        self.remotes = 0
        self.extended = 0
        self.received = 0
        self.identifier = 0
        self.length = 0
        self.age_ms = 0  # how long ago it arrived, modulo 2^16
        self.data = bytearray(8)

    def fill(self, can: "Device") -> None:
        """Empties the controller. A frame that finds no room is taken as well, or the controller
        would not interrupt again; it is counted."""
        frame = self._frame
        while can.recv(frame) is not None:
            if frame[2] & self._unwanted:  # type: ignore[operator]
                self._count_unwanted(frame[2] & self._remote)  # type: ignore[operator]
            else:
                self._put(frame[0], frame[1])  # type: ignore[arg-type]

    def _put(self, identifier: int, data: memoryview) -> None:
        self.received = self.received + 1 & _MOST
        after = (self._head + 1) & self._mask
        if after == self._tail:
            self.overflows = self.overflows + 1 & _MOST
            return
        _write(self._bytes, self._head * _SLOT, identifier, data, self._ticks_ms())
        self._head = after  # last: from here on the frame may be taken

    def _count_unwanted(self, remote: int) -> None:
        # The table has neither; they are not worth a slot.
        self.received = self.received + 1 & _MOST
        if remote:
            self.remotes = self.remotes + 1 & _MOST
        else:
            self.extended = self.extended + 1 & _MOST

    def take(self) -> bool:
        tail = self._tail
        if tail == self._head:
            return False
        at = tail * _SLOT
        slot = self._bytes
        self.identifier = slot[at] | slot[at + 1] << 8
        self.length = slot[at + 2]
        self.age_ms = (self._ticks_ms() - (slot[at + 4] | slot[at + 5] << 8)) & 0xFFFF
        data = self.data
        for i in range(8):
            data[i] = slot[at + 6 + i]
        self._tail = (tail + 1) & self._mask
        return True


# In a function of its own, for the sake of its size: see vcu/can/signals.py.
def _write(slot: bytearray, at: int, identifier: int, data: memoryview, now_ms: int) -> None:
    slot[at] = identifier & 0xFF
    slot[at + 1] = identifier >> 8
    slot[at + 2] = len(data)
    slot[at + 4] = now_ms & 0xFF
    slot[at + 5] = now_ms >> 8 & 0xFF
    slot[at + 6 : at + 6 + len(data)] = data
