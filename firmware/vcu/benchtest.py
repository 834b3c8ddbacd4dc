"""The self-test on the bench: the application does not run, and a mechanic stands beside.

Moves the bolt, and with `panel` writes on the bus. Loaded by a tool over the raw REPL, and by
nothing else. `run(report)` hands each step over as it is found; `report` prints it.
"""

import os
import time

import machine
from protocol import can
from protocol.can_table import MESSAGES

from vcu import clock, selftest, start
from vcu.selftest import ABSENT, FAIL, PASS, step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vcu.can.shape import Arg, Device
    from vcu.selftest import Step

    Report = Callable[[Step], None]

BITRATE = 500_000
MODE_SILENT_LOOPBACK = 4  # of machine.CAN and what has its shape
FILE = "selftest"
FILE_BYTES = 4_096
SECOND_MS = 1_500  # in so long a clock that runs shows another second
FRAMES = 16
LISTEN_MS = 1_200  # longer than the slowest of the frames below
BOLT_MS = 1_000
SETTLE_MS = 5
PANEL_MS = 3_000
PANEL_EVERY_MS = 100
PANEL_SCREEN = 52  # NOT_SET_UP: no rider takes it for a vehicle that may be driven


def run(report: "Report", bolt: bool, panel: bool) -> None:
    """The parts one by one; what is broken does not keep the others from being looked at."""
    report(_flash())
    report(_clock())
    report(selftest.random())
    report(selftest.supply(start.supply_mv()))
    from vcu.can import choice

    device = choice.controller()
    report(_loopback(device))
    for found in _heard(device):
        report(found)
    if bolt:
        report(_bolt())
    if panel:
        report(_panel(device))
    device.deinit()


def _flash() -> "Step":
    # Another pattern each time: what an earlier test left there does not pass for it.
    data = os.urandom(64) * (FILE_BYTES // 64)
    try:
        with open(FILE, "wb") as file:
            file.write(data)
        with open(FILE, "rb") as file:
            good = file.read() == data
        os.remove(FILE)
        state = os.statvfs("/flash" if _has_flash() else ".")
    except OSError as error:
        return step(selftest.FLASH, FAIL, error.errno or 0, "errno")
    return step(selftest.FLASH, PASS if good else FAIL, state[0] * state[3] // 1024, "KiB free")


def _has_flash() -> bool:
    return "flash" in os.listdir("/")


def _clock() -> "Step":
    rtc = machine.RTC()
    first = rtc.datetime()
    begin_ms = time.ticks_ms()
    while rtc.datetime()[6] == first[6]:
        if time.ticks_diff(time.ticks_ms(), begin_ms) > SECOND_MS:
            return step(selftest.CLOCK, FAIL, first[0], "stands still")
        time.sleep_ms(SETTLE_MS)
    good = clock.is_plausible(rtc.datetime())
    return step(selftest.CLOCK, PASS if good else FAIL, first[0], "year")


def _loopback(device: "Device") -> "Step":
    # Without a word on the bus. Both kinds of identifiers, every bit of the data in both states.
    good = 0
    try:
        device.deinit()
        device.init(BITRATE, mode=MODE_SILENT_LOOPBACK)
        device.set_filters(None)
        for number in range(FRAMES):
            good += _comes_back(device, number)
    except OSError:
        pass
    except ValueError:
        return step(selftest.CAN_LOOPBACK, ABSENT, 0, "frames")  # a controller that cannot
    return step(selftest.CAN_LOOPBACK, PASS if good == FRAMES else FAIL, good, "frames")


def _comes_back(device: "Device", number: int) -> bool:
    extended = number % 2 == 1
    identifier = 0x155_5555 + number if extended else 0x2AA + number
    data = bytes((0x55, 0xAA)) * 4 if number % 4 < 2 else os.urandom(8)
    flags = device.FLAG_EXT_ID if extended else 0
    if device.send(identifier, data, flags) is None:
        return False
    arg: "Arg" = [0, memoryview(bytearray(8)), 0, 0]
    begin_ms = time.ticks_ms()
    while device.recv(arg) is None:
        if time.ticks_diff(time.ticks_ms(), begin_ms) > SETTLE_MS * FRAMES:
            return False
        time.sleep_ms(1)
    return arg[0] == identifier and bytes(arg[1]) == data and arg[2] == flags


def _heard(device: "Device") -> "list[Step]":
    # Silently: nothing is sent, not even an acknowledgement.
    nodes = selftest.NODES + (selftest.STEERING,)
    rows = [MESSAGES.row(name) for _, name, _, _ in nodes]
    found: "list[Step | None]" = [None] * len(nodes)
    frames = 0
    try:
        device.deinit()
        device.init(BITRATE, mode=device.MODE_SILENT)
        device.set_filters(None)
        arg: "Arg" = [0, memoryview(bytearray(8)), 0, 0]
        begin_ms = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), begin_ms) < LISTEN_MS:
            if device.state() == device.STATE_BUS_OFF:
                break
            if device.recv(arg) is None:
                time.sleep_ms(1)
                continue
            frames += 1
            for at in range(len(nodes)):
                before = found[at]
                if can.identifier_of(rows[at]) == arg[0] and (not before or before[2] == PASS):
                    found[at] = _measured(nodes[at], rows[at], bytes(arg[1]))
    except OSError:
        pass
    # A node that says nothing may be one that is not fitted; one that says something wrong is not.
    nothing = [step(number, ABSENT, 0, unit) for number, _, _, unit in nodes]
    heard = [found[at] or nothing[at] for at in range(len(nodes))]
    return [step(selftest.BUS, PASS if frames else ABSENT, frames, "frames")] + heard


def _measured(node: "tuple[int, str, str, str]", row: int, data: bytes) -> "Step":
    number, _, signal, unit = node
    if can.check(row, data, len(data)) != can.RIGHT:
        return step(number, FAIL, 0, unit)
    return step(number, PASS, can.read(row, data, 0)[signal], unit)


def _bolt() -> "Step":
    # In, out and in again, as far as its switch says; it stays as the application leaves it at a
    # start: out.
    sense = machine.Pin("LOCK_SENSE", machine.Pin.IN, machine.Pin.PULL_UP)
    actuator = machine.Pin("LOCK", machine.Pin.OUT, value=0)
    time.sleep_ms(SETTLE_MS)
    if _floats(sense):
        return step(selftest.BOLT, ABSENT, 0, "ms")
    slowest_ms = 0
    for level in (1, 0, 1, 0):
        actuator.value(level)
        took_ms = _follows(sense, level)
        if took_ms < 0:
            actuator.value(0)
            return step(selftest.BOLT, FAIL, level, "level")
        slowest_ms = max(slowest_ms, took_ms)
    return step(selftest.BOLT, PASS, slowest_ms, "ms")


def _floats(sense: "machine.Pin") -> bool:
    # A pin with nothing on it is what its resistor says.
    up = sense.value()
    sense.init(machine.Pin.IN, machine.Pin.PULL_DOWN)
    time.sleep_ms(SETTLE_MS)
    down = sense.value()
    sense.init(machine.Pin.IN, machine.Pin.PULL_UP)
    return up == 1 and down == 0


def _follows(sense: "machine.Pin", level: int) -> int:
    begin_ms = time.ticks_ms()
    while sense.value() != level:
        if time.ticks_diff(time.ticks_ms(), begin_ms) > BOLT_MS:
            return -1
        time.sleep_ms(1)
    return time.ticks_diff(time.ticks_ms(), begin_ms)


def _panel(device: "Device") -> "Step":
    # All digits, the slow light and a click, for long enough to be looked at. Whether it was seen,
    # the mechanic says; whether a node acknowledged it, the controller.
    sent = 0
    values = {"Screen": PANEL_SCREEN, "Led": 6, "Sound": 1, "Typed": 0, "Number": 888}
    values["Battery_pct"] = 88
    identifier = can.identifier_of(MESSAGES.row("VCU_Panel"))
    try:
        device.deinit()
        device.init(BITRATE, mode=device.MODE_NORMAL)
        device.set_filters(None)
        begin_ms = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), begin_ms) < PANEL_MS:
            frame = can.encode("VCU_Panel", values, sent & 15)
            if device.send(identifier, frame) is not None:
                sent += 1
            time.sleep_ms(PANEL_EVERY_MS)
            if device.state() == device.STATE_BUS_OFF:
                break
        left = device.get_counters([0] * 8)[5] or 0
        off = device.state() == device.STATE_BUS_OFF
    except OSError:
        return step(selftest.PANEL, ABSENT, 0, "frames")
    taken = sent - left
    return step(selftest.PANEL, PASS if taken > 1 and not off else ABSENT, taken, "frames")
