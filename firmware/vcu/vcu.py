"""The vehicle controller, put together: what happens on each turn of the loop."""

from protocol import access, lock, record
from protocol.challenge import Challenges
from protocol.errors import DecodeError, RefusedError
from protocol.link import encode_hello

from vcu import degrade, limits, session
from vcu.can.cycle import Cycle
from vcu.can.port import Port
from vcu.can.signals import Signals
from vcu.challenges import Online
from vcu.commands import Commands
from vcu.diagnosis import BROADCAST, Diagnosis
from vcu.diagnosis import REQUEST as DIAGNOSIS
from vcu.drive import Drive
from vcu.errors import StateError
from vcu.flash.memory import Memory
from vcu.hmi import Hmi
from vcu.link import RECORD_FLOW, REQUEST, Link
from vcu.motion import Motion
from vcu.odometer import Odometer
from vcu.refusals import Refusals
from vcu.update.updates import Updates
from vcu.version import FIRMWARE
from vcu.watch import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vcu.flash.provision import Provision

MOST_FRAMES = 16  # received in one turn: 6 ms of an STM32F405
SECOND_MS = 1_000
PLUG_EVERY_MS = 60_000  # the charger's last word is not stored more often
_OPERATIONAL = 2
_FAULT = 4
# Reset causes after which an open ride goes on: nobody asked for them.
_WATCHDOG = 3
_CRASH = 6
_CRASHES = 0  # in State.last: how many starts came after one of these two


class Vcu:
    """One vehicle. `board` is what app.Board says; `software` is the hash for the heartbeat.

    `minimal`: bus, presentations, lock, drive and panel; no telemetry, cross-checks or health.
    """

    def __init__(self, board: "Any", software: bytes, now_ms: int, minimal: bool = False) -> None:
        self.wall = board.wall
        # A clock that runs before the floor is known is good enough to name a boot, see Provision.
        self.memory = Memory(board.folder, self.wall.time)
        self.store = self.memory.store
        self.outbox = self.memory.outbox
        provision = self.memory.provision
        self.wall.floor_s = provision.time_floor
        self.fault = provision.fault
        self.state = provision.state
        # As the heartbeat's signal lies on the bus.
        self.software = software
        self._software = bytes((software[3], software[2], software[1], software[0]))
        self._now_ms = self._second_ms = now_ms
        self.rest = 0  # of power.py: whoever watches the supply sets it
        self.folder = board.folder
        self.board_id = board.identifier
        self._build(board, now_ms)
        self._build_gate(board, provision)
        self.updates = Updates(self, board)
        self.watch = None if minimal else Watch(self, self._odd_config)
        self._report_start(board, provision, self.outbox.restore(), now_ms)
        self._resume(board.reset_cause, now_ms)
        self.updates.start(now_ms)

    def _build(self, board: "Any", now_ms: int) -> None:
        from vcu import configuration  # not for longer than that, see app.py

        self.signals = Signals()
        self._status = self.signals.slot("MC_Status1")
        self._inputs = self.signals.slot("HMI_Inputs")
        self._keys = self.signals.slot("HMI_Keys")
        self._speed = self.signals.handle("MC_Status1", "Speed_mmps")
        self.bus = Port(board.can, self.signals, now_ms, board.ticks_ms)
        # In sleep the charger may have been pulled off the bus, but not off the vehicle.
        self.nodes = degrade.Nodes(bool(self.state.last.get(degrade.PLUGGED)))
        self._plug_ms = now_ms
        self.odometer = Odometer(self.state.odometer_m)
        self.motion = Motion(self.odometer)
        self.refusals = Refusals(self.outbox)
        vehicle, self._odd_config = configuration.load(board.folder)
        self.drive = Drive(self.fault, vehicle, self.signals, board.pins, self._lock_changed)
        self.drive.nodes = degrade.faults(degrade.REQUIRED, 0, self.nodes.plugged)
        self._release = board.release
        bus = self.bus
        self._drive_cycle = Cycle(bus, "VCU_Drive", now_ms)
        self._lock_cycle = Cycle(bus, "VCU_Lock", now_ms)
        self._panel_cycle = Cycle(bus, "VCU_Panel", now_ms)
        self._beat_cycle = Cycle(bus, "VCU_Heartbeat", now_ms)
        self.cycles = (self._drive_cycle, self._lock_cycle, self._panel_cycle, self._beat_cycle)

    def _build_gate(self, board: "Any", provision: "Provision") -> None:
        challenges = Challenges(board.random)
        authority = access.Authority(
            provision.vehicle,
            provision.owner,
            self.state.generation,
            provision.time_floor,
            self.state.revoked,
        )
        self.gate = access.Gate(authority, challenges)
        self.diagnosis = Diagnosis(self)
        self._diagnosed = False  # was the last piece of work of a tester?
        self.commands = Commands(self)
        self.hmi = Hmi(self, self.commands.persist, self._now_ms)
        self.link = Link(
            self.bus.send,
            self.outbox,
            encode_hello(provision.vehicle, self.state.boot, FIRMWARE),
            # A vehicle that obeys nobody hands out no challenge.
            None if self.fault else self._challenge,
            self.commands.offer,
        )
        self.online = Online(challenges, self.link.publish_challenge)

    def _challenge(self, now_ms: int) -> bytes:
        return self.online.message(now_ms)

    def _report_start(self, board: "Any", provision: "Provision", unsent: int, now_ms: int) -> None:
        body = {
            0: FIRMWARE,
            1: board.reset_cause,
            2: self.fault,
            3: provision.last_boot,
            4: unsent,
        }
        self.outbox.record(record.BOOT, body, now_ms)
        state, reason = self.drive.lock, self.drive.outputs.lock_reason
        self.outbox.record(record.LOCK, {0: state, 1: state, 2: reason}, now_ms)

    def _resume(self, reset_cause: int, now_ms: int) -> None:
        """A ride that a watchdog or a crash interrupted goes on: nobody ended it."""
        if reset_cause in (_WATCHDOG, _CRASH):
            self._count_crash()
            try:
                session_limits, pending = session.decode(self.state.session)
                self.drive.resume(session_limits, now_ms)
                if pending:
                    self.drive.end(now_ms)
                return
            except (DecodeError, StateError):
                pass  # there was none, or it may not go on
        self._keep_session(session.NONE)

    @property
    def crashes(self) -> int:
        """In the vehicle's life."""
        return self.state.last.get(_CRASHES, 0)

    def _count_crash(self) -> None:
        last = dict(self.state.last)
        last[_CRASHES] = self.crashes + 1
        self._keep("last", last)

    def health_sources(self) -> "tuple[Any, ...]":
        """What vcu/health.py reads beside the bus: key, object, attribute."""
        out: list[Any] = []
        for cycle in self.cycles:
            out += (2, cycle, "missed")
        out += self.link.health_sources()
        out += self.memory.health_sources()
        out += (24, self.refusals, "untold", 26, self, "crashes", 27, self.state, "boot")
        return tuple(out)

    # --- one turn ---

    def receive(self, now_ms: int) -> None:
        """Take what the bus brought."""
        self._now_ms = now_ms
        self.bus.tick(now_ms)
        for _ in range(MOST_FRAMES):
            if not self.bus.receive(now_ms):
                break
            self._take(now_ms)

    def cyclic(self, now_ms: int) -> None:
        """Send the frames whose deadline has come."""
        if self._drive_cycle.advance(now_ms):
            self._now_ms = now_ms
            self.drive.step(now_ms)
            self._send_drive()
        if self._lock_cycle.advance(now_ms):
            self.drive.lock_values(self.refusals.last_code, self._lock_cycle.values)
            self._lock_cycle.send()
        if self._panel_cycle.advance(now_ms):
            faults = self.watch.faults.count() if self.watch else 0
            self._panel_cycle.set(self.hmi.signals(faults, now_ms))
            self._panel_cycle.send()
        if self._beat_cycle.advance(now_ms):
            values = self._beat_cycle.values
            values[0] = _FAULT if self.fault else _OPERATIONAL
            values[1] = self.state.boot & 0xFFFF
            values[2] = self._software
            self._beat_cycle.send()

    def resume(self, now_ms: int) -> None:
        """After a time of silence."""
        for cycle in self.cycles:
            cycle.resume(now_ms)

    def watch_over(self, now_ms: int) -> None:
        """In the place of `cyclic`, without a word: lights, horn, and does somebody push it?"""
        if now_ms >= self._drive_cycle.due_ms:
            self._drive_cycle.resume(now_ms)  # slower on purpose: nothing is missed
            self._now_ms = now_ms
            self.drive.step(now_ms)

    def _send_drive(self) -> None:
        outputs, values = self.drive.outputs, self._drive_cycle.values
        for place in range(len(values)):  # both are in the order of the table
            values[place] = outputs[place]
        self._drive_cycle.send()

    def next_deadline_ms(self) -> int:
        """When the next cyclic frame is due."""
        due_ms = self._drive_cycle.due_ms
        for cycle in self.cycles:
            due_ms = min(due_ms, cycle.due_ms)
        return due_ms

    def transmit(self, now_ms: int) -> bool:
        """The channels to the gateway, and to a tester. True if a frame left."""
        left = self.link.pump(now_ms)
        desk = self.diagnosis.desk
        return (desk is not None and desk.pump(now_ms)) or left

    def has_work(self) -> bool:
        if self.commands.has_work() or self.hmi.codes.is_checking():
            return True
        return bool(self.updates.has_work() or self.diagnosis.has_work(self._now_ms))

    def wakes(self) -> bool:
        """Does somebody want something of it, by whatever path, or is it open?"""
        if self.commands.has_work() or self.hmi.codes.is_checking() or self.hmi.typed():
            return True
        used = self.drive.lock != lock.LOCKED or self.updates.has_work() or self.updates.holds()
        return used or self.diagnosis.wakes(self._now_ms)

    def work(self, now_ms: int) -> None:
        """One piece of what may take a while."""
        self._now_ms = now_ms
        # Codes come first: their back-off bounds them, so they hold nothing up for long.
        if self.hmi.codes.is_checking():
            self.hmi.codes.step(now_ms)
        elif self.diagnosis.has_work(now_ms) and not self._diagnosed:
            # Every other piece at most: who asks without a pause holds no command up for long.
            self._diagnosed = self.commands.has_work() or self.updates.has_work()
            self.diagnosis.work(now_ms)
        elif self.commands.has_work():
            self._diagnosed = False
            self.commands.step(now_ms)
            if self.diagnosis.desk is not None:
                self.diagnosis.desk.settle(self.commands.outcome)
        else:
            self._diagnosed = False
            if self.updates.has_work():
                self.updates.step(now_ms)

    def housekeeping(self, now_ms: int) -> None:
        """What has seconds of time."""
        self._now_ms = now_ms
        if not self.fault:
            self.online.tick(now_ms)
        self.hmi.tick(now_ms)
        self._release(self.hmi.egress.releases(now_ms))
        self.signals.tick(now_ms)
        if now_ms - self._second_ms >= SECOND_MS:
            self._second_ms = now_ms
            self._each_second(now_ms)
        if self.watch:
            self.watch.tick(now_ms)

    def _each_second(self, now_ms: int) -> None:
        self.drive.nodes = self.nodes.look(self.signals, now_ms)
        self._keep_plug(now_ms)
        self.updates.tick(now_ms)
        self.drive.zone_mmps = limits.zone(
            self.state.zone_mmps, self.state.zone_until, self.wall.read()
        )
        if self.drive.lock == lock.LOCKED:
            self._keep_session(session.NONE)  # again, where flash failed at the lock
        if self.odometer.is_due(self.drive.lock == lock.LOCKED):
            self.odometer.saved()
            self._keep("odometer_m", self.odometer.metres)

    # --- its parts ---

    def _take(self, now_ms: int) -> None:
        bus = self.bus
        frame = bus.frame
        if frame.identifier in (REQUEST, RECORD_FLOW):
            self.link.take(frame.identifier, bytes(frame.data)[: frame.length], now_ms)
            return
        if frame.identifier in (DIAGNOSIS, BROADCAST):
            self.diagnosis.came(frame.identifier, bytes(frame.data)[: frame.length], now_ms)
            return
        slot = self.signals.take(bus.row, frame.data, frame.length, bus.at_ms)
        if slot == self._status:
            speed_mmps = self.signals.value(self._speed)
            self.motion.saw(speed_mmps, bus.at_ms)
            self.drive.saw_speed(speed_mmps, bus.at_ms)
        elif slot == self._inputs:
            self.drive.saw_dash()
        elif slot == self._keys:
            keys = self.signals.fresh("HMI_Keys", now_ms)
            if keys:
                self.hmi.keys(keys, now_ms)

    def _keep_plug(self, now_ms: int) -> None:
        plugged = int(self.nodes.plugged)
        # A plug that comes and goes does not wear the flash.
        if self.state.last.get(degrade.PLUGGED, 0) == plugged or now_ms < self._plug_ms:
            return
        self._plug_ms = now_ms + PLUG_EVERY_MS
        last = dict(self.state.last)
        last[degrade.PLUGGED] = plugged
        self._keep("last", last)

    def _lock_changed(self, state: int, previous: int, reason: int) -> None:
        self.outbox.record(record.LOCK, {0: state, 1: previous, 2: reason}, self._now_ms)
        # Only what drives goes on after a reset: what waits for the rider would start by itself.
        if state == lock.LOCK_PENDING and previous == lock.DRIVE:
            self._keep_session(session.encode(self.drive.limits, True))
        elif state == lock.DRIVE:
            if reason == lock.RIDER_ACTION:
                self._keep_session(session.encode(self.drive.limits, False))
        else:
            self._keep_session(session.NONE)

    def _keep_session(self, data: bytes) -> None:
        if self.state.session != data:
            self._keep("session", data)

    def _keep(self, name: str, value: "Any") -> None:
        """Store what is good to know after a restart; a flash that fails is reported, no more."""
        try:
            self.commands.persist(name, value)
        except RefusedError:
            self.outbox.journal_failed = True
