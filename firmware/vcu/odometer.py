"""The way that the wheels rolled: speed times time, exact in micrometres. Gaps are not counted."""

SAVE_EVERY_M = 1_000


class Odometer:
    """`metres` is for life, `run_mm` since the start: it only grows, and a comparison needs it."""

    def __init__(self, metres: int = 0) -> None:
        self.metres = metres
        self.run_mm = 0
        self._saved_m = metres
        self._part_mm = 0
        self._part_um = 0

    def add(self, speed_mmps: int, elapsed_ms: int) -> None:
        """The vehicle rolled at this speed, in either direction, for so long."""
        self._part_um += abs(speed_mmps) * elapsed_ms  # mm/s times ms
        rolled_mm = self._part_um // 1000
        self._part_um %= 1000
        self.run_mm += rolled_mm
        self._part_mm += rolled_mm
        self.metres += self._part_mm // 1000
        self._part_mm %= 1000

    def is_due(self, locked: bool) -> bool:
        """Is it time to store `metres`? When the vehicle is locked, and each kilometre."""
        unsaved_m = self.metres - self._saved_m
        return unsaved_m >= SAVE_EVERY_M or (locked and unsaved_m > 0)

    def saved(self) -> None:
        """It is on flash."""
        self._saved_m = self.metres
