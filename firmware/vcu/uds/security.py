"""SecurityAccess (0x27): the seed is a challenge of the vehicle, the key is a presentation.

There is no secret in the vehicle that opens it, and no second check: the presentation goes the way
of all others. What it asks for is done; DIAGNOSE opens the security level, UPDATE allows a release.
"""

from protocol import refusal

from vcu.uds import answers
from vcu.uds.answers import need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

SERVICE = 0x27
SEED, KEY = 0x01, 0x02
SEED_MS = 30_000
_WORTH_MS = 10_000  # less than this is not worth signing against
# What a refusal means to a tester; its own code is in a data identifier.
_CODES = {
    refusal.MALFORMED: answers.RANGE,
    refusal.CHALLENGE: answers.SEQUENCE,
    refusal.BACKOFF: answers.TOO_MANY,
    refusal.UNPROVISIONED: answers.CONDITIONS,
    refusal.STATE: answers.CONDITIONS,
    refusal.BUSY: answers.BUSY,
    refusal.ACTION: answers.DENIED,
    refusal.ARGUMENT: answers.RANGE,
}


class Security:
    """`desk` keeps the code of the last refusal."""

    def __init__(self, vehicle: "Any", desk: "Any") -> None:
        self._vehicle = vehicle
        self._desk = desk
        self._given = b""
        self._given_ms = 0
        self._waits = False
        self._outcome: int | None = None

    def seed(self, now_ms: int) -> bytes:
        """The same one while it lives: who asks often crowds nobody's challenge out. Raises
        NegativeError."""
        need(not self._vehicle.fault, answers.CONDITIONS)
        if not self._given or now_ms - self._given_ms > SEED_MS - _WORTH_MS:
            self._given = self._vehicle.gate.challenges.give(now_ms, SEED_MS)
            self._given_ms = now_ms
        return bytes((SERVICE + 0x40, SEED)) + self._given

    def key(self, presentation: bytes, now_ms: int) -> "Callable[[int], bytes | None]":
        """Returns what says the answer when the check is over. Raises NegativeError."""
        commands = self._vehicle.commands
        need(not self._vehicle.fault, answers.CONDITIONS)
        need(bool(self._given), answers.SEQUENCE)
        need(not commands.has_work(), answers.BUSY)
        self._given = b""  # it may be spent now
        self._outcome = None
        self._waits = True
        commands.offer(presentation, now_ms)
        return self._answer

    def settle(self, outcome: int) -> None:
        """The check that was under way is over."""
        if self._waits:
            self._waits = False
            self._outcome = outcome

    def _answer(self, now_ms: int) -> "bytes | None":
        outcome = self._outcome
        if outcome is None:
            return None
        self._desk.refusal = max(outcome, 0)
        if outcome > 0:
            raise answers.NegativeError(_CODES.get(outcome, answers.INVALID_KEY))
        return bytes((SERVICE + 0x40, KEY))
