"""Whether the outbox takes anything. A full disk is a state: told once when it begins, once at its
end, and the vehicle keeps its records meanwhile.
"""

import logging
from collections import Counter

from edge_gateway import thinning
from edge_gateway.clock import Clock
from edge_gateway.errors import OutboxFullError
from edge_gateway.outbox import Outbox

log = logging.getLogger("edge_gateway")

# Transactions of one turn; the rest follows in the next, so that nothing else waits.
_AT_ONCE = 8


class Room:
    """One thread only."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self.counters: Counter[str] = Counter()
        self.full = False
        self._outbox = outbox
        self._clock = clock
        self._is_thinning = False

    def refused(self, what: str, error: OutboxFullError) -> None:
        """Something found no room."""
        self.counters[f"{what} without room"] += 1
        if not self.full:
            self.full = True
            log.error("disk or outbox full, the vehicles keep their records: %s", error)

    def stored(self) -> None:
        """Something found room."""
        if self.full:
            self.full = False
            log.warning("there is room on the disk again")

    def tick(self) -> None:
        """Give up telemetry while the bound is near. Raises OutboxError, not for want of room."""
        try:
            if self.full:
                self._outbox.relieve()
            self._thin()
        except OutboxFullError as error:
            self.refused("thinnings", error)

    def _thin(self) -> None:
        for _ in range(_AT_ONCE):
            most = thinning.END_PERMILLE if self._is_thinning else thinning.BEGIN_PERMILLE
            used = self._outbox.used_permille()
            if used < most:
                self._is_thinning = False
                return
            samples = self._outbox.thin(self._clock.read())
            if samples is None:
                return
            if not self._is_thinning:
                log.warning("telemetry is thinned", extra={"outbox_permille": used})
            self._is_thinning = True
            self.counters["samples thinned"] += samples
            self.stored()

    @property
    def is_scarce(self) -> bool:
        """More than half full: telemetry gets statements of its own, which can be thinned."""
        return self._outbox.used_permille() >= 500
