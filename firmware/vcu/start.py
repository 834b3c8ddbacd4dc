"""The stages of a start, decided before anything else of the application is loaded.

What must happen without a watchdog happens here, because a watchdog that runs can never be stopped:
waiting for a tool, and deep sleep. Both are therefore entered by a reset.
"""

import os
import sys
import time

import machine

from vcu import power
from vcu.flash import crashes

# BOOT records, key 1.
UNKNOWN, POWER_ON, HARD, WATCHDOG, DEEP_SLEEP, SOFT, CRASH = range(7)
_CAUSES = ("PWRON_RESET", "HARD_RESET", "WDT_RESET", "DEEPSLEEP_RESET", "SOFT_RESET")
CRASH_FILE = "crash"

# What a file of this name asks the next start for.
UPDATE_FILE = "update"
SLEEP_FILE = "sleep"
NOTHING, UPDATE_ASKED, SLEEP_ASKED = range(3)
REQUESTS = ("nothing asked", "update asked", "sleep asked")

NORMAL, MINIMAL, OFF, UPDATE, SLEEP, LOOK = range(6)
STAGES = ("NORMAL", "MINIMAL", "OFF", "UPDATE", "SLEEP", "LOOK")
# Starts in a row that did not last, in classes.
CRASHES_MINIMAL = 5
CRASHES_OFF = 10
CLASSES = ("under 5 early crashes", "5 to 9 early crashes", "10 early crashes or more")
HEALTHY_MS = 60_000  # a start that lasted this long went well

# Started, woken from deep sleep, for each class of crashes.
# fmt: off
_TABLE = bytes((
    NORMAL, LOOK, MINIMAL, LOOK, OFF, OFF,           # nothing asked
    UPDATE, UPDATE, UPDATE, UPDATE, UPDATE, UPDATE,  # update asked
    SLEEP, SLEEP, SLEEP, SLEEP, OFF, OFF,            # sleep asked
))
# fmt: on

CRASH_PAUSE_MS = 1_000
UPDATE_MS = 600_000
OFF_MS = 3_600_000
_BLINK_MS = 250
# Full scale of the converter: 3.3 V behind a divider by six.
_FULL_SCALE_MV = 19_800
_MOST_SLEEP_BYTES = 16


def plan(request: int, crashed: int, reset_cause: int) -> int:
    """The stage, from the table."""
    group = (crashed >= CRASHES_MINIMAL) + (crashed >= CRASHES_OFF)
    return _TABLE[request * 6 + group * 2 + (reset_cause == DEEP_SLEEP)]


def run() -> None:
    """Returns to the REPL, or not at all. The current folder is the root of the flash."""
    cause = reset_cause()
    request, slept, planned_s = _requested()
    stage = plan(request, crashes.count(""), cause)
    if stage == LOOK:
        by_timer = _time_s() >= planned_s - power.EARLY_S
        state = power.after_sleep(slept, supply_mv(), by_timer)
        if state != power.AWAKE:
            fall_asleep(state, True)
        stage = plan(NOTHING, crashes.count(""), HARD)
    if stage == SLEEP:
        fall_asleep(slept, planned_s == _BUS_IS_SILENT)
    _remove(SLEEP_FILE)
    if stage == UPDATE:
        _remove(UPDATE_FILE)
        _wait_for_tool("update mode: waiting for a tool", UPDATE_MS)
        machine.reset()
    if stage == OFF:
        _wait_for_tool("not started: it crashed too often", OFF_MS)
        fall_asleep(power.LOW, False)
    _start(stage == MINIMAL, cause, slept)


def _start(minimal: bool, cause: int, slept: int) -> None:
    # An exception that nobody expected, while the application loads or later, is noted in the file
    # `crash` and resets the board: locked, and with the reason in the next BOOT record.
    crashes.begin("")
    try:
        from vcu import app

        app.run(minimal, cause, slept)
    except KeyboardInterrupt:
        crashes.settled("")  # a tool took over: no fault of the software
        raise
    except Exception as error:  # the one place: nothing continues from here
        note_crash(error)
        # Long enough for a mechanic's Ctrl-C on a board that crashes at every start.
        time.sleep_ms(CRASH_PAUSE_MS)
        machine.reset()


def reset_cause() -> int:
    """Why the board started; asked once, because it takes the note of a crash away."""
    cause = machine.reset_cause()
    try:
        os.rename(CRASH_FILE, CRASH_FILE + ".last")
        if cause != getattr(machine, "PWRON_RESET", None):
            return CRASH
        # Power went before the reset: what was interrupted may be long ago.
    except OSError:
        pass  # the usual case: there was no crash
    for number in range(len(_CAUSES)):
        if getattr(machine, _CAUSES[number], None) == cause:
            return number + POWER_ON
    return UNKNOWN


def note_crash(error: Exception) -> None:
    try:
        with open(CRASH_FILE, "w") as file:
            sys.print_exception(error, file)
    except (OSError, MemoryError):
        pass  # flash or memory is the fault, then; the reset is what matters


def supply_mv() -> int:
    """The 12 V supply; 0 where nothing is connected to the sense pin, or there is none."""
    try:
        return machine.ADC(machine.Pin("VSENSE")).read_u16() * _FULL_SCALE_MV // 65_535
    except ValueError:
        return 0


# --- asked for by the running application, done by the next start ---

_BUS_IS_SILENT, _BUS_IS_NOT = 0, 1  # in the place of the time, before it sleeps


def ask_for_sleep(state: int, silent: bool) -> None:
    """Does not return. `state` is power.ASLEEP, LOW or CRITICAL."""
    crashes.settled("")
    _write(SLEEP_FILE, "%d %d" % (state, _BUS_IS_SILENT if silent else _BUS_IS_NOT))
    machine.reset()


def reset() -> None:
    """Does not return. It is no crash."""
    crashes.settled("")
    machine.reset()


def ask_for_update() -> None:
    """Does not return. The caller has made sure that the vehicle is locked and stands."""
    crashes.settled("")
    _write(UPDATE_FILE, "")
    machine.reset()


def fall_asleep(state: int, silent: bool) -> None:
    """Does not return: the end of sleep is a start, with the cause DEEP_SLEEP."""
    time_ms = power.LOOK_MS[state]
    _write(SLEEP_FILE, "%d %d" % (state, _time_s() + time_ms // 1000))
    armed = power.wakes(state, silent)
    if armed & power.BY_BUTTON:
        _arm("BUTTON")
    if armed & power.BY_BUS:
        _arm("CAN1_RX")
    machine.deepsleep(time_ms)


def _arm(name: str) -> None:
    pin = machine.Pin(name, machine.Pin.IN)
    try:
        pin.irq(trigger=_edges(), wake=machine.DEEPSLEEP)
    except (TypeError, ValueError, AttributeError):
        pass  # a chip whose wake pins are wired, not chosen


def _edges() -> int:
    return machine.Pin.IRQ_RISING | machine.Pin.IRQ_FALLING


def _requested() -> tuple[int, int, int]:
    # (request, state of the sleep, when it was to end by the clock of the board)
    try:
        os.stat(UPDATE_FILE)
        return UPDATE_ASKED, power.AWAKE, 0
    except OSError:
        pass
    try:
        with open(SLEEP_FILE) as file:
            state, until_s = file.read(_MOST_SLEEP_BYTES).split()
        slept, planned_s = int(state), int(until_s)
    except (OSError, ValueError):
        return NOTHING, power.AWAKE, 0
    if not power.ASLEEP <= slept <= power.CRITICAL:
        return NOTHING, power.AWAKE, 0
    asked = planned_s in (_BUS_IS_SILENT, _BUS_IS_NOT)
    return SLEEP_ASKED if asked else NOTHING, slept, planned_s


def _wait_for_tool(why: str, limit_ms: int) -> None:
    # A tool's Ctrl-C ends this, and the REPL comes.
    print(why)
    led = machine.Pin("LED", machine.Pin.OUT)
    begin_ms = time.ticks_ms()
    lit = 0
    while time.ticks_diff(time.ticks_ms(), begin_ms) < limit_ms:
        lit = 1 - lit
        led.value(lit)
        time.sleep_ms(_BLINK_MS)


def _time_s() -> int:
    return int(time.time())


def _write(name: str, text: str) -> None:
    try:
        with open(name, "w") as file:
            file.write(text)
    except OSError:
        pass  # without it the next start is a usual one


def _remove(name: str) -> None:
    try:
        os.remove(name)
    except OSError:
        pass
