"""The speed as it was last heard; each one that comes in time adds to the odometer."""

from protocol.can_table import MESSAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vcu.odometer import Odometer

FRESH_MS = MESSAGES["MC_Status1"][3]


class Motion:
    """Fed with every speed that arrives. A gap adds nothing to the odometer."""

    def __init__(self, odometer: "Odometer") -> None:
        self._odometer = odometer
        self._speed_mmps = 0
        self._at_ms: int | None = None

    def saw(self, speed_mmps: int, now_ms: int) -> None:
        if self._at_ms is not None and now_ms - self._at_ms < FRESH_MS:
            self._odometer.add(speed_mmps, now_ms - self._at_ms)
        self._speed_mmps = speed_mmps
        self._at_ms = now_ms

    def speed(self, now_ms: int) -> int | None:
        """In mm/s, None while stale."""
        stale = self._at_ms is None or now_ms - self._at_ms >= FRESH_MS
        return None if stale else self._speed_mmps
