"""Frames that wait for the controller. Nothing here waits itself.

A cyclic message has a slot: a newer value replaces the one that still waits. Other frames (ISO-TP)
stand in a short line.
"""

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from vcu.can.shape import Data, Device

LINE = 8


class Queue:
    """`identifiers` are those of the cyclic messages, the most urgent first."""

    def __init__(self, identifiers: "tuple[int, ...]", line: int = LINE) -> None:
        self._slots = len(identifiers)
        self._identifiers = list(identifiers) + [0] * line
        self._data = [bytearray(8) for _ in self._identifiers]
        self._length = bytearray(len(self._identifiers))
        self._waiting = bytearray(self._slots)
        self._line = line
        self.waiting = 0  # frames, of slots and line
        self._first = 0  # of the line
        self._count = 0
        self._counters: "list[int | None]" = [0] * 8
        self.replaced = 0
        self.refused = 0
        self.dropped = 0

    def slot(self, identifier: int) -> int:
        """-1 for a frame that goes into the line."""
        for i in range(self._slots):
            if self._identifiers[i] == identifier:
                return i
        return -1

    def withdraw(self, slot: int) -> bool:
        """Take back what waits in a slot, to put a newer value there. True if something did."""
        if not self._waiting[slot]:
            return False
        self._waiting[slot] = 0
        self.waiting -= 1
        self.replaced += 1
        return True

    def commit(self, slot: int, data: bytearray) -> None:
        """A frame of 8 bytes for a slot that is empty."""
        self._data[slot][:] = data
        self._length[slot] = 8
        self._waiting[slot] = 1
        self.waiting += 1

    def put(self, identifier: int, data: "Data") -> bool:
        """Copies a frame. False if the line is full: the caller keeps it."""
        slot = self.slot(identifier)
        if slot >= 0:
            self.withdraw(slot)
            self._waiting[slot] = 1
        elif self._count == self._line:
            self.refused += 1
            return False
        else:
            slot = self._slots + (self._first + self._count) % self._line
            self._identifiers[slot] = identifier
            self._count += 1
        self.waiting += 1
        length = len(data)
        self._length[slot] = length
        self._data[slot][:length] = data
        return True

    def clear(self) -> None:
        """The controller lost its bus: what waits would be old when it comes back."""
        self.dropped += self.waiting
        self._count = self.waiting = 0
        for slot in range(self._slots):
            self._waiting[slot] = 0

    def pump(self, can: "Device") -> bool:
        """Hand over what the controller takes now. True if it took something."""
        moved = False
        for slot in range(self._slots):
            if self._waiting[slot] and self._may(can, slot) and self._hand_over(can, slot):
                self._waiting[slot] = 0
                self.waiting -= 1
                moved = True
        while self._count and self._may(can, self._slots):
            if not self._hand_over(can, self._slots + self._first):
                break
            self._first = (self._first + 1) % self._line
            self._count -= 1
            self.waiting -= 1
            moved = True
        return moved

    def _may(self, can: "Device", slot: int) -> bool:
        # The last free buffer is for the most urgent message: a controller that is full of others
        # would hold it back behind them.
        if slot == 0:
            return True
        return can.TX_QUEUE_LEN - (can.get_counters(self._counters)[5] or 0) > 1

    def _hand_over(self, can: "Device", slot: int) -> bool:
        data: "bytearray | memoryview" = self._data[slot]
        length = self._length[slot]
        if length < 8:  # none of the table: the slice is the only allocation here
            data = memoryview(data)[:length]
        return can.send(self._identifiers[slot], data) is not None
