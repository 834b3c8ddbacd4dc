"""The vehicle controller, put together: what happens on each turn of the loop."""

from protocol import access, lock, record
from protocol.challenge import Challenges
from protocol.link import encode_hello

from vcu.bus import Bus
from vcu.challenges import Online
from vcu.commands import Commands
from vcu.cycle import Cycle
from vcu.drive import Drive
from vcu.faults import Faults
from vcu.flash.memory import Memory
from vcu.link import RECORD_FLOW, REQUEST, Link
from vcu.lock import Lock
from vcu.motion import Motion
from vcu.refusals import Refusals
from vcu.signals import Signals
from vcu.telemetry import Telemetry
from vcu.version import FIRMWARE

MOST_FRAMES = 64  # received in one turn
_OPERATIONAL = 2
_FAULT = 4


class Vcu:
    """One vehicle. `board` is what app.Board says; `software` is the hash for the heartbeat."""

    def __init__(self, board, software: bytes, now_ms: int):
        self.wall = board.wall
        # A clock that runs before the floor is known is good enough to name a boot, see Provision.
        self.memory = Memory(board.folder, self.wall.time)
        self.store = self.memory.store
        self.outbox = self.memory.outbox
        provision = self.memory.provision
        self.wall.floor_s = provision.time_floor
        self.fault = provision.fault
        self.state = provision.state
        self._software = int.from_bytes(software[:4], "big")
        self._acted_ms = None
        self._build(board, provision, now_ms)
        self._report_start(board, provision, self.outbox.restore(), now_ms)

    def _build(self, board, provision, now_ms: int) -> None:
        self.bus = Bus(board.can, now_ms)
        self.signals = Signals()
        self.motion = Motion(self.state.odometer_m)
        self.refusals = Refusals(self.outbox)
        self.lock = Lock(not self.fault, lambda *change: self._lock_changed(change))
        self._drive = Drive(self.fault)
        self._telemetry = Telemetry(self)
        self._faults = Faults(self.outbox)
        self._now_ms = now_ms
        hello = encode_hello(provision.vehicle, self.state.boot, FIRMWARE)
        self._build_gate(board, provision, hello)
        self._cycles = (
            (Cycle("VCU_Drive", now_ms), self._drive_signals),
            (Cycle("VCU_Lock", now_ms), self._lock_signals),
            (Cycle("VCU_Heartbeat", now_ms), self._heartbeat_signals),
        )

    def _build_gate(self, board, provision, hello: bytes) -> None:
        challenges = Challenges(board.random)
        authority = access.Authority(
            provision.vehicle,
            provision.owner,
            self.state.generation,
            provision.time_floor,
            self.state.revoked,
        )
        self.gate = access.Gate(authority, challenges)
        self.commands = Commands(self)
        self.link = Link(
            self.bus.send,
            self.outbox,
            hello,
            # A vehicle that obeys nobody hands out no challenge.
            None if self.fault else lambda now_ms: self.online.message(now_ms),
            self.commands.offer,
        )
        self.online = Online(challenges, self.link.publish_challenge)

    def _report_start(self, board, provision, unsent: int, now_ms: int) -> None:
        body = {
            0: FIRMWARE,
            1: board.reset_cause,
            2: self.fault,
            3: provision.last_boot,
            4: unsent,
        }
        self.outbox.record(record.BOOT, body, now_ms)
        self.outbox.record(
            record.LOCK, {0: self.lock.state, 1: self.lock.state, 2: self.lock.reason}, now_ms
        )

    # --- one turn ---

    def receive(self, now_ms: int) -> None:
        """Take what the bus brought, then let the lock follow it."""
        self._now_ms = now_ms
        self.bus.tick(now_ms)
        for _ in range(MOST_FRAMES):
            frame = self.bus.receive(now_ms)
            if frame is None:
                break
            self._take(frame[0], frame[1], now_ms)
        self.lock.step(self.motion.is_still(now_ms), self._acted_ms, now_ms)

    def cyclic(self, now_ms: int) -> None:
        """Send the frames whose deadline has come."""
        for cycle, signals in self._cycles:
            if cycle.advance(now_ms) and self.bus.send(
                cycle.identifier, cycle.frame(signals(now_ms))
            ):
                cycle.sent()

    def next_deadline_ms(self) -> int:
        return min([cycle.due_ms for cycle, _ in self._cycles])

    def transmit(self, now_ms: int) -> bool:
        """The channels to the gateway. True if a frame left."""
        return self.link.pump(now_ms)

    def has_work(self) -> bool:
        return self.commands.is_checking()

    def work(self, now_ms: int) -> None:
        """One piece of what may take a while."""
        self._now_ms = now_ms
        self.commands.step(now_ms)

    def housekeeping(self, now_ms: int) -> None:
        """What has seconds of time."""
        if not self.fault:
            self.online.tick(now_ms)
        self._telemetry.tick(now_ms)
        self._faults.tick(self.signals, self.bus, now_ms)

    # --- its parts ---

    def _take(self, identifier: int, data: bytes, now_ms: int) -> None:
        if identifier in (REQUEST, RECORD_FLOW):
            self.link.take(identifier, data, now_ms)
            return
        name = self.signals.take(identifier, data, now_ms)
        if name == "MC_Status1":
            self.motion.saw(self.signals.fresh(name, now_ms)["Speed_mmps"], now_ms)
        elif name == "HMI_Inputs":
            inputs = self.signals.fresh(name, now_ms)
            if inputs["Key"] and inputs["Brake"] and inputs["Gear"]:
                self._acted_ms = now_ms

    def _lock_changed(self, change: tuple) -> None:
        state, previous, reason = change
        self.outbox.record(record.LOCK, {0: state, 1: previous, 2: reason}, self._now_ms)
        if state == lock.LOCKED and self.motion.odometer_m != self.state.odometer_m:
            self.state.odometer_m = self.motion.odometer_m
            try:
                self.store.save(self.state)
            except OSError:
                self.outbox.journal_failed = True  # reported as a fault of flash

    def _drive_signals(self, now_ms: int) -> dict:
        inputs = self.signals.fresh("HMI_Inputs", now_ms)
        return self._drive.signals(self.lock, self.motion, inputs, now_ms)

    def _lock_signals(self, now_ms: int) -> dict:
        return {
            "Locked": int(self.lock.state == lock.LOCKED),
            "Pending": int(self.lock.state == lock.LOCK_PENDING),
            "State": self.lock.state,
            "Reason": self.lock.reason,
            "Refusal": self.refusals.last_code,
        }

    def _heartbeat_signals(self, now_ms: int) -> dict:
        return {
            "State": _FAULT if self.fault else _OPERATIONAL,
            "BootCount": self.state.boot & 0xFFFF,
            "SoftwareHash": self._software,
        }
