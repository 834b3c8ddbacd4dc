"""The whole CAN cycle with the heap locked: `micropython can_cycle.py [spoil]`.

Prints what happened as JSON, or dies of a MemoryError at the first allocation. `spoil` names one of
SPOILS: an allocation put in on purpose.
"""

import gc
import json
import sys

import micropython
from vcu.can import signals
from vcu.can.cycle import Cycle
from vcu.can.port import COUNTERS, Port
from vcu.can.signals import Signals

from protocol import can

TURNS = 400


class StillCan:
    """machine.CAN that allocates nothing, as the C one. What it brings was prepared."""

    MODE_NORMAL = 0
    MODE_SILENT = 3
    STATE_STOPPED = 0
    STATE_ACTIVE = 1
    STATE_BUS_OFF = 4
    FLAG_RTR = 1
    FLAG_EXT_ID = 2
    IRQ_RX = 2
    TX_QUEUE_LEN = 3
    FILTERS_MAX = 28

    def __init__(self, frames):
        self._frames = frames
        self._at = 0
        self._left = 0
        self._handler = None
        self._sent = bytearray(8)
        self.pending = 0
        self.sends = 0

    def init(self, bitrate, mode=0):
        pass

    def deinit(self):
        pass

    def set_filters(self, filters):
        pass

    def irq(self, handler, trigger, hard):
        self._handler = handler

    def state(self):
        return self.STATE_ACTIVE

    def get_counters(self, counters):
        counters[5] = self.pending
        return counters

    def recv(self, arg):
        if not self._left:
            return None
        self._left -= 1
        frame = self._frames[self._at]
        self._at = (self._at + 1) % len(self._frames)
        arg[0] = frame[0]
        arg[1] = frame[1]
        arg[2] = frame[2]
        return arg

    def send(self, identifier, data, flags=0):
        if self.pending == self.TX_QUEUE_LEN:
            return None
        self.pending += 1
        self.sends += 1
        self._sent[:] = data
        return 0

    def interrupt(self, frames):
        self._left = frames
        self._handler(self)


def prepared():
    """Right frames of several messages, and one of each kind of fault."""
    out = []
    for alive in range(16):
        for name in ("MC_Status1", "HMI_Inputs", "BMS_Pack", "MC_Heartbeat"):
            out.append(frame(name, {}, alive))
        out.append(frame("MC_Status1", {"Speed_mmps": -3000}, alive))  # repeated
        out.append((0x111, memoryview(bytearray(8)), 0))  # CRC
        out.append((0x110, memoryview(bytearray(5)), 0))  # length
        out.append((0x7EE, memoryview(bytearray(8)), 0))  # unknown
        out.append((0x110, memoryview(bytearray(8)), 1))  # remote
        out.append((0x1FFFFFFF, memoryview(bytearray(8)), 2))  # extended
        out.append((0x500, memoryview(bytearray(8)), 0))  # ISO-TP
        out.append(frame("GNSS_Position", {"Latitude_e7": -400_000_000}, 0))
    return out


def frame(name, values, alive):
    row = can.MESSAGES.row(name)
    return can.identifier_of(row), memoryview(bytearray(can.encode(name, values, alive))), 0


class Clock:
    def __init__(self):
        self.now_ms = 1_000

    def ticks_ms(self):
        return self.now_ms


class Stand:
    def __init__(self):
        self.clock = Clock()
        self.can = StillCan(prepared())
        self.signals = Signals()
        self.port = Port(self.can, self.signals, 0, self.clock.ticks_ms)
        self.drive = Cycle(self.port, "VCU_Drive", 0)
        self.lock = Cycle(self.port, "VCU_Lock", 0)
        self.beat = Cycle(self.port, "VCU_Heartbeat", 0)
        self.beat.values[2] = b"\xf0\xf1\xf2\xf3"
        self.speed = self.signals.handle("MC_Status1", "Speed_mmps")
        self.status = self.signals.slot("MC_Status1")
        self.taken = 0
        self.fresh = 0

    def turn(self):
        self.clock.now_ms += 5
        now_ms = self.clock.now_ms
        self.can.interrupt(12)
        self.port.tick(now_ms)
        while self.port.receive(now_ms):
            self.take()
        self.fresh += self.signals.is_fresh(self.status, now_ms)
        self.signals.tick(now_ms)
        self.send(now_ms)

    def take(self):
        port = self.port
        frame = port.frame
        if self.signals.take(port.row, frame.data, frame.length, port.at_ms) >= 0:
            self.taken += 1

    def send(self, now_ms):
        drive = self.drive
        if drive.advance(now_ms):
            drive.values[4] = self.signals.value(self.speed) & 0xFFFF
            drive.values[5] = now_ms >> 6 & 1  # new at times, and the same at others
            drive.send()
        if self.lock.advance(now_ms):
            self.lock.send()
        if self.beat.advance(now_ms):
            self.beat.send()
        self.port.send(0x518, PAYLOAD)
        if now_ms % 50 == 0:  # the bus is busy in between, so that values wait and are replaced
            self.can.pending = 0


PAYLOAD = b"\x21abcdefg"


def spoil_receive(stand):
    check = signals.check

    def allocates(row, data, length):
        return check(row, bytes(data), length)

    signals.check = allocates


def spoil_send(stand):
    encode_into = can.encode_into

    def allocates(row, plan, values, alive, data):
        encode_into(row, plan, list(values), alive, data)

    can.encode_into = allocates


def spoil_interrupt(stand):
    ring = stand.port.frame
    ring._ticks_ms = lambda: [stand.clock.now_ms][0]


def spoil_state(stand):
    """More variables than a call has room for without asking the heap."""
    check = signals.check

    def large(row, data, length):
        a = b = c = d = e = f = g = h = length
        return check(row, data, a + b + c + d + e + f + g + h - 7 * length)

    signals.check = large


SPOILS = {
    "receive": spoil_receive,
    "send": spoil_send,
    "interrupt": spoil_interrupt,
    "state": spoil_state,
}


def main(spoil=None):
    stand = Stand()
    for _ in range(50):
        stand.turn()
    if not stand.port.joined:
        raise SystemExit("not joined")
    if spoil:
        SPOILS[spoil](stand)
    gc.collect()
    total = micropython.mem_total()
    for _ in range(TURNS):
        stand.turn()
    # Also what was given back at once, such as the state of a function with many variables.
    total = micropython.mem_total() - total
    micropython.heap_lock()
    try:
        for _ in range(TURNS):
            stand.turn()
    finally:
        micropython.heap_unlock()
    names, values = COUNTERS.split(), stand.port.counters()
    counters = {names[i]: values[i] for i in range(len(names))}
    print(json.dumps([total, stand.taken, stand.fresh, stand.can.sends, counters]))


main(*sys.argv[1:])
