"""The self-test: its steps, and the form that runs beside the application.

A step is (number, name, result, value, unit). Nothing here moves anything or waits: who asks may be
on the road. The form for the bench, which moves the bolt, is in benchtest.py.
"""

import gc
import os

from vcu.power import is_measured

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Step = tuple[int, str, int, int, str]

PASS, FAIL, ABSENT = range(3)  # ABSENT: not possible here, as nothing is connected

# The place of a name is the step's number; docs/diagnosis.md and the workbench know the same table.
_NAMES = " flash clock random supply can_loopback bus speed pack dash bolt panel identity cycle"
NAMES = (_NAMES + " memory").split(" ")
(
    FLASH,
    CLOCK,
    RANDOM,
    SUPPLY,
    CAN_LOOPBACK,
    BUS,
    SPEED,
    PACK,
    DASH,
    BOLT,
    PANEL,
    IDENTITY,
    CYCLE,
    MEMORY,
) = range(1, 15)
# What a new application must do well to stay; the others depend on what is plugged in.
OWN = (FLASH, RANDOM, BUS, IDENTITY, CYCLE, MEMORY)

SUPPLY_LEAST_MV = 9_000
SUPPLY_MOST_MV = 16_000
RANDOM_BYTES = 64
RANDOM_DISTINCT = 40  # of 256 values in 64 draws: 57 are usual, fewer than 41 once in 10^9
HEAP_LEAST_BYTES = 16_384
# Of a thousand cycles: a start, or a flash that erases, may cost a few.
MISSED_PERMILLE = 5
MISSED_FREE = 5
# Numbers of its nodes; each frame says what it measures.
NODES = (
    (SPEED, "MC_Status1", "Speed_mmps", "mm/s"),
    (PACK, "BMS_Pack", "Soc_permille", "permille"),
)
STEERING = (DASH, "HMI_Inputs", "SteeringAngle_cdeg", "cdeg")


def step(number: int, result: int, value: int = 0, unit: str = "") -> "Step":
    return number, NAMES[number], result, value, unit


def running(vehicle: "Any", now_ms: int) -> "list[Step]":
    """Beside the application: what it knows of itself and of its nodes. `vehicle` is the Vcu."""
    from vcu import start  # of a board: the rules themselves need none

    out = [
        step(FLASH, FAIL if vehicle.outbox.journal_failed else PASS),
        _clock(vehicle.wall.read()),
        random(),
        supply(start.supply_mv()),
        _bus(vehicle.bus),
    ]
    for number, name, signal, unit in NODES + (STEERING,):
        out.append(_node(vehicle.signals, number, name, signal, unit, now_ms))
    out.append(step(IDENTITY, FAIL if vehicle.fault else PASS, vehicle.fault, "fault"))
    out.append(_cycle(vehicle, now_ms))
    out.append(_memory())
    return out


def is_sound(steps: "list[Step]") -> bool:
    """May a new application stay? Only of what is its own."""
    return all(found[0] not in OWN or found[2] != FAIL for found in steps)


def supply(millivolts: int) -> "Step":
    """0: nothing is connected to the sense pin."""
    if not millivolts:
        return step(SUPPLY, ABSENT, 0, "mV")
    good = SUPPLY_LEAST_MV <= millivolts <= SUPPLY_MOST_MV and is_measured(millivolts)
    return step(SUPPLY, PASS if good else FAIL, millivolts, "mV")


def random() -> "Step":
    """Two draws that differ, and not of a few values only: challenges are made of them."""
    drawn = os.urandom(RANDOM_BYTES)
    distinct = len(set(drawn))
    good = distinct >= RANDOM_DISTINCT and drawn != os.urandom(RANDOM_BYTES)
    return step(RANDOM, PASS if good else FAIL, distinct, "values")


def _clock(clock: "Any") -> "Step":
    return step(CLOCK, PASS if clock.certain else FAIL, clock.now, "s")


def _bus(bus: "Any") -> "Step":
    # Joined: it heard a frame, or the bus was silent.
    good = bus.joined and not bus.is_off()
    return step(BUS, PASS if good else FAIL, bus.counters()[4], "bus-offs")


def _node(signals: "Any", number: int, name: str, signal: str, unit: str, now_ms: int) -> "Step":
    values = signals.fresh(name, now_ms)
    if values is not None:
        return step(number, PASS, values[signal], unit)
    return step(number, FAIL if signals.heard(name) else ABSENT, 0, unit)


def _cycle(vehicle: "Any", now_ms: int) -> "Step":
    missed, cycles = 0, 0
    for cycle in vehicle.cycles:
        missed += cycle.missed
        cycles += now_ms // cycle.period_ms
    good = missed * 1000 <= cycles * MISSED_PERMILLE + MISSED_FREE * 1000
    return step(CYCLE, PASS if good else FAIL, missed, "missed")


def _memory() -> "Step":
    if not hasattr(gc, "mem_free"):  # CPython
        return step(MEMORY, ABSENT, 0, "bytes")
    gc.collect()
    free = gc.mem_free()
    return step(MEMORY, PASS if free >= HEAP_LEAST_BYTES else FAIL, free, "bytes")
