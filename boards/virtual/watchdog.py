"""The watchdog of a virtual board: a deadline that the firmware pushes away by writing the time."""

from __future__ import annotations

import os
import struct
import time

_FED_AT = struct.Struct("<q")


class Watchdog:
    """The device writes its millisecond clock (CLOCK_MONOTONIC, as here) into `descriptor`."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("watchdog", os.MFD_CLOEXEC)
        self._timeout_ms = 0

    def start(self, timeout_ms: int) -> None:
        self._timeout_ms = timeout_ms

    def clear(self) -> None:
        """Only a reset of the chip stops it."""
        self._timeout_ms = 0

    def remaining_ms(self) -> int | None:
        """Until it bites; zero or less: now. None while it is off."""
        if not self._timeout_ms:
            return None
        fed = os.pread(self.descriptor, _FED_AT.size, 0)
        fed_at_ms = int(_FED_AT.unpack(fed)[0]) if len(fed) == _FED_AT.size else 0
        return fed_at_ms + self._timeout_ms - time.monotonic_ns() // 1_000_000

    def close(self) -> None:
        os.close(self.descriptor)
