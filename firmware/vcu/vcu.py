"""The vehicle controller, put together: what happens on each turn of the loop."""

from protocol import access, lock, mac, record
from protocol.challenge import Challenges
from protocol.link import encode_hello

from vcu.can.cycle import Cycle
from vcu.can.port import Port
from vcu.can.signals import Signals
from vcu.challenges import Online
from vcu.commands import Commands
from vcu.drive import Drive
from vcu.faults import Faults
from vcu.journal import Journal
from vcu.link import RECORD_FLOW, REQUEST, Link
from vcu.motion import Motion
from vcu.odometer import Odometer
from vcu.provision import Provision
from vcu.records import Outbox
from vcu.refusals import Refusals
from vcu.store import Store
from vcu.telemetry import Telemetry
from vcu.version import FIRMWARE

MOST_FRAMES = 64  # received in one turn
_OPERATIONAL = 2
_FAULT = 4


class Vcu:
    """One vehicle. `board` is what app.Board says; `software` is the hash for the heartbeat."""

    def __init__(self, board, software: bytes, now_ms: int):
        journal = Journal(board.folder)
        replayed = journal.replay()
        self.store = Store(board.folder)
        self.wall = board.wall
        # A clock that runs before the floor is known is good enough to name a boot, see Provision.
        provision = Provision(self.store, replayed[-1][0] if replayed else 0, self.wall.time())
        self.wall.floor_s = provision.time_floor
        self.fault = provision.fault
        self.state = provision.state
        self._software = int.from_bytes(software[:4], "big")
        self._build(board, provision, journal, now_ms)
        self._report_start(board, provision, self.outbox.restore(replayed), now_ms)

    def _build(self, board, provision, journal, now_ms: int) -> None:
        key = provision.key
        tag = mac.Hmac(mac.record_key(key)).tag if key else None
        boot = self.state.boot
        self.signals = Signals()
        self.odometer = Odometer(self.state.odometer_m)
        self.motion = Motion(self.odometer)
        self.bus = Port(board.can, self.signals, now_ms, board.ticks_ms)
        self._speed = self.signals.handle("MC_Status1", "Speed_mmps")
        self._status = self.signals.slot("MC_Status1")
        self._inputs = self.signals.slot("HMI_Inputs")
        self.outbox = Outbox(provision.vehicle, boot, tag, journal, self.wall.time)
        self.refusals = Refusals(self.outbox)
        self.drive = Drive(self.fault, self.signals, board.pins, self._lock_changed)
        self._telemetry = Telemetry(self)
        self._faults = Faults(self.outbox)
        self._now_ms = now_ms
        hello = encode_hello(provision.vehicle, boot, FIRMWARE)
        self._build_gate(board, provision, hello)
        self._cycles = (
            (Cycle(self.bus, "VCU_Drive", now_ms), self._drive_signals),
            (Cycle(self.bus, "VCU_Lock", now_ms), self._lock_signals),
            (Cycle(self.bus, "VCU_Heartbeat", now_ms), self._heartbeat_signals),
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
        state, reason = self.drive.lock, self.drive.outputs.lock_reason
        self.outbox.record(record.LOCK, {0: state, 1: state, 2: reason}, now_ms)

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
        for cycle, signals in self._cycles:
            if cycle.advance(now_ms):
                cycle.set(signals(now_ms))
                cycle.send()

    def next_deadline_ms(self) -> int:
        return min([cycle.due_ms for cycle, _ in self._cycles])

    def transmit(self, now_ms: int) -> bool:
        """The channels to the gateway. True if a frame left."""
        return self.link.pump(now_ms)

    def has_work(self) -> bool:
        return self.commands.has_work()

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
        self.signals.tick(now_ms)

    # --- its parts ---

    def _take(self, now_ms: int) -> None:
        bus = self.bus
        frame = bus.frame
        if frame.identifier in (REQUEST, RECORD_FLOW):
            self.link.take(frame.identifier, bytes(frame.data)[: frame.length], now_ms)
            return
        slot = self.signals.take(bus.row, frame.data, frame.length, bus.at_ms)
        if slot == self._status:
            self.motion.saw(self.signals.value(self._speed), bus.at_ms)
        elif slot == self._inputs:
            self.drive.saw_dash()

    def _lock_changed(self, state: int, previous: int, reason: int) -> None:
        self.outbox.record(record.LOCK, {0: state, 1: previous, 2: reason}, self._now_ms)
        if state == lock.LOCKED and self.odometer.metres != self.state.odometer_m:
            self.state.odometer_m = self.odometer.metres
            try:
                self.store.save(self.state)
            except OSError:
                self.outbox.journal_failed = True  # reported as a fault of flash

    def _drive_signals(self, now_ms: int) -> dict:
        self._now_ms = now_ms
        self.drive.step(now_ms)
        return self.drive.drive_signals()

    def _lock_signals(self, now_ms: int) -> dict:
        return self.drive.lock_signals(self.refusals.last_code)

    def _heartbeat_signals(self, now_ms: int) -> dict:
        return {
            "State": _FAULT if self.fault else _OPERATIONAL,
            "BootCount": self.state.boot & 0xFFFF,
            "SoftwareHash": self._software,
        }
