"""Does the vehicle stand? Only a fresh speed says so, for half a second. Keeps the odometer."""

from protocol.can_table import MESSAGES

STILL_MMPS = 50
STILL_MS = 500
FRESH_MS = MESSAGES["MC_Status1"][3]
_METRE = 1_000_000  # mm/s times ms


class Motion:
    """Fed with every speed that arrives; a speed that stops arriving counts as moving."""

    def __init__(self, odometer_m: int = 0):
        self.odometer_m = odometer_m
        self._rest = 0
        self._speed_mmps = 0
        self._at_ms = None
        self._still_since_ms = None

    def saw(self, speed_mmps: int, now_ms: int) -> None:
        gap = not self._is_fresh(now_ms)
        if not gap:
            self._add(abs(speed_mmps) * (now_ms - self._at_ms))
        if abs(speed_mmps) >= STILL_MMPS:
            self._still_since_ms = None
        elif gap or self._still_since_ms is None:
            self._still_since_ms = now_ms
        self._speed_mmps = speed_mmps
        self._at_ms = now_ms

    def speed(self, now_ms: int) -> int | None:
        """In mm/s, None while stale."""
        return self._speed_mmps if self._is_fresh(now_ms) else None

    def is_still(self, now_ms: int) -> bool:
        """A confirmed standstill: fresh, below 50 mm/s, and so for 500 ms without a gap."""
        return (
            self._is_fresh(now_ms)
            and self._still_since_ms is not None
            and now_ms - self._still_since_ms >= STILL_MS
        )

    def _is_fresh(self, now_ms: int) -> bool:
        return self._at_ms is not None and now_ms - self._at_ms < FRESH_MS

    def _add(self, distance: int) -> None:
        self._rest += distance
        self.odometer_m += self._rest // _METRE
        self._rest %= _METRE
