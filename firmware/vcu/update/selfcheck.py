"""Does an application on trial run as it must? Asked once a second beside it; moves nothing."""

DEADLINE_MS = 60_000
_LEAST_MS = 10_000  # it runs at least so long before it passes
_QUIET_MS = 5_000  # without a frame that was late

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class SelfCheck:
    """Passed: for five seconds no cyclic frame was missed, the bus is there or silent, and flash
    takes records. `vehicle` is the Vcu."""

    def __init__(self, vehicle: "Any", now_ms: int) -> None:
        self._vehicle = vehicle
        self._begin_ms = now_ms
        self._missed = 0
        self._quiet_from_ms = now_ms

    def outcome(self, now_ms: int) -> "bool | None":
        """None while nobody knows."""
        missed = 0
        for cycle in self._vehicle.cycles:
            missed += cycle.missed
        well = not self._vehicle.bus.is_off() and not self._vehicle.outbox.journal_failed
        if missed != self._missed or not well:
            self._missed, self._quiet_from_ms = missed, now_ms
        waited = now_ms - self._begin_ms >= _LEAST_MS
        if waited and now_ms - self._quiet_from_ms >= _QUIET_MS:
            return True
        return False if now_ms - self._begin_ms >= DEADLINE_MS else None
