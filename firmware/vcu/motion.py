"""The speed as it was last heard, and the odometer."""

from protocol.can_table import MESSAGES

FRESH_MS = MESSAGES["MC_Status1"][3]
_METRE = 1_000_000  # mm/s times ms


class Motion:
    """Fed with every speed that arrives. A gap adds nothing to the odometer."""

    def __init__(self, odometer_m: int = 0) -> None:
        self.odometer_m = odometer_m
        self._rest = 0
        self._speed_mmps = 0
        self._at_ms: int | None = None

    def saw(self, speed_mmps: int, now_ms: int) -> None:
        if self._at_ms is not None and now_ms - self._at_ms < FRESH_MS:
            self._add(abs(speed_mmps) * (now_ms - self._at_ms))
        self._speed_mmps = speed_mmps
        self._at_ms = now_ms

    def speed(self, now_ms: int) -> int | None:
        """In mm/s, None while stale."""
        stale = self._at_ms is None or now_ms - self._at_ms >= FRESH_MS
        return None if stale else self._speed_mmps

    def _add(self, distance: int) -> None:
        self._rest += distance
        self.odometer_m += self._rest // _METRE
        self._rest %= _METRE
