"""How much refused material is kept: an attacker must not be able to fill the disk with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol

from fleet_backend.fleet.settings import Bounds


@dataclass(frozen=True)
class QuarantineLimits:
    """Bounds. What is beyond them is counted and not kept.

    A refused statement that its gateway signed is then not acknowledged either. A record that was
    set aside never holds up an acknowledgement: its statement is stored, with it in the body.
    """

    # Messages of one gateway at once; as many records that were set aside, counted apart.
    burst: Annotated[int, Bounds(1, 100_000)] = 200
    per_s: Annotated[float, Bounds(0, 10_000)] = 2.0  # and then
    authentic_kept: Annotated[int, Bounds(1, 1_000_000)] = 1_000  # whole messages of one gateway
    # Of all gateways, the newest: what nobody signed, and records that were set aside.
    forged_kept: Annotated[int, Bounds(1, 1_000_000)] = 1_000
    forged_bytes: Annotated[int, Bounds(1, 65_536)] = 4_096  # of each


@dataclass(frozen=True)
class SightingLimits:
    """What one gateway may tell of logs. What is beyond is counted and not kept."""

    burst: Annotated[int, Bounds(1, 10_000)] = 50  # at once
    per_s: Annotated[float, Bounds(0, 1_000)] = 1.0  # and then
    logs: Annotated[int, Bounds(1, 1_000)] = 16
    disagreements: Annotated[int, Bounds(1, 100_000)] = 400


class Pace(Protocol):
    """How fast one gateway may be."""

    @property
    def burst(self) -> int: ...

    @property
    def per_s(self) -> float: ...


class RateLimit:
    """A bucket of tokens for each gateway, by a clock that never goes back."""

    def __init__(self, limits: Pace, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, gateway: str) -> bool:
        """Is there room for one more of this gateway?"""
        now = self._clock()
        tokens, then = self._buckets.get(gateway, (float(self._limits.burst), now))
        tokens = min(self._limits.burst, tokens + (now - then) * self._limits.per_s)
        if tokens < 1:
            self._buckets[gateway] = tokens, now
            return False
        self._buckets[gateway] = tokens - 1, now
        return True
