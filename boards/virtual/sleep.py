"""Deep sleep of a virtual board: no interpreter runs until one of the armed sources wakes it.

A frame on the bus wakes through the receive line, as a transceiver in standby does it.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Mapping

RTC_WAKE, PIN_WAKE = 1, 2
CAN_LINE = "CAN1_RX"
NO_TIMER = 0xFFFF_FFFF
_CONNECT_WITHIN_S = 1.0


class Sleep:
    """From falling asleep to waking up. `armed`: pin -> edges that wake."""

    def __init__(self, sleep_ms: int, armed: Mapping[str, int], can: tuple[str, int] | None):
        self._until_s = None if sleep_ms == NO_TIMER else time.monotonic() + sleep_ms / 1000
        self._armed = dict(armed)
        self._bus = _listen(can) if can is not None and CAN_LINE in armed else None

    @property
    def descriptor(self) -> int | None:
        """Becomes readable when the bus has something; None where nobody listens."""
        return self._bus.fileno() if self._bus is not None else None

    def patience_s(self) -> float | None:
        return None if self._until_s is None else max(0.0, self._until_s - time.monotonic())

    def timer_is_over(self) -> bool:
        return self._until_s is not None and time.monotonic() >= self._until_s

    def is_woken_by(self, name: str, edge: int) -> bool:
        return bool(self._armed.get(name, 0) & edge)

    def hears_frame(self) -> bool:
        """Reads the bus; true if that was a frame."""
        if self._bus is None:
            return False
        try:
            data = self._bus.recv(4096)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:  # the bus went away: nothing wakes from there any more
            self.close()
        return any(kind in data for kind in (b"t", b"T", b"r", b"R"))

    def close(self) -> None:
        if self._bus is not None:
            self._bus.close()
            self._bus = None


def _listen(can: tuple[str, int]) -> socket.socket | None:
    listener = None
    try:
        listener = socket.create_connection(can, timeout=_CONNECT_WITHIN_S)
        listener.sendall(b"S6\rL\r")
        listener.setblocking(False)
    except OSError:
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.close()
        return None
    return listener
