"""Bytes for a terminal that may be slow, absent or full. Bounded; never blocks."""

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
        self._stalled = False
        self._taken_bytes = 0

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
                self._give_up_if_stalled()
                return
            except OSError:  # the other end is gone: what was meant for it goes too
                self._waiting.clear()
                return
            del self._waiting[:sent]
            self._progress_s = time.monotonic()
            self._note_taken(sent)

    def reader_is_there(self) -> None:
        """Somebody types, so somebody reads."""
        self._stalled = False

    def _note_taken(self, size: int) -> None:
        # The kernel makes room now and then without a reader; this much it cannot hold.
        self._taken_bytes += size
        if self._taken_bytes > 2 * MOST_WAITING_BYTES:
            self._stalled = False

    def _give_up_if_stalled(self) -> None:
        if not self._stalled and time.monotonic() - self._progress_s >= STALLED_AFTER_S:
            self._stalled, self._taken_bytes = True, 0
        if self._stalled:  # until somebody reads again, everything is lost at once
            self._waiting.clear()

    def patience_s(self) -> float | None:
        """When to try again although nobody has read; None while nothing waits."""
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
