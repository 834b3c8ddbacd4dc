"""Presentations, one at a time: checked in steps by the gate, then executed, then answered.

Whatever a command changes is on flash before the answer says so.
"""

from protocol import command, lock, presentation, record, refusal
from protocol.access import MAX_REVOKED
from protocol.errors import DecodeError, RefusedError

from vcu.clock import LAST_S
from vcu.errors import StateError
from vcu.flash.identity import is_nobody

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# A check takes seconds. On a bus that leaves no time for it, challenge and grant must not live on.
CHECK_WITHIN_MS = 30_000


class Commands:
    """`vehicle` is the Vcu: its gate, drive, outbox, refusals, store, state and clock."""

    def __init__(self, vehicle: "Any") -> None:
        self._vehicle = vehicle
        self._steps: Any = None
        self._reading: Any = None  # one that is refused unchecked, and read only for its name
        self._begun_ms = 0
        # Of the presentation that was checked last: 0 done, -1 pending, else the code of its
        # refusal; None while it is checked.
        self.outcome: int | None = 0
        self._actions = {
            command.UNLOCK: self._unlock,
            command.LOCK: self._lock,
            command.RAISE_GENERATION: self._raise_generation,
            command.REVOKE_GRANT: self._revoke_grant,
            command.RAISE_TIME: self._raise_time,
            command.TRANSFER: self._transfer,
            command.DEPOSIT_CODES: self._deposit_codes,
            command.LIMIT_SPEED: self._limit_speed,
            command.UPDATE: self._update,
            command.DIAGNOSE: self._diagnose,
        }

    def has_work(self) -> bool:
        return self._steps is not None or self._reading is not None

    def offer(self, data: bytes, now_ms: int) -> None:
        """A presentation came in, from whatever path."""
        if self._vehicle.fault:
            self.outcome = refusal.UNPROVISIONED
            self._refuse_unchecked(refusal.UNPROVISIONED, data, now_ms)
        elif self._steps is not None:
            self._refuse_unchecked(refusal.BUSY, data, now_ms)
        else:
            clock = self._vehicle.wall.read()
            self._begun_ms = now_ms
            self.outcome = None
            self._steps = self._vehicle.gate.check_steps(data, now_ms, clock)

    def step(self, now_ms: int) -> None:
        """One piece of what is under way."""
        if self._reading is not None:
            self._read(now_ms)
            return
        try:
            next(self._steps)
        except StopIteration as stop:
            self._steps = None
            self._execute(stop.value, now_ms)
        except RefusedError as error:
            self._steps = None
            self._refused(error, now_ms)
        except MemoryError:  # hostile CBOR: thousands of tiny items in one message
            self._steps = None
            self.outcome = self._refuse(refusal.MALFORMED, None, now_ms)

    def _refuse_unchecked(self, code: int, data: bytes, now_ms: int) -> None:
        if self._reading is None:
            self._reading = (code, presentation.decode_steps(data))
        else:  # who floods the vehicle does not learn which one it was
            self._vehicle.refusals.refuse(code, None, now_ms)

    def _read(self, now_ms: int) -> None:
        code, steps = self._reading
        asked = None
        try:
            next(steps)
            return
        except StopIteration as stop:
            asked = stop.value
        except (DecodeError, MemoryError):
            pass  # refused without a name
        self._reading = None
        self._vehicle.refusals.refuse(code, asked, now_ms)

    def _refused(self, error: RefusedError, now_ms: int) -> None:
        asked: Any = error.asked
        # A command for another vehicle is refused before its challenge is looked at.
        if asked and asked.command.vehicle == self._vehicle.gate.authority.vehicle:
            self._vehicle.online.spent(asked.command.challenge, now_ms)
        self.outcome = self._refuse(error.code, asked, now_ms)

    def _execute(self, authorized: "Any", now_ms: int) -> None:
        self._vehicle.online.spent(authorized.command.challenge, now_ms)
        if now_ms - self._begun_ms > CHECK_WITHIN_MS:
            self.outcome = self._refuse(refusal.CHALLENGE, authorized, now_ms)
        else:
            self.outcome = self.execute(authorized, now_ms)

    def execute(self, authorized: "Any", now_ms: int) -> int:
        """Do it and answer; what comes here passed every check of its own kind. Returns what
        `outcome` says."""
        asked = authorized.command
        try:
            self._require_room(asked.action)
            outcome = self._actions[asked.action](authorized, now_ms)
        except (RefusedError, StateError) as error:
            code = error.code if isinstance(error, RefusedError) else refusal.STATE
            return self._refuse(code, authorized, now_ms)
        self._vehicle.refusals.last_code = 0
        body = {0: authorized.command_id, 1: asked.action, 2: asked.grant_id, 3: outcome}
        self._vehicle.outbox.record(record.ANSWER, body, now_ms)
        return -outcome

    def _refuse(self, code: int, asked: "Any", now_ms: int) -> int:
        self._vehicle.refusals.refuse(code, asked, now_ms)
        return code

    def _require_room(self, action: int) -> None:
        # What cannot be recorded is not done; but a session can always be ended.
        ends_session = action == command.LOCK and self._vehicle.drive.lock in (
            lock.READY,
            lock.DRIVE,
        )
        if not ends_session and not self._vehicle.outbox.has_room():
            raise RefusedError(refusal.STATE)

    def _unlock(self, authorized: "Any", now_ms: int) -> int:
        if self._vehicle.updates.holds():
            raise RefusedError(refusal.STATE)  # nobody rides on software that is on trial
        self._vehicle.drive.unlock(authorized.limits, now_ms)
        return record.DONE

    def _lock(self, authorized: "Any", now_ms: int) -> int:
        return record.DONE if self._vehicle.drive.end(now_ms) else record.PENDING

    def _raise_generation(self, authorized: "Any", now_ms: int) -> int:
        generation = authorized.command.args[0]
        if generation < self._vehicle.state.generation:
            raise RefusedError(refusal.ARGUMENT)
        self.persist("generation", generation)
        self._vehicle.gate.authority.generation = generation
        return record.DONE

    def _revoke_grant(self, authorized: "Any", now_ms: int) -> int:
        grant_id = authorized.command.args[0]
        revoked = self._vehicle.state.revoked
        if grant_id in revoked:
            return record.DONE
        if len(revoked) >= MAX_REVOKED:
            # Forgetting one would allow it again. Raising the generation still revokes.
            raise RefusedError(refusal.STATE)
        longer = list(revoked)
        longer.append(grant_id)
        self.persist("revoked", longer)
        self._vehicle.gate.authority.revoked = self._vehicle.state.revoked
        return record.DONE

    def _raise_time(self, authorized: "Any", now_ms: int) -> int:
        floor_s = authorized.command.args[0]
        # A floor never goes down: one that no clock reaches would end every grant for good.
        if not self._vehicle.gate.authority.time_floor <= floor_s <= LAST_S:
            raise RefusedError(refusal.ARGUMENT)
        self.persist("time_floor", floor_s)
        self._vehicle.gate.authority.time_floor = floor_s
        self._vehicle.wall.raise_to(floor_s)
        if self._vehicle.watch:
            self._vehicle.watch.clock_set()
        return record.DONE

    def _transfer(self, authorized: "Any", now_ms: int) -> int:
        owner = authorized.command.args[0]
        if is_nobody(owner):
            raise RefusedError(refusal.ARGUMENT)
        if owner != self._vehicle.gate.authority.owner:
            # First: an owner who comes back must find nobody's codes, whenever power goes.
            self._vehicle.hmi.codes.forget()
        self.persist("owner", owner)
        self._vehicle.gate.authority.owner = owner
        return record.DONE

    def _deposit_codes(self, authorized: "Any", now_ms: int) -> int:
        self._vehicle.hmi.codes.deposit(authorized.chain)
        return record.DONE

    def _limit_speed(self, authorized: "Any", now_ms: int) -> int:
        limit_mmps = authorized.command.args[0]
        until_s = authorized.command.args[1] if limit_mmps else 0
        clock = self._vehicle.wall.read()
        if until_s and clock.certain and until_s <= clock.now:
            raise RefusedError(refusal.ARGUMENT)
        state = self._vehicle.state
        before = state.zone_until
        state.zone_until = until_s  # one write for both, or power could part them
        try:
            self.persist("zone_mmps", limit_mmps)
        except RefusedError:
            state.zone_until = before
            raise
        return record.DONE

    def _update(self, authorized: "Any", now_ms: int) -> int:
        if not self._vehicle.drive.is_parked():
            raise RefusedError(refusal.STATE)
        self._vehicle.updates.allow(authorized.command.args[0], now_ms)
        return record.DONE

    def _diagnose(self, authorized: "Any", now_ms: int) -> int:
        self._vehicle.diagnosis.open(now_ms)
        return record.DONE

    def persist(self, name: str, value: "Any") -> None:
        """A field of the state, durably. Raises RefusedError; then the old value still holds."""
        state = self._vehicle.state
        before = getattr(state, name)
        setattr(state, name, value)
        try:
            self._vehicle.store.save(state)
        except OSError as error:
            # If flash took it all the same, the next start obeys the new value: it was authorized.
            setattr(state, name, before)
            raise RefusedError(refusal.STATE) from error
