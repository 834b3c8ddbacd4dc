"""Diagnostic messages between the updates' thread and the thread of a bus: one at a time.

The gateway is a tester on the bus as a workbench is (ISO 14229-1 on ISO 15765-2, identifiers
0x7E0 and 0x7E8), and asks only while it has an update to hand over.
"""

import queue
from collections import deque
from collections.abc import Callable

_KEPT = 16


class Port:
    """`send`, `wait` and `clear` for the updates; `take` and `came` for the bus. None blocks but
    `wait`.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._out: deque[bytes] = deque(maxlen=1)
        self._in: queue.Queue[bytes] = queue.Queue(_KEPT)

    def send(self, message: bytes) -> None:
        self._out.append(message)
        self._wake()

    def wait(self, timeout_s: float) -> bytes | None:
        """The next answer, or None."""
        try:
            return self._in.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None

    def clear(self) -> None:
        """What came before a question is no answer to it."""
        while not self._in.empty():
            self.wait(0)

    def take(self) -> bytes | None:
        return self._out.popleft() if self._out else None

    def came(self, message: bytes) -> None:
        """One that finds no room answers nothing that was asked."""
        if not self._in.full():
            self._in.put_nowait(message)
