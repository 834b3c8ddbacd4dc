"""Does an application on trial run as it must? Asked once a second beside it; moves nothing."""

DEADLINE_MS = 60_000
_LEAST_MS = 10_000  # it runs at least so long before it passes
_QUIET_MS = 5_000  # without a frame that was late

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class SelfCheck:
    """Passed: for five seconds no cyclic frame was missed, the bus is there or silent, flash takes
    records, and the self-test is sound. `vehicle` is the Vcu, `is_sound(vehicle, now_ms)` None
    where there is no self-test."""

    def __init__(self, vehicle: "Any", is_sound: "Any", now_ms: int) -> None:
        self._vehicle = vehicle
        self._is_sound = is_sound
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
        if waited and now_ms - self._quiet_from_ms >= _QUIET_MS and self._passes(now_ms):
            return True
        return False if now_ms - self._begin_ms >= DEADLINE_MS else None

    def _passes(self, now_ms: int) -> bool:
        return not self._is_sound or bool(self._is_sound(self._vehicle, now_ms))
