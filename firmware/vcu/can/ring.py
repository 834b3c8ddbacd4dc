"""Received frames, between the interrupt that stores them and the loop that takes them.

Neither side allocates, and neither waits for the other: one writes `_head`, the other `_tail`.
"""

from array import array

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vcu.can.shape import Arg, Device

# A power of two. What passes the filters in 15 ms are a block of each ISO-TP channel, 16 and 24
# frames, and a few cyclic ones.
SLOTS = 64
# An interrupt must not allocate, so its counters wrap before they need memory.
_MOST = 0x1FFF_FFFF


class Ring:
    """`fill` is the handler of the interrupt. `take` leaves the oldest frame in the attributes.

    Nothing is copied twice: the slot that was taken last belongs to the loop until the next `take`.
    """

    def __init__(self, can: "Device", ticks_ms: "Callable[[], int]", slots: int = SLOTS) -> None:
        self._ticks_ms = ticks_ms
        self._remote = can.FLAG_RTR
        self._unwanted = can.FLAG_RTR | can.FLAG_EXT_ID
        self._frame: "Arg" = [0, memoryview(bytearray(8)), 0, 0]
        self._bytes = bytearray(8 * slots)
        space = memoryview(self._bytes)
        self._views = [space[8 * i : 8 * i + 8] for i in range(slots)]
        self._identifiers = array("H", [0] * slots)
        self._arrived = array("H", [0] * slots)
        self._lengths = bytearray(slots)
        self._mask = slots - 1
        self._head = 0
        self._tail = slots - 1
        self.overflows = 0
        self.remotes = 0
        self.extended = 0
        self.received = 0  # that the loop took
        self.identifier = 0
        self.length = 0
        self.age_ms = 0  # how long ago it arrived, modulo 2^16
        self.data = self._views[0]  # always 8 bytes

    def fill(self, can: "Device") -> None:
        """Empties the controller. A frame that finds no room is taken as well, or the controller
        would not interrupt again; it is counted."""
        frame = self._frame
        while can.recv(frame) is not None:
            if frame[2] & self._unwanted:  # type: ignore[operator]
                self._count_unwanted(frame[2] & self._remote)  # type: ignore[operator]
                continue
            head = self._head
            if (head + 1) & self._mask == self._tail:
                self.overflows = self.overflows + 1 & _MOST
                continue
            self._identifiers[head] = frame[0]  # type: ignore[assignment]
            self._arrived[head] = self._ticks_ms() & 0xFFFF
            self._lengths[head] = len(frame[1])  # type: ignore[arg-type]
            self._bytes[8 * head : 8 * head + len(frame[1])] = frame[1]  # type: ignore
            self._head = (head + 1) & self._mask  # last: from here on it may be taken

    def _count_unwanted(self, remote: int) -> None:
        # The table has neither; they are not worth a slot.
        if remote:
            self.remotes = self.remotes + 1 & _MOST
        else:
            self.extended = self.extended + 1 & _MOST

    def take(self) -> bool:
        tail = (self._tail + 1) & self._mask
        if tail == self._head:
            return False
        self._tail = tail
        self.received += 1
        self.identifier = self._identifiers[tail]
        self.data = self._views[tail]
        self.length = self._lengths[tail]
        self.age_ms = (self._ticks_ms() - self._arrived[tail]) & 0xFFFF
        return True
