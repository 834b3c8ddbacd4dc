"""A driver receives and sends with the heap locked: `micropython can_drivers.py mcp2518fd|slcan`.

What it talks to allocates nothing either, so it is no more than it needs to be.
"""

import gc
import sys

import micropython
from vcu.can.mcp2518fd import MCP2518FD
from vcu.can.ring import Ring
from vcu.can.slcan import Slcan

TURNS = 200
FRAMES = 3  # each turn


class StillChip:
    """Enough of an MCP2518FD: memory, and a FIFO that brings one frame again and again."""

    IRQ_FALLING = 2

    def __init__(self):
        self._memory = bytearray(0x1000)
        self._memory[2] = 0x80
        self._memory[0xE01] = 0x04
        for i in range(8):
            self._memory[0x408 + i] = i
        self._memory[0x400] = 0x10
        self._memory[0x401] = 0x01
        self._memory[0x404] = 8
        self.left = 0
        self.sends = 0
        self._handler = None

    def __call__(self, level=None):
        return 1

    def irq(self, handler=None, trigger=0, hard=False):
        self._handler = handler

    def interrupt(self):
        self.left = FRAMES
        self._handler(self)

    def write_readinto(self, out, into):
        if len(out) == 2:
            self._memory[2] = 0x80
            return
        at = (out[0] & 15) << 8 | out[1]
        self._memory[0x060] = 1 if self.left else 0
        if out[0] >> 4 == 3:
            for i in range(2, len(out)):
                into[i] = self._memory[at + i - 2]
            return
        if at == 0x003:
            self._memory[2] = (out[2] & 7) << 5
        elif at == 0x05D and out[2] & 1:
            self.left -= 1
        elif out[2] == 3:
            self.sends += 1
        elif len(out) == 6 and at == 0:
            self._memory[2] = 0x80


class Level:
    """The INT pin: low as long as the chip has a frame."""

    IRQ_FALLING = 2

    def __init__(self, chip):
        self._chip = chip

    def __call__(self):
        return 0 if self._chip.left else 1

    def irq(self, handler=None, trigger=0, hard=False):
        self._chip.irq(handler)


class StillUart:
    """An adapter that brings one line again and again, and answers to what it gets."""

    LINES = memoryview(b"t11080001020304050607\rz\r")

    def __init__(self):
        self.left = 0
        self.sends = 0
        self._at = 0

    def any(self):
        return self.left

    def interrupt(self):
        self.left = FRAMES

    def readinto(self, buffer):
        self.left -= 1
        for i in range(len(self.LINES)):
            buffer[i] = self.LINES[i]
        return len(self.LINES)

    def write(self, line):
        self.sends += line[0] == 116
        return len(line)


def mcp2518fd():
    chip = StillChip()
    return chip, MCP2518FD(chip, chip, Level(chip))


def slcan():
    uart = StillUart()
    return uart, Slcan(uart, lambda: 0)


class Stand:
    def __init__(self, name):
        self.other, self.can = {"mcp2518fd": mcp2518fd, "slcan": slcan}[name]()
        self.can.init(500_000)
        self.can.set_filters(((0x110, 0x7FF, 0),))
        self.ring = Ring(self.can, no_time)
        self.ring.fill(self.can)
        self.can.irq(self.ring.fill, self.can.IRQ_RX, True)
        self._counters = [0] * 8
        self.received = 0

    def turns(self, count):
        while count:
            self.turn()
            count -= 1

    def turn(self):
        self.other.interrupt()
        self.can.state()
        while self.ring.take():
            self.received += 1
        self.can.send(0x50, b"12345678")
        self.can.get_counters(self._counters)

    def cost(self, count):
        before = micropython.mem_total()
        self.turns(count)
        return micropython.mem_total() - before


def no_time():
    return 0


def main(name):
    stand = Stand(name)
    stand.turns(TURNS)
    received, sent = stand.received, stand.other.sends
    gc.collect()
    total = stand.cost(TURNS) - stand.cost(0)
    micropython.heap_lock()
    try:
        stand.turns(TURNS)
    finally:
        micropython.heap_unlock()
    print(total, stand.received - received, stand.other.sends - sent)


main(sys.argv[1])
