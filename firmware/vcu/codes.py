"""One-time codes: a code typed on the vehicle opens one session of the grant that carries it.

Order of writes, and what is true if power goes after each:
1. the attempt is counted: it costs its place in the back-off, whatever comes of it;
2. the code is off the flash: it never opens again, and the count begins anew;
3. the session begins, and is recorded.
"""

from protocol import access, codes, command, lock, refusal
from protocol.errors import DecodeError, RefusedError

from vcu.deposits import (
    MAX_DEPOSITS,
    MAX_WRONG,
    Deposit,
    Deposits,
    decode_deposits,
    encode_deposits,
    of_grant,
)
from vcu.panel import CHECKING, NO_ENTRY, SHORT, TYPING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Generator

    from protocol.grant import Grant

FREE_WRONG = 3
WAIT_FIRST_MS = 30_000
WAIT_MAX_MS = 3_600_000
# As for a presentation: the rider has gone, and so has what was true when it began.
CHECK_WITHIN_MS = 30_000
SHORT_SHOWN_MS = 4_000


class Entry:
    """What a code asks for, in the place of a presentation. `command_id` is the code's hash."""

    def __init__(
        self, action: int, command_id: bytes, grant_id: bytes, limits: dict[int, int]
    ) -> None:
        self.command = command.Command("", b"", action, {}, grant_id)
        self.command_id = command_id
        self.limits = limits
        self.chain: list[Grant] = []


class Codes:
    """`vehicle` is the Vcu; `persist(name, value)` stores durably or raises RefusedError."""

    def __init__(
        self, vehicle: "Any", persist: "Callable[[str, bytes], None]", now_ms: int
    ) -> None:
        self._vehicle = vehicle
        self._persist = persist
        self._steps: Generator[None, None, tuple[bytes, bytes] | None] | None = None
        self._begun_ms = 0
        self._short_until_ms = 0
        self._session: Entry | None = None
        # A restart begins the wait anew: pulling the plug is no way around it.
        self._open_at_ms = now_ms + wait_ms(self._load().wrong)

    # --- deposits ---

    def deposit(self, chain: "list[Grant]") -> None:
        """Keep the codes of the last grant of a verified chain. Raises RefusedError."""
        if not chain or not chain[-1].codes:
            raise RefusedError(refusal.ARGUMENT)
        deposits = self._load()
        if deposits.holds(chain[-1].grant_id):
            return  # what was used of it stays used
        deposits.items = [item for item in deposits.items if not self._is_over(item)]
        if len(deposits.items) >= MAX_DEPOSITS:
            raise RefusedError(refusal.STATE)
        deposits.items.append(of_grant(chain))
        self._persist("codes", encode_deposits(deposits))

    def forget(self) -> None:
        """Keep nobody's codes, but how many were wrong. Raises RefusedError."""
        deposits = self._load()
        if deposits.items:
            deposits.items = []
            self._persist("codes", encode_deposits(deposits))

    def _load(self) -> Deposits:
        owner = self._vehicle.gate.authority.owner
        try:
            return decode_deposits(self._vehicle.state.codes, owner)
        except DecodeError:
            return Deposits(owner)  # nothing that cannot be read opens anything

    def _is_over(self, item: Deposit) -> bool:
        clock = self._vehicle.wall.read()
        authority = self._vehicle.gate.authority
        known_s = max(clock.now if clock.certain else 0, authority.time_floor)
        return item.not_after <= known_s or self._is_void(item) != 0

    def _is_void(self, item: Deposit) -> int:
        authority = self._vehicle.gate.authority
        if item.generation < authority.generation:
            return refusal.GENERATION
        revoked = any(one in authority.revoked for one in item.ids)
        return refusal.REVOKED if revoked else 0

    # --- what is typed ---

    def enter(self, digits: bytes, now_ms: int) -> None:
        """Enter was pressed: a code to check, or, with no digits, the end of a code's session."""
        if not digits:
            self._lock(now_ms)
            return
        code = self._why_not(now_ms)
        if code:
            self._refuse(code, now_ms)
        elif len(digits) != codes.DIGITS:
            self._short_until_ms = now_ms + SHORT_SHOWN_MS  # no attempt: it cannot be a code
        else:
            self._begin(digits, now_ms)

    def _why_not(self, now_ms: int) -> int:
        if self._vehicle.fault:
            return refusal.UNPROVISIONED
        if self._steps is not None:
            return refusal.BUSY
        if self._vehicle.drive.lock != lock.LOCKED or not self._vehicle.outbox.has_room():
            return refusal.STATE
        return refusal.RATE if now_ms < self._open_at_ms else 0

    def _begin(self, digits: bytes, now_ms: int) -> None:
        deposits = self._load()
        deposits.wrong = min(MAX_WRONG, deposits.wrong + 1)
        try:
            self._persist("codes", encode_deposits(deposits))
        except RefusedError as error:
            self._refuse(error.code, now_ms)
            return
        self._open_at_ms = now_ms + wait_ms(deposits.wrong)
        self._begun_ms = now_ms
        self._steps = _search(deposits.items, digits)

    def is_checking(self) -> bool:
        return self._steps is not None

    def step(self, now_ms: int) -> None:
        """One piece of the check that is under way."""
        steps = self._steps
        if steps is None:
            return
        try:
            next(steps)
        except StopIteration as stop:
            self._steps = None
            self._finish(stop.value, now_ms)
        except MemoryError:
            self._steps = None
            self._refuse(refusal.BUSY, now_ms)

    def _finish(self, found: tuple[bytes, bytes] | None, now_ms: int) -> None:
        # Read again: while it was checked, a command may have changed what is kept.
        deposits = self._load()
        item = _find(deposits.items, found) if found else None
        if found is None or item is None:
            self._refuse(refusal.CODE, now_ms)
            return
        entry = Entry(command.UNLOCK, found[1], found[0], item.limits)
        try:
            self._admit(item, now_ms)
            self._spend(deposits, item, found[1])
        except RefusedError as error:
            self._vehicle.refusals.refuse(error.code, entry, now_ms)
            return
        self._open_at_ms = now_ms
        self._session = entry
        self._vehicle.commands.execute(entry, now_ms)

    def _admit(self, item: Deposit, now_ms: int) -> None:
        # The same that a presentation of this grant would have to pass now.
        if now_ms - self._begun_ms > CHECK_WITHIN_MS:
            raise RefusedError(refusal.BUSY)
        if self._vehicle.drive.lock != lock.LOCKED or not self._vehicle.outbox.has_room():
            raise RefusedError(refusal.STATE)
        clock = self._vehicle.wall.read()
        access.check_time(item.not_before, item.not_after, self._vehicle.gate.authority, clock)
        code = self._is_void(item)
        if code:
            raise RefusedError(code)

    def _spend(self, deposits: Deposits, item: Deposit, made: bytes) -> None:
        item.hashes = [one for one in item.hashes if one != made]
        deposits.wrong = 0
        self._persist("codes", encode_deposits(deposits))

    def _refuse(self, code: int, now_ms: int) -> None:
        self._vehicle.refusals.refuse(code, Entry(command.UNLOCK, b"", b"", {}), now_ms)

    # --- the session that a code opened ---

    def tick(self) -> None:
        """Follow the lock: who opened the session that runs?"""
        if self._vehicle.drive.lock == lock.LOCKED:
            self._session = None
        elif self._session is None and self._vehicle.drive.outputs.lock_reason == lock.RESUMED:
            # After a reset in motion nobody knows; it must not stay open for want of a phone.
            self._session = Entry(command.UNLOCK, b"", b"", {})

    def _lock(self, now_ms: int) -> None:
        if self._vehicle.drive.lock == lock.LOCKED:
            return
        session = self._session
        if session is None:
            # Whoever opened it with a phone has to close it so: a passer-by cannot.
            asked = Entry(command.LOCK, b"", b"", {})
            self._vehicle.refusals.refuse(refusal.ACTION, asked, now_ms)
            return
        asked = Entry(command.LOCK, session.command_id, session.command.grant_id, {})
        self._vehicle.commands.execute(asked, now_ms)

    # --- what the panel shows of it ---

    def entry(self, typed: int, now_ms: int) -> int:
        if self._steps is not None:
            return CHECKING
        if typed:
            return TYPING
        return SHORT if now_ms < self._short_until_ms else NO_ENTRY

    def wait_min(self, now_ms: int) -> int:
        """Minutes, begun ones whole, until a code is taken again."""
        return (max(0, self._open_at_ms - now_ms) + 59_999) // 60_000


def wait_ms(wrong: int) -> int:
    """How long no code is taken after so many wrong ones."""
    if wrong < FREE_WRONG:
        return 0
    return min(WAIT_FIRST_MS << min(wrong - FREE_WRONG, 8), WAIT_MAX_MS)


def _search(
    items: list[Deposit], digits: bytes
) -> "Generator[None, None, tuple[bytes, bytes] | None]":
    # (grant_id, hash) of the first deposit that has this code.
    for item in items:
        made = yield from codes.stretch_steps(item.salt, digits)
        if made in item.hashes:
            return item.grant_id(), made
    return None


def _find(items: list[Deposit], found: tuple[bytes, bytes]) -> Deposit | None:
    for item in items:
        if item.grant_id() == found[0] and found[1] in item.hashes:
            return item
    return None
