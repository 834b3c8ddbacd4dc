"""Wires the board to the vehicle controller and keeps it running."""

import gc
import os
import select
import sys
import time

import machine
import protocol
from protocol import lock

import vcu
from vcu import power, start
from vcu.cable import Cable
from vcu.clock import Uptime, WallClock
from vcu.flash import crashes
from vcu.loop import Loop
from vcu.safety import STILL_MMPS
from vcu.vcu import Vcu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vcu.can.shape import Device
    from vcu.safety import Outputs

WATCHDOG_MS = 8_000
# The heap is collected before it is full, or what lives long would be scattered all over it and
# leave no room in one piece for a presentation.
COLLECT_BYTES = 32_768
LOOK_MS = 1_000  # at the supply and at who is silent
_TYPED_BYTES = 256  # of one turn
_DROWSY_MS = 100
TELL_MS = 10_000  # so long it waits for a gateway to take its last word before deep sleep
# Of use while a vehicle is built; afterwards their memory is worth more.
_BUILDERS = (
    "vcu.software",
    "vcu.configuration",
    "protocol.vehicle",
    "vcu.can.choice",
    "vcu.can.machine_can",
)


class Board:
    """What the vehicle controller needs of a board."""

    def __init__(self, reset_cause: int) -> None:
        self.can = _controller()
        self.ticks_ms = time.ticks_ms
        self.wall = WallClock(machine.RTC(), 0)
        self.uptime = Uptime(time.ticks_ms, time.ticks_diff)
        self.random = os.urandom
        self.identifier = machine.unique_id()
        self.folder = ""  # the current folder is the root of the flash
        self.slots = find_slots
        self.is_sound = is_sound
        self.reset_cause = reset_cause
        names = ("LOCK", "DRIVE_EN", "LIGHTS", "HORN")
        self._door = machine.Pin("DOOR", machine.Pin.OUT, value=0)
        self._pins = [machine.Pin(name, machine.Pin.OUT, value=0) for name in names]

    def pins(self, outputs: "Outputs", bolt: bool) -> None:
        """What the safety kernel says, beside the bus: bolt, drive line, lights, horn."""
        levels = (bolt, outputs.enable, outputs.lights, outputs.horn)
        for pin, level in zip(self._pins, levels):
            pin.value(level)

    def release(self, door: bool) -> None:
        """The emergency egress, beside everything else."""
        self._door.value(door)


def is_sound(vehicle: Vcu, now_ms: int) -> bool:
    """The self-test beside the application; loaded when software is on trial."""
    from vcu import selftest

    return selftest.is_sound(selftest.running(vehicle, now_ms))


def _controller() -> "Device":
    from vcu.can import choice

    return choice.controller()


def find_slots() -> "Any":
    """The place for another application; None where boot.py does not say which one runs."""
    import __main__  # type: ignore[import-not-found]  # in sys.modules of few ports only

    running = getattr(__main__, "slot", None)
    if running is None:
        return None
    if sys.path[0] == "/rom":
        from vcu.update.rom_slots import RomSlots

        return RomSlots(running)
    from vcu.update.folder_slots import FolderSlots

    return FolderSlots(running)


def run(minimal: bool = False, reset_cause: int = start.UNKNOWN, slept: int = power.AWAKE) -> None:
    """Does not return. What it raises, start.py sees to."""
    gc.threshold(COLLECT_BYTES)
    board = Board(reset_cause)
    vehicle = build(board, minimal)
    keeper = Keeper(vehicle, slept, board.uptime.now())
    # Not before here: what asks for it has to be ready to feed it.
    watchdog = machine.WDT(timeout=WATCHDOG_MS)
    now = board.uptime.now
    loop = Loop(keeper, now, _waiter(board.can), gc.collect, watchdog.feed)
    if vehicle.watch:
        vehicle.watch.health.add(3, loop, "piece_ms")
    while True:
        loop.turn()
        keeper.tend(now())


def build(board: Board, minimal: bool) -> Vcu:
    """`minimal`: all that drives and locks; it tells nothing of itself but that."""
    vehicle = Vcu(board, _software_hash(), board.uptime.now(), minimal)
    for name in _BUILDERS:
        _forget(name)
    return vehicle


def _software_hash() -> bytes:
    from vcu import software

    folders = [str(module.__file__).rsplit("/", 1)[0] for module in (protocol, vcu)]
    return software.digest(tuple(folders))


def _forget(name: str) -> None:
    """A module that nobody else holds gives its memory back; who imports it again loads it."""
    package, _, own = name.rpartition(".")
    if sys.modules.pop(name, None) and hasattr(sys.modules[package], own):
        delattr(sys.modules[package], own)


def _sealed_hash() -> bytes:
    """Of what is sealed in the slot that runs, without its number; empty where there is no slot."""
    slots = find_slots()
    sealed = slots.running()[8:40] if slots is not None else b""
    for name in ("vcu.update.rom_slots", "vcu.update.folder_slots"):
        _forget(name)
    return bytes(sealed)


class Desk:
    """The vehicle's commands, as the cable needs them. One presentation at a time."""

    def __init__(self, vehicle: Vcu) -> None:
        self._vehicle = vehicle

    def challenge(self, life_ms: int, now_ms: int) -> "bytes | None":
        if self._vehicle.fault:
            return None
        given: bytes = self._vehicle.gate.challenges.give(now_ms, life_ms)
        return given

    def offer(self, presentation: bytes, now_ms: int) -> bool:
        if self._vehicle.commands.has_work():
            return False
        self._vehicle.commands.offer(presentation, now_ms)
        return True

    def outcome(self) -> "int | None":
        found: int | None = self._vehicle.commands.outcome
        return found


class Keeper:
    """The vehicle as the loop sees it, and what is looked at beside it: the health of this start,
    the supply, silent nodes, the serial line."""

    def __init__(self, vehicle: Vcu, slept: int, now_ms: int) -> None:
        self._vehicle = vehicle
        self._guard = power.Guard(slept, now_ms)
        desk = Desk(vehicle)
        self._cable = Cable(desk.challenge, desk.offer, desk.outcome, _sealed_hash())
        typed = select.poll()
        typed.register(sys.stdin, select.POLLIN)
        # Asked on every turn: ipoll() takes no memory; CPython has only poll().
        self._typed = getattr(typed, "ipoll", typed.poll)
        self._heard_ms = now_ms
        self._look_ms = now_ms
        self._now_ms = now_ms
        self._healthy_at_ms = now_ms + start.HEALTHY_MS
        self._settled = False
        self._speaks = True
        self._told_by_ms = now_ms
        # To the loop these are the vehicle's own.
        self.transmit = vehicle.transmit
        self.has_work = vehicle.has_work
        self.work = vehicle.work
        self.housekeeping = vehicle.housekeeping

    # --- one turn, as Loop calls it ---

    def receive(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._vehicle.receive(now_ms)

    def cyclic(self, now_ms: int) -> None:
        # Drowsy, it falls silent, so that the other nodes go to sleep; whoever asks wakes it at
        # once, and whoever is refused leaves it as it was.
        speaks = self._guard.state == power.AWAKE or self._vehicle.wakes()
        if speaks and not self._speaks:
            self._vehicle.resume(now_ms)
        self._speaks = speaks
        if speaks:
            self._vehicle.cyclic(now_ms)
        else:
            self._vehicle.watch_over(now_ms)

    def next_deadline_ms(self) -> int:
        if self._speaks:
            deadline_ms: int = self._vehicle.next_deadline_ms()
            return deadline_ms
        return self._now_ms + _DROWSY_MS

    # --- beside it ---

    def tend(self, now_ms: int) -> None:
        self._serve_cable(now_ms)
        desk = self._vehicle.diagnosis.desk
        if desk is not None and desk.wants_reset(now_ms):
            start.reset()
        if now_ms < self._look_ms:
            return
        self._look_ms = now_ms + LOOK_MS
        if self._vehicle.updates.wants_reset(now_ms):
            start.reset()
        if not self._settled and now_ms >= self._healthy_at_ms:
            self._settled = crashes.settled("")
        facts = self._facts(now_ms)
        supply_mv = start.supply_mv()
        if self._vehicle.watch and power.is_measured(supply_mv):
            self._vehicle.watch.telemetry.supply_mv = supply_mv
        state = self._guard.step(supply_mv, facts, now_ms)
        if state != self._vehicle.rest:
            self._tell(state, now_ms)
        elif state >= power.ASLEEP and self._is_told(now_ms):
            start.ask_for_sleep(state, bool(facts & power.SILENT))

    def _tell(self, state: int, now_ms: int) -> None:
        # Whoever waits for the next sample knows why it does not come.
        self._vehicle.rest = state
        self._told_by_ms = now_ms + TELL_MS
        watch = self._vehicle.watch
        if watch and state >= power.ASLEEP:
            watch.telemetry.told(now_ms)
        elif watch:
            watch.telemetry.event()

    def _is_told(self, now_ms: int) -> bool:
        if self._vehicle.wakes():
            return False
        return now_ms >= self._told_by_ms or not self._is_pending(now_ms)

    def _facts(self, now_ms: int) -> int:
        vehicle = self._vehicle
        facts = 0
        nodes = vehicle.nodes
        if nodes.plugged:
            facts |= power.PLUGGED
        if nodes.heard & ~nodes.silent:
            self._heard_ms = now_ms
        if now_ms - self._heard_ms >= power.QUIET_MS:
            facts |= power.SILENT
        if vehicle.drive.lock == lock.LOCKED:
            facts |= power.LOCKED
        if self._stands(now_ms):
            facts |= power.STILL
        return facts | power.PENDING if self._is_pending(now_ms) else facts

    def _stands(self, now_ms: int) -> bool:
        if not self._vehicle.rest:
            still: bool = self._vehicle.drive.is_still()
            return still
        # At rest the nodes are asleep, and without a speed the kernel confirms nothing. It stood
        # then, or nobody knew; who says that it rolls wakes it.
        return abs(self._vehicle.motion.speed(now_ms) or 0) < STILL_MMPS

    def _is_pending(self, now_ms: int) -> bool:
        if self._vehicle.has_work():
            return True
        # Without a gateway, or with one that takes nothing, nothing can be sent: what waits on
        # flash waits there in sleep, too.
        gateway = self._vehicle.signals.fresh("GW_Heartbeat", now_ms) is not None
        return gateway and bool(self._vehicle.outbox.is_awaited(now_ms))

    def _serve_cable(self, now_ms: int) -> None:
        said = self._cable.poll()
        if self._is_typed():
            said += self._cable.take(self._read_typed(), now_ms)
        if said:
            sys.stdout.write(said.decode())

    def _is_typed(self) -> bool:
        for _ in self._typed(0):
            return True
        return False

    def _read_typed(self) -> bytes:
        data = b""
        while len(data) < _TYPED_BYTES and self._is_typed():
            byte = sys.stdin.buffer.read(1)
            if not byte:
                break  # the console is gone
            data += byte
        return data


def _waiter(can: "Device") -> "Callable[[int], None]":
    # Only the virtual board can wait for the bus itself; a chip wakes from idle() every 1 ms.
    if hasattr(can, "wait"):
        return can.wait

    def wait(ms: int) -> None:
        machine.idle()

    return wait
