"""What a tool types, on its way to the interpreter.

Ctrl-C becomes a signal while a program runs. Then the rest waits until the REPL listens: it throws
away what came before, and would die of a second interrupt.
"""

from __future__ import annotations

import os
import time

from boards.virtual.bridge import MOST_WAITING_BYTES
from boards.virtual.child import Child

INTERRUPT = b"\x03"
# A program that catches the interrupt goes on; what was typed after it is then for the program.
INTERRUPTED_WITHIN_S = 0.3
LOOKED_AT_EVERY_S = 0.005


class Keyboard:
    """Loses nothing; a program that does not read stops the tool that types."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._hold_until_s = 0.0

    @property
    def full(self) -> bool:
        return len(self._waiting) >= MOST_WAITING_BYTES

    @property
    def ready(self) -> bool:
        """True while something may be written now."""
        return bool(self._waiting) and not self._holds

    @property
    def _holds(self) -> bool:
        return time.monotonic() < self._hold_until_s

    def put(self, data: bytes) -> None:
        self._waiting += data

    def clear(self) -> None:
        self._waiting.clear()
        self._hold_until_s = 0.0

    def patience_s(self) -> float | None:
        return LOOKED_AT_EVERY_S if self._waiting and self._holds else None

    def write_to(self, child: Child) -> None:
        """Passes on what the interpreter can take now."""
        if self._holds and child.is_listening():
            self._hold_until_s = 0.0
        while self.ready:
            at = self._waiting.find(INTERRUPT)
            if at < 0 or not child.runs_program():
                self._write(child, len(self._waiting))
                return
            if not self._write(child, at):
                return
            child.interrupt()
            del self._waiting[:1]
            self._hold_until_s = time.monotonic() + INTERRUPTED_WITHIN_S

    def _write(self, child: Child, size: int) -> bool:
        """True once all of it is written."""
        try:
            sent = os.write(child.terminal, self._waiting[:size])
        except BlockingIOError:
            return size == 0
        except OSError:  # the interpreter is gone: what was meant for it goes too
            self._waiting.clear()
            return False
        del self._waiting[:sent]
        return sent == size
