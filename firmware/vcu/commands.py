"""Presentations, one at a time: checked in steps by the gate, then executed, then answered.

Whatever a command changes is on flash before the answer says so.
"""

from protocol import command, lock, presentation, record, refusal
from protocol.access import MAX_REVOKED
from protocol.errors import DecodeError, RefusedError

from vcu.clock import LAST_S
from vcu.errors import StateError
from vcu.flash.identity import is_nobody

# A check takes seconds. On a bus that leaves no time for it, challenge and grant must not live on.
CHECK_WITHIN_MS = 30_000


class Commands:
    """`vehicle` is the Vcu: its gate, lock, motion, outbox, refusals, store, state and clock."""

    def __init__(self, vehicle):
        self._vehicle = vehicle
        self._steps = None
        self._begun_ms = 0
        self._actions = {
            command.UNLOCK: self._unlock,
            command.LOCK: self._lock,
            command.RAISE_GENERATION: self._raise_generation,
            command.REVOKE_GRANT: self._revoke_grant,
            command.RAISE_TIME: self._raise_time,
            command.TRANSFER: self._transfer,
        }

    def is_checking(self) -> bool:
        return self._steps is not None

    def offer(self, data: bytes, now_ms: int) -> None:
        """A presentation came in, from whatever path."""
        if self._vehicle.fault:
            self._refuse_unchecked(refusal.UNPROVISIONED, data, now_ms)
        elif self._steps is not None:
            self._refuse_unchecked(refusal.BUSY, data, now_ms)
        else:
            clock = self._vehicle.wall.read()
            self._begun_ms = now_ms
            self._steps = self._vehicle.gate.check_steps(data, now_ms, clock)

    def step(self, now_ms: int) -> None:
        """One piece of the check that is under way."""
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
            self._vehicle.refusals.refuse(refusal.MALFORMED, None, now_ms)

    def _refuse_unchecked(self, code: int, data: bytes, now_ms: int) -> None:
        try:
            asked = presentation.decode(data)
        except (DecodeError, MemoryError):
            asked = None
        self._vehicle.refusals.refuse(code, asked, now_ms)

    def _refused(self, error: RefusedError, now_ms: int) -> None:
        asked = error.asked
        # A command for another vehicle is refused before its challenge is looked at.
        if asked and asked.command.vehicle == self._vehicle.gate.authority.vehicle:
            self._vehicle.online.spent(asked.command.challenge, now_ms)
        self._vehicle.refusals.refuse(error.code, asked, now_ms)

    def _execute(self, authorized, now_ms: int) -> None:
        asked = authorized.command
        self._vehicle.online.spent(asked.challenge, now_ms)
        try:
            if now_ms - self._begun_ms > CHECK_WITHIN_MS:
                raise RefusedError(refusal.CHALLENGE)
            self._require_room(asked.action)
            outcome = self._actions[asked.action](authorized, now_ms)
        except (RefusedError, StateError) as error:
            code = error.code if isinstance(error, RefusedError) else refusal.STATE
            self._vehicle.refusals.refuse(code, authorized, now_ms)
            return
        self._vehicle.refusals.last_code = 0
        body = {0: authorized.command_id, 1: asked.action, 2: asked.grant_id, 3: outcome}
        self._vehicle.outbox.record(record.ANSWER, body, now_ms)

    def _require_room(self, action: int) -> None:
        # What cannot be recorded is not done; but a session can always be ended.
        ends_session = action == command.LOCK and self._vehicle.lock.state in (
            lock.READY,
            lock.DRIVE,
        )
        if not ends_session and not self._vehicle.outbox.has_room():
            raise RefusedError(refusal.STATE)

    def _unlock(self, authorized, now_ms: int) -> int:
        self._vehicle.lock.unlock(authorized.limits, now_ms)
        return record.DONE

    def _lock(self, authorized, now_ms: int) -> int:
        still = self._vehicle.motion.is_still(now_ms)
        return record.DONE if self._vehicle.lock.lock(still, now_ms) else record.PENDING

    def _raise_generation(self, authorized, now_ms: int) -> int:
        generation = authorized.command.args[0]
        if generation < self._vehicle.state.generation:
            raise RefusedError(refusal.ARGUMENT)
        self._persist("generation", generation)
        self._vehicle.gate.authority.generation = generation
        return record.DONE

    def _revoke_grant(self, authorized, now_ms: int) -> int:
        grant_id = authorized.command.args[0]
        revoked = self._vehicle.state.revoked
        if grant_id in revoked:
            return record.DONE
        if len(revoked) >= MAX_REVOKED:
            # Forgetting one would allow it again. Raising the generation still revokes.
            raise RefusedError(refusal.STATE)
        longer = list(revoked)
        longer.append(grant_id)
        self._persist("revoked", longer)
        self._vehicle.gate.authority.revoked = self._vehicle.state.revoked
        return record.DONE

    def _raise_time(self, authorized, now_ms: int) -> int:
        floor_s = authorized.command.args[0]
        # A floor never goes down: one that no clock reaches would end every grant for good.
        if not self._vehicle.gate.authority.time_floor <= floor_s <= LAST_S:
            raise RefusedError(refusal.ARGUMENT)
        self._persist("time_floor", floor_s)
        self._vehicle.gate.authority.time_floor = floor_s
        self._vehicle.wall.raise_to(floor_s)
        return record.DONE

    def _transfer(self, authorized, now_ms: int) -> int:
        owner = authorized.command.args[0]
        if is_nobody(owner):
            raise RefusedError(refusal.ARGUMENT)
        self._persist("owner", owner)
        self._vehicle.gate.authority.owner = owner
        return record.DONE

    def _persist(self, name: str, value) -> None:
        state = self._vehicle.state
        before = getattr(state, name)
        setattr(state, name, value)
        try:
            self._vehicle.store.save(state)
        except OSError as error:
            # If flash took it all the same, the next start obeys the new value: it was authorized.
            setattr(state, name, before)
            raise RefusedError(refusal.STATE) from error
