"""A full bus against a loop that stands still: `micropython can_load.py DEPTH free|held SECONDS`.

500 kbit/s carry about 4,000 frames a second: the table's messages at their rates, an ISO-TP
transfer that never pauses, and the rest is noise that the filters must keep out. Every 100 ms a
garbage collection stops the loop for 10 ms. Two things may happen to the interrupt meanwhile:

- A collection locks the heap, it does not block interrupts: hard handlers run, and need no heap.
- A flash that is erased, or a critical section, does hold the handlers back: then the controller's
  FIFO has to last. The model is harsh on small chips: one FIFO, where an F4 has two of three
  frames. A frame that is lost counts one overrun; real controllers may count fewer.

Prints what happened as JSON. The same numbers on both interpreters: the noise is seeded.
"""

import gc
import json
import sys

from board_fakes import FakeCan
from vcu.can.cycle import Cycle
from vcu.can.port import COUNTERS, Port
from vcu.can.signals import RECEIVED, Signals
from vcu.isotp import Receiver, Sender

from protocol import can

SLOTS_PER_MS = 4
STALL_EVERY_MS = 100
STALL_MS = 10
MESSAGE_BYTES = 4095
MOST_FRAMES = 64
ON_BOARD = hasattr(gc, "mem_alloc")  # CPython has no heap to collect that would say something


class Noise:
    """Identifiers that nobody needs, by a generator that both interpreters have."""

    def __init__(self, seed, needed):
        self._state = seed
        self._needed = needed

    def next(self):
        while True:
            self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
            identifier = self._state >> 8 & 0x7FF
            if identifier not in self._needed:
                return identifier


class Node:
    """One message of the table at its rate, with every alive counter encoded beforehand."""

    def __init__(self, name, phase):
        row = can.MESSAGES.row(name)
        self.identifier = can.identifier_of(row)
        self._period = can.cycle_ms(row) * SLOTS_PER_MS
        self.due = phase % self._period
        self._data = [can.encode(name, {}, alive) for alive in range(16)]
        self._alive = 0

    def frame(self):
        self.due += self._period
        self._alive = (self._alive + 1) & 15
        return self._data[self._alive]


class Bus:
    """One frame a slot: the most urgent that is due, then the transfer, then noise."""

    def __init__(self, device, needed, seed):
        self._device = device
        self._nodes = [Node(name, 37 * i) for i, name in enumerate(RECEIVED.split())]
        self._noise = Noise(seed, needed)
        self._message = bytes([i * 7 & 0xFF for i in range(MESSAGE_BYTES)])
        self._next = 0  # slot of the node that is due first
        self.gateway = Sender()
        self.passed = self.lost = self.frames = 0

    def slot(self, number, now_ms):
        self.frames += 1
        if number >= self._next:
            due = self._most_urgent(number)
            self._needed(due.identifier, due.frame())
            self._next = min([node.due for node in self._nodes])
            return
        if not self.gateway.is_busy():
            self.gateway.start(self._message, now_ms)
        data = self.gateway.frame(now_ms)
        if data is not None:
            self.gateway.sent(now_ms)
            self._needed(0x500, data)
        else:
            self._device.deliver(self._noise.next(), b"noise!!!")

    def _most_urgent(self, number):
        due = None
        for node in self._nodes:
            if node.due <= number and (due is None or node.identifier < due.identifier):
                due = node
        return due

    def _needed(self, identifier, data):
        self.passed += 1
        if not self._device.deliver(identifier, data):
            self.lost += 1

    def is_whole(self, message):
        return message == self._message


class Vehicle:
    """What the loop does once a millisecond."""

    def __init__(self, device):
        self.now_ms = 0
        self.signals = Signals()
        self.port = Port(device, self.signals, 0, self.ticks_ms)
        self._drive = Cycle(self.port, "VCU_Drive", 0)
        self._receiver = Receiver()
        self.taken = self.messages = self.garbled = 0

    def ticks_ms(self):
        return self.now_ms

    def turn(self, bus):
        port, frame = self.port, self.port.frame
        port.tick(self.now_ms)
        for _ in range(MOST_FRAMES):
            if not port.receive(self.now_ms):
                break
            self.taken += 1
            if frame.identifier == 0x500:
                self._transfer(bus, frame.data)
            else:
                self.signals.take(port.row, frame.data, frame.length, port.at_ms)
        self._receiver.tick(self.now_ms)
        if self._drive.advance(self.now_ms):
            self._drive.send()

    def _transfer(self, bus, data):
        message = self._receiver.take(data, self.now_ms)
        if message is not None:
            self.messages += 1
            self.garbled += not bus.is_whole(message)
        if self._receiver.reply:
            self.port.send(0x508, self._receiver.reply)


def run(depth, held, seconds, seed=20):
    device = FakeCan(depth)
    vehicle = Vehicle(device)
    needed = set(vehicle.signals.identifiers()) | {0x500, 0x510}
    device.deliver(0x110, can.encode("MC_Status1", {}, 0))
    vehicle.turn(None)
    for identifier in range(0x800):  # what a coarse filter lets pass as well is not noise
        if device._passes(identifier, 0):
            needed.add(identifier)
    bus = Bus(device, needed, seed)
    # The frame that opened the bus is not one of the run.
    vehicle.taken = 0
    stalled_until_ms = 0
    for number in range(seconds * 1000 * SLOTS_PER_MS):
        now_ms = 1 + number // SLOTS_PER_MS
        vehicle.now_ms = now_ms
        bus.slot(number, now_ms)
        if number % SLOTS_PER_MS or now_ms < stalled_until_ms:
            continue
        if device.held:
            device.held = False
            device.interrupt()
        for identifier, data, _ in device.leave():
            if identifier == 0x508:
                bus.gateway.flow(data, now_ms)
        bus.gateway.tick(now_ms)
        vehicle.turn(bus)
        if now_ms % STALL_EVERY_MS == 0:
            if ON_BOARD:
                gc.collect()
            stalled_until_ms = now_ms + STALL_MS
            device.held = held
    device.held = False
    device.interrupt()
    while vehicle.port.frame.take():
        vehicle.taken += 1
    return report(bus, vehicle)


def report(bus, vehicle):
    names, values = COUNTERS.split(), vehicle.port.counters()
    out = {names[i]: values[i] for i in range(len(names))}
    out["frames"] = bus.frames
    out["passed"] = bus.passed
    out["lost"] = bus.lost
    out["taken"] = vehicle.taken
    out["messages"] = vehicle.messages
    out["garbled"] = vehicle.garbled
    return out


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), sys.argv[2] == "held", int(sys.argv[3]))))
