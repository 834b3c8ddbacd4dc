"""Bytes between two terminals that may each be slow, absent or full. Bounded; never blocks."""

from __future__ import annotations

import os
import time

MOST_WAITING_BYTES = 1 << 16
READ_BYTES = 1 << 14
# A serial driver gives up after about this time when no tool reads; so does this one.
STALLED_AFTER_S = 1.0


class Pipe:
    """What waits to be written to one terminal."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._progress_s = time.monotonic()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        return len(self._waiting) >= MOST_WAITING_BYTES

    def put(self, data: bytes) -> None:
        if not self._waiting:
            self._progress_s = time.monotonic()
        self._waiting += data

    def clear(self) -> None:
        self._waiting.clear()

    def write_to(self, descriptor: int) -> None:
        """Writes what fits now."""
        while self._waiting:
            try:
                sent = os.write(descriptor, self._waiting)
            except BlockingIOError:
                return
            except OSError:  # the other end is gone: what was meant for it goes too
                self._waiting.clear()
                return
            del self._waiting[:sent]
            self._progress_s = time.monotonic()

    def stalled_in_s(self) -> float | None:
        """Until nobody can be said to read (0: now); None while nothing waits."""
        if not self._waiting:
            return None
        return max(0.0, self._progress_s + STALLED_AFTER_S - time.monotonic())


def read_some(descriptor: int) -> bytes | None:
    """What is there; empty when nothing is, None when the other end is gone."""
    try:
        return os.read(descriptor, READ_BYTES) or None
    except BlockingIOError:
        return b""
    except OSError:  # EIO: the last process on that terminal ended
        return None
