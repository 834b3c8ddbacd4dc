"""The one check: does this presentation command this vehicle now? (docs/protocol.md section 5)

Every path to the vehicle ends here. Nothing is allowed unless each line below lets it pass.
"""

import hashlib

from protocol import command, grant, presentation, refusal, rsa
from protocol.challenge import Challenges
from protocol.errors import DecodeError, RefusedError

BAD_SIGNATURES_FREE = 5
BACKOFF_FIRST_MS = 1_000
BACKOFF_MAX_MS = 300_000
UNCERTAIN_GRANT_S = 3600
MAX_KNOWN = 8
MAX_REVOKED = 64


class Authority:
    """Whom this vehicle obeys: what is stored on it. The caller persists what it changes here."""

    def __init__(
        self,
        vehicle: str,
        owner: bytes,
        generation: int = 0,
        time_floor: int = 0,
        revoked: list[bytes] | None = None,
    ) -> None:
        self.vehicle = vehicle
        self.owner = owner
        self.generation = generation
        self.time_floor = time_floor
        self.revoked = revoked or []


class Authorized:
    """A command that passed every check, and the limits of the session that it opens."""

    def __init__(self, asked: presentation.Presentation, limits: dict[int, int]) -> None:
        self.command = asked.command
        self.command_id = asked.command_id
        self.limits = limits
        self.chain = [signed.grant for signed in asked.grants]


class Clock:
    """What the vehicle knows of the time: seconds since 1970, and whether it may be relied on."""

    def __init__(self, now: int, certain: bool) -> None:
        self.now = now
        self.certain = certain


class Gate:
    """The check with its memory: open challenges, back-off, grants already seen well signed."""

    def __init__(self, authority: Authority, challenges: Challenges) -> None:
        self.authority = authority
        self.challenges = challenges
        self._known: list[bytes] = []
        self._bad_signatures = 0
        self._closed_until_ms = 0

    def check_steps(self, data: bytes, uptime_ms: int, clock: Clock):  # type: ignore[no-untyped-def]
        """Generator, yields between pieces of work; returns Authorized or raises RefusedError.

        `RefusedError.asked` is the decoded presentation, or None where it could not be read.
        """
        asked = None
        try:
            asked = yield from _decode_steps(data)
            yield
            self._admit(asked, uptime_ms)
            check_claims(asked, self.authority, clock)
            yield from self._verify_steps(asked, uptime_ms)
        except RefusedError as error:
            error.asked = asked
            raise
        limits = asked.grants[-1].grant.limits if asked.grants else {}
        return Authorized(asked, limits)

    def _admit(self, asked: presentation.Presentation, uptime_ms: int) -> None:
        if asked.command.vehicle != self.authority.vehicle:
            raise RefusedError(refusal.VEHICLE)
        if not self.challenges.take(asked.command.challenge, uptime_ms):
            raise RefusedError(refusal.CHALLENGE)
        # Whoever was let in before, and the owner, are not shut out by strangers' failures.
        if uptime_ms < self._closed_until_ms and not self._is_known(asked):
            raise RefusedError(refusal.BACKOFF)

    def _is_known(self, asked: presentation.Presentation) -> bool:
        if rsa.thumbprint(asked.keys[0]) != self.authority.owner:
            return False
        return all(_name(g, key) in self._known for g, key in zip(asked.grants, asked.keys))

    def _verify_steps(self, asked: presentation.Presentation, uptime_ms: int):  # type: ignore[no-untyped-def]
        fresh = []
        for signed, key in zip(asked.grants, asked.keys):
            name = _name(signed, key)
            if name not in self._known:
                message = grant.signed_message(signed.payload)
                yield from self._verify_one(key, message, signed.signature, uptime_ms)
                fresh.append(name)
        message = command.signed_message(asked.payload)
        yield from self._verify_one(asked.keys[-1], message, asked.signature, uptime_ms)
        self._known = (self._known + fresh)[-MAX_KNOWN:]
        self._bad_signatures = 0

    def _verify_one(self, key: bytes, message: bytes, signature: bytes, uptime_ms: int):  # type: ignore[no-untyped-def]
        yield
        good = yield from rsa.verify_steps(key, message, signature)
        yield
        if not good:
            self._count_bad_signature(uptime_ms)
            raise RefusedError(refusal.SIGNATURE)

    def _count_bad_signature(self, uptime_ms: int) -> None:
        self._bad_signatures += 1
        excess = self._bad_signatures - BAD_SIGNATURES_FREE
        if excess >= 0:
            wait = min(BACKOFF_FIRST_MS << min(excess, 16), BACKOFF_MAX_MS)
            self._closed_until_ms = uptime_ms + wait


def check_claims(asked: presentation.Presentation, authority: Authority, clock: Clock) -> None:
    """Everything but the signatures, cheap checks first. Pure. Raises RefusedError."""
    _check_keys(asked, authority)
    for signed in asked.grants:
        check_time(signed.grant.not_before, signed.grant.not_after, authority, clock)
    for signed in asked.grants:
        if signed.grant.generation < authority.generation:
            raise RefusedError(refusal.GENERATION)
    for signed in asked.grants:
        if signed.grant.grant_id in authority.revoked:
            raise RefusedError(refusal.REVOKED)
    for i in range(1, len(asked.grants)):
        if not grant.is_narrower(asked.grants[i].grant, asked.grants[i - 1].grant):
            raise RefusedError(refusal.WIDENED)
    if asked.grants and not asked.grants[-1].grant.allows(asked.command.action):
        raise RefusedError(refusal.ACTION)
    command.check_args(asked.command.action, asked.command.args)


def _check_keys(asked: presentation.Presentation, authority: Authority) -> None:
    if rsa.thumbprint(asked.keys[0]) != authority.owner:
        raise RefusedError(refusal.OWNER)
    for signed, key in zip(asked.grants, asked.keys[1:]):
        if signed.grant.vehicle != authority.vehicle:
            raise RefusedError(refusal.VEHICLE)
        if rsa.thumbprint(key) != signed.grant.holder:
            raise RefusedError(refusal.HOLDER)
    expected = asked.grants[-1].grant.grant_id if asked.grants else b""
    if asked.command.grant_id != expected:
        raise RefusedError(refusal.GRANT_ID)


def check_time(not_before: int, not_after: int, authority: Authority, clock: Clock) -> None:
    """Does what holds from `not_before` to `not_after` hold now? Raises RefusedError."""
    if not clock.certain:
        length = not_after - not_before
        if length > UNCERTAIN_GRANT_S or not_before < authority.time_floor:
            raise RefusedError(refusal.CLOCK)
        return
    now = max(clock.now, authority.time_floor)
    if now < not_before:
        raise RefusedError(refusal.NOT_YET)
    if now >= not_after:
        raise RefusedError(refusal.EXPIRED)


def _name(signed: presentation.SignedGrant, key: bytes) -> bytes:
    # The signer is part of the name: the same bytes under another key are another claim.
    return hashlib.sha256(key + signed.sign1).digest()


def _decode_steps(data: bytes):  # type: ignore[no-untyped-def]
    try:
        asked = yield from presentation.decode_steps(data)
    except DecodeError:
        raise RefusedError(refusal.MALFORMED)
    return asked
