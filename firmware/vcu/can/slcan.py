"""A CAN adapter that speaks slcan (Lawicel ASCII) on a UART, in the shape of machine.CAN.

A UART interrupts for every few characters, so the handler runs when the controller is looked at:
in every method. A line that is no slcan is counted and skipped; an adapter that stops to answer is
a bus-off, and so is its flag of a bus error, because the protocol has no other word for it.
"""

import errno

from vcu.can.controller import Controller
from vcu.can.slcan_text import kind_of, number, put_frame

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from machine import UART

    from vcu.can.shape import Arg, Data, Filter, Handler, Values

_SPEEDS = (10_000, 20_000, 50_000, 100_000, 125_000, 250_000, 500_000, 800_000, 1_000_000)
_END, _BELL, _F = 13, 7, 70
_CHUNK = 64
_LONGEST = 32  # T with eight bytes and a time stamp
_FRAMES = 64
_SLOT = 13  # identifier 4, length and flags 1, data 8
_POLL_MS = 100
_PATIENCE_MS = 1_000
_WARNING, _PASSIVE, _BUS_ERROR = 0x04, 0x20, 0x80  # of the answer to F
_OPENING = 3  # answers to C, S and O


class Slcan(Controller):
    """`uart` does not block when it reads; `ticks_ms` is time.ticks_ms."""

    TX_QUEUE_LEN = 4

    def __init__(self, uart: "UART", ticks_ms: "Callable[[], int]") -> None:
        super().__init__()
        self._uart = uart
        self._ticks_ms = ticks_ms
        self._chunk = bytearray(_CHUNK)
        self._line = bytearray(_LONGEST)
        self._size = 0
        self._out = bytearray(_LONGEST)
        # By the number of characters: a slice of a view is an object.
        self._outs = [memoryview(self._out)[:size] for size in range(_LONGEST)]
        self._ring = bytearray(_FRAMES * _SLOT)
        self._first = self._count = 0
        self._filters: "list[Filter]" = []
        self._errors = 0
        self._unanswered = 0  # frames
        self._opening = 0
        self._polled_ms = self._answered_ms = 0
        self._bitrate = 0
        self._mode = 0
        self.bad_lines = 0

    def init(self, bitrate: int, mode: int = 0, sample_point: int = 75, sjw: int = 1) -> None:
        if bitrate not in _SPEEDS:
            raise ValueError("unable to calculate BRP for baudrate")
        if mode not in (self.MODE_NORMAL, self.MODE_SLEEP, self.MODE_SILENT):
            raise ValueError("mode")
        self._bitrate = bitrate
        self._mode = mode
        self.deinit()
        self._filters = []
        self._count = 0
        self._start()

    def deinit(self) -> None:
        self._handler = None
        self._trigger = 0
        if self._state != self.STATE_STOPPED:
            self._state = self.STATE_STOPPED
            self._uart.write(b"C\r")

    def restart(self) -> None:
        self._require()
        self._start()

    def set_filters(self, filters: "Iterable[Filter] | None") -> None:
        # Adapters differ in what their own filters can; these are here.
        self._require()
        self._filters = self._checked_filters(filters)

    def send(self, identifier: int, data: "Data", flags: int = 0) -> "int | None":
        self._require()
        self._check_frame(identifier, data, flags)
        self._service()
        if self._state == self.STATE_BUS_OFF:
            raise OSError(errno.EIO)
        full = self._mode != self.MODE_NORMAL or self._unanswered == self.TX_QUEUE_LEN
        if full or not self._write(self._outs[put_frame(self._out, identifier, data, flags)]):
            return None
        self._unanswered += 1
        return self._unanswered - 1

    def cancel_send(self, index: int) -> bool:
        self._require()
        if not 0 <= index < self.TX_QUEUE_LEN:
            raise IndexError
        return False  # it left with send()

    def recv(self, arg: "Arg | None" = None) -> "Arg | None":
        self._require()
        if arg is None:
            arg = [0, memoryview(bytearray(8)), 0, 0]
        self._adopt(arg)
        if not self._count:
            self._read()
        if not self._count:
            return None
        self._take(arg, self._first * _SLOT)
        self._first = (self._first + 1) % _FRAMES
        self._count -= 1
        return arg

    def irq(
        self, handler: "Handler | None" = None, trigger: int = 0, hard: bool = False
    ) -> "Slcan":
        self._require()
        self._check_trigger(trigger)
        self._handler = handler
        self._trigger = trigger
        self._service()
        return self

    def flags(self) -> int:
        """Of the object that irq() returns, which is this one."""
        return self.IRQ_RX & self._trigger if self._count else 0

    def state(self) -> int:
        if self._state != self.STATE_STOPPED and self._state != self.STATE_BUS_OFF:
            self._service()
            self._poll()
        return self._state

    def get_counters(self, list: "Values | None" = None) -> "Values":
        self._require()
        self.state()
        self._counters[5] = self._unanswered
        self._counters[6] = self._count
        return self._filled(list)

    def get_timings(self, list: "Values | None" = None) -> "Values":
        out: "Values" = [None] * 6 if list is None else list
        out[0] = self._bitrate
        return out

    # --- the adapter ---

    def _start(self) -> None:
        for i in range(8):
            self._counters[i] = 0
        self._state = self.STATE_ACTIVE
        self._size = 0
        self._unanswered = 0
        self._opening = _OPENING
        self._polled_ms = self._answered_ms = self._ticks_ms()
        speed = _SPEEDS.index(self._bitrate)
        self._write(b"C\rS%d\r%s\r" % (speed, b"O" if self._mode == self.MODE_NORMAL else b"L"))

    def _write(self, line: "bytes | memoryview") -> bool:
        # Half a line would garble the next one.
        if self._uart.write(line) == len(line):
            return True
        self._fall_off()
        return False

    def _fall_off(self) -> None:
        self._unanswered = 0
        self._enter(self.STATE_BUS_OFF)

    def _poll(self) -> None:
        now_ms = self._ticks_ms()
        if (now_ms - self._answered_ms) & 0x3FFF_FFFF >= _PATIENCE_MS:
            self._fall_off()
        elif (now_ms - self._polled_ms) & 0x3FFF_FFFF >= _POLL_MS:
            self._polled_ms = now_ms
            self._write(b"F\r")

    def _service(self) -> None:
        self._read()
        handler = self._handler
        if handler is not None and self._count:
            self._handler = None  # not from within itself
            try:
                handler(self)
            finally:
                self._handler = handler

    def _read(self) -> None:
        # As much as is there now, but no endless loop.
        for _ in range(_FRAMES):
            size = self._uart.any() and self._uart.readinto(self._chunk)
            if not size:
                return
            for i in range(size):
                self._character(self._chunk[i])

    def _character(self, character: int) -> None:
        if character == _BELL:
            self._refused()
        elif character != _END:
            if self._size < _LONGEST:
                self._line[self._size] = character
            self._size += 1
        else:
            size = self._size
            self._size = 0
            if not self._understand(size):
                self.bad_lines += 1

    def _refused(self) -> None:
        if self._opening:
            self._opening -= 1
            if not self._opening:  # it did not open
                self._fall_off()
        elif self._unanswered:
            self._unanswered -= 1

    def _understand(self, size: int) -> bool:
        if size == 0:
            if self._opening:
                self._opening -= 1
            elif self._unanswered:  # an adapter without polling says no more than that
                self._unanswered -= 1
            return True
        letter = self._line[0]
        if letter in b"zZ":
            self._unanswered -= self._unanswered > 0
            return True
        if letter == _F:
            return self._status(size)
        return size < _LONGEST and self._frame(kind_of(letter), size)

    def _status(self, size: int) -> bool:
        flags = number(self._line, 1, 3) if size == 3 else -1
        if flags < 0:
            return False
        if self._opening:  # of the time before
            return True
        self._answered_ms = self._ticks_ms()
        if flags & _BUS_ERROR:
            self._fall_off()
        elif flags & _PASSIVE:
            self._enter(self.STATE_PASSIVE)
        else:
            self._enter(self.STATE_WARNING if flags & _WARNING else self.STATE_ACTIVE)
        return True

    # --- frames ---

    def _frame(self, kind: int, size: int) -> bool:
        at = 9 if kind & 1 else 4  # of the length
        length = self._line[at] - 48 if kind >= 0 and size > at else -1
        characters = 0 if kind & 2 else 2 * length
        # Four more are a time stamp.
        if not 0 <= length <= 8 or size - at - 1 - characters not in (0, 4):
            return False
        identifier = number(self._line, 1, at)
        if not 0 <= identifier < (1 << 29 if kind & 1 else 1 << 11):
            return False
        for i in range(characters >> 1):
            if number(self._line, at + 1 + 2 * i, at + 3 + 2 * i) < 0:
                return False
        if self._passes(identifier, kind & 1):
            self._store(identifier, kind, length, at + 1)
        return True

    def _passes(self, identifier: int, extended: int) -> bool:
        for one in self._filters:
            if one[2] >> 1 == extended and not (identifier ^ one[0]) & one[1]:
                return True
        return False

    def _store(self, identifier: int, kind: int, length: int, begin: int) -> None:
        if self._count == _FRAMES:
            self._counters[7] += 1
            self._errors |= self.RECV_ERR_OVERRUN
            return
        at = (self._first + self._count) % _FRAMES * _SLOT
        for i in range(4):
            self._ring[at + i] = identifier >> 8 * i & 0xFF
        self._ring[at + 4] = length | kind << 4
        for i in range(length):
            data = 0 if kind & 2 else number(self._line, begin + 2 * i, begin + 2 * i + 2)
            self._ring[at + 5 + i] = data
        self._count += 1
        if self._count == _FRAMES:
            self._errors |= self.RECV_ERR_FULL

    def _take(self, arg: "Arg", at: int) -> None:
        ring = self._ring
        arg[0] = ring[at] | ring[at + 1] << 8 | ring[at + 2] << 16 | ring[at + 3] << 24
        kind = ring[at + 4] >> 4
        arg[2] = (kind & 1) << 1 | kind >> 1
        arg[3] = self._errors
        self._errors = 0
        view = self._view(arg, ring[at + 4] & 15)
        for i in range(len(view)):
            view[i] = ring[at + 5 + i]
