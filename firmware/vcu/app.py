"""Wires the board to the vehicle controller and keeps it running.

An exception that nobody expected is noted in the file `crash` and resets the board: locked, and
with the reason in the next BOOT record.
"""

import gc
import os
import sys
import time

import machine
import protocol

import vcu
import vcu.can
from vcu import software
from vcu.can.machine_can import controller
from vcu.clock import Uptime, WallClock
from vcu.loop import Loop
from vcu.vcu import Vcu

WATCHDOG_MS = 8_000
# The heap is collected before it is full, or what lives long would be scattered all over it and
# leave no room in one piece for a presentation.
COLLECT_BYTES = 32_768
CRASH_FILE = "crash"
CRASH_PAUSE_MS = 1_000

# BOOT records, key 1.
UNKNOWN, POWER_ON, HARD, WATCHDOG, DEEP_SLEEP, SOFT, CRASH = range(7)
_CAUSES = (
    ("PWRON_RESET", POWER_ON),
    ("HARD_RESET", HARD),
    ("WDT_RESET", WATCHDOG),
    ("DEEPSLEEP_RESET", DEEP_SLEEP),
    ("SOFT_RESET", SOFT),
)


class Board:
    """What the vehicle controller needs of a board."""

    def __init__(self):
        self.can = controller()
        self.ticks_ms = time.ticks_ms
        self.wall = WallClock(machine.RTC(), 0)
        self.uptime = Uptime(time.ticks_ms, time.ticks_diff)
        self.random = os.urandom
        self.folder = ""  # the current folder is the root of the flash
        self.reset_cause = _reset_cause()


def run() -> None:
    """Does not return. Ctrl-C leads to the REPL."""
    try:
        gc.threshold(COLLECT_BYTES)
        board = Board()
        vehicle = Vcu(board, _software(), board.uptime.now())
        watchdog = machine.WDT(timeout=WATCHDOG_MS)
        Loop(vehicle, board.uptime.now, _waiter(board.can), gc.collect, watchdog.feed).run()
    except Exception as error:  # the one place: nothing continues from here
        _note_crash(error)
        # Long enough for a mechanic's Ctrl-C on a board that crashes at every start.
        time.sleep_ms(CRASH_PAUSE_MS)
        machine.reset()


def _software() -> bytes:
    folders = [module.__file__.rsplit("/", 1)[0] for module in (protocol, vcu, vcu.can)]
    return software.digest(tuple(folders))


def _waiter(can):
    # Only the virtual board can wait for the bus itself; a chip wakes from idle() every 1 ms.
    if hasattr(can, "wait"):
        return can.wait

    def wait(ms: int) -> None:
        machine.idle()

    return wait


def _reset_cause() -> int:
    try:
        os.rename(CRASH_FILE, CRASH_FILE + ".last")
        return CRASH
    except OSError:
        pass  # the usual case: there was no crash
    cause = machine.reset_cause()
    for name, number in _CAUSES:
        if getattr(machine, name, None) == cause:
            return number
    return UNKNOWN


def _note_crash(error) -> None:
    try:
        with open(CRASH_FILE, "w") as file:
            sys.print_exception(error, file)
    except OSError:
        pass  # flash is the fault, then; the reset is what matters
