# Runs in MicroPython: what `machine` offers, on a chip whose time is counted (device_time.py).
# Everything around the vehicle is in another process (world.py), asked over a pipe.
import os
from array import array

import uctypes
import utime
from device_time import START_S, Over, chip

_TO_WORLD, _FROM_WORLD, _FLASH = [int(word) for word in os.getenv("DAY_FILES").split(",")]
BLOCK = 4096
FRAMES = 64  # of one answer
_WORDS = 4 * FRAMES + 2
_VSENSE = int(os.getenv("DAY_SUPPLY_MV")) * 65_535 // 19_800


class World:
    """The other end of the pipe: it answers with frames to come, or at once to one of ours."""

    def __init__(self):
        self._to = open(_TO_WORLD, "wb")  # noqa: SIM115
        self._from = open(_FROM_WORLD, "rb")  # noqa: SIM115
        self._asked = array("I", [0] * 4)
        self._question = uctypes.bytearray_at(uctypes.addressof(self._asked), 16)
        self._data = memoryview(self._question)[8:]
        # Two lists of frames: by the clock, and what answers a frame of ours.
        self._lists = [array("I", [0] * _WORDS) for _ in range(2)]
        self._space = [
            uctypes.bytearray_at(uctypes.addressof(words), 4 * _WORDS) for words in self._lists
        ]
        self._views = [
            [memoryview(space)[8 + 16 * i + 8 : 8 + 16 * i + 16] for i in range(FRAMES)]
            for space in self._space
        ]
        self._next = bytearray(2)

    def ask(self, identifier, data):
        """`identifier` 0: what comes by the clock."""
        which = 1 if identifier else 0
        self._asked[0] = chip.ms
        self._asked[1] = identifier
        if identifier:
            self._data[:] = data
        self._to.write(self._question)
        if self._from.readinto(self._space[which]) != 4 * _WORDS:
            raise Over("world", 0)
        self._next[which] = 0

    def due_ms(self):
        """When the next frame comes."""
        clocked = self._lists[0]
        if self._next[0] < clocked[0]:
            due_ms = clocked[2 + 4 * self._next[0]]
        elif chip.ms < clocked[1]:
            due_ms = clocked[1]  # nothing before that
        else:
            self.ask(0, None)
            due_ms = clocked[2] if clocked[0] else clocked[1]
        if self._next[1] < self._lists[1][0]:
            return min(due_ms, self._lists[1][2 + 4 * self._next[1]])
        return due_ms

    def is_answering(self):
        return self._next[1] < self._lists[1][0]

    def take(self, arg):
        """The frame that has come into `arg`, or None."""
        due_ms = self.due_ms()
        if due_ms > chip.ms:
            return None
        which = 1 if self.is_answering() else 0
        if which and self._lists[1][2 + 4 * self._next[1]] > due_ms:
            which = 0
        at = self._next[which]
        if at >= self._lists[which][0]:
            return None  # only a time until which nothing comes
        arg[0] = self._lists[which][3 + 4 * at]
        arg[1][:] = self._views[which][at]
        arg[2] = arg[3] = 0
        self._next[which] = at + 1
        return arg


world = World()


class CAN:
    MODE_NORMAL = 0
    MODE_SILENT = 3
    STATE_STOPPED = 0
    STATE_ACTIVE = 1
    STATE_BUS_OFF = 4
    FLAG_RTR = 1
    FLAG_EXT_ID = 2
    FLAG_UNORDERED = 16
    IRQ_RX = 2
    TX_QUEUE_LEN = 3
    FILTERS_MAX = 28

    def __init__(self, number, bitrate, mode):
        self._counters = [0] * 8
        self.init(bitrate, mode)

    def init(self, bitrate, mode=0):
        self._state = CAN.STATE_ACTIVE
        self._mode = mode
        self._handler = None
        self._listens = False

    def deinit(self):
        self._state = CAN.STATE_STOPPED

    def restart(self):
        self._state = CAN.STATE_ACTIVE

    def set_filters(self, filters):
        self._listens = True  # the world sends nothing else

    def irq(self, handler, trigger, hard):
        self._handler = handler

    def state(self):
        # Asked on every turn: here the interrupt comes of what arrived while there was work.
        if self._handler and world.due_ms() <= chip.ms:
            self._handler(self)
        return self._state

    def get_counters(self, counters):
        for i in range(8):
            counters[i] = self._counters[i]
        return counters

    def recv(self, arg):
        return world.take(arg) if self._listens else None

    def send(self, identifier, data, flags=0):
        if self._mode != CAN.MODE_NORMAL:
            return None
        if identifier in (0x508, 0x518):
            if world.is_answering():
                return None  # the bus still has the answer to the last one to carry
            world.ask(identifier, data)
        return 0

    def wait(self, ms):
        """Until the next frame or deadline, however short the loop's own patience is."""
        due_ms = world.due_ms()
        chip.wait_until(min(due_ms, chip.keeper.next_deadline_ms()))
        if due_ms <= chip.ms and self._handler:
            self._handler(self)


class Pin:
    IN = 0
    OUT = 1
    IRQ_FALLING = 1
    IRQ_RISING = 2

    def __init__(self, name, mode=IN, value=None):
        self._level = value

    def value(self, level=None):
        self._level = level

    def irq(self, trigger=3, wake=0):
        pass


class ADC:
    def __init__(self, pin):
        pass

    def read_u16(self):
        return _VSENSE


class RTC:
    def datetime(self, value=None):
        now = utime.gmtime(START_S + chip.ms // 1000)
        return (now[0], now[1], now[2], now[6] + 1, now[3], now[4], now[5], 0)


class WDT:
    def __init__(self, timeout):
        chip.built()

    def feed(self):
        chip.turn()


class Flash:
    """NOR flash in a file, for littlefs; counts what is written by block."""

    def __init__(self):
        self._file = open(_FLASH, "r+b")  # noqa: SIM115
        self._blocks = self._file.seek(0, 2) // BLOCK
        self._erased = b"\xff" * BLOCK
        self.erases = array("I", [0] * self._blocks)
        self.programs = array("I", [0] * self._blocks)
        self.bytes = 0
        self._file.seek(0)
        self.is_blank = self._file.read(256) == self._erased[:256]

    def readblocks(self, number, buffer, offset=0):
        self._file.seek(number * BLOCK + offset)
        self._file.readinto(buffer)

    def writeblocks(self, number, buffer, offset=0):
        self.programs[number] += 1
        self.bytes += len(buffer)
        self._file.seek(number * BLOCK + offset)
        self._file.write(buffer)

    def ioctl(self, request, argument):
        if request == 4:
            return self._blocks
        if request == 5:
            return BLOCK
        if request == 6:
            self.erases[argument] += 1
            self._file.seek(argument * BLOCK)
            self._file.write(self._erased)
        return 0
