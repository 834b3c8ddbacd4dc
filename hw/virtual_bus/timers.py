"""Periodic calls on the bus' thread. A late call is made once and not made up for."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from hw.virtual_bus.wire import NS


@dataclass(eq=False)
class Timer:
    """One periodic call; `cancel` ends it from any thread."""

    period_ns: int
    callback: Callable[[float], None]
    due_ns: int
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Timers:
    """All timers of one bus."""

    def __init__(self) -> None:
        self._timers: tuple[Timer, ...] = ()
        self._lock = threading.Lock()  # for changes; readers take the tuple as it is

    def add(self, period_s: float, callback: Callable[[float], None], now_ns: int) -> Timer:
        timer = Timer(int(period_s * NS), callback, now_ns)
        with self._lock:
            self._timers = (*self._timers, timer)
        return timer

    @property
    def next_ns(self) -> int | None:
        return min((timer.due_ns for timer in self._timers), default=None)

    def run(self, now_ns: int) -> None:
        """Calls what is due with the time in seconds."""
        for timer in self._timers:
            if timer.cancelled:
                self._remove(timer)
            elif timer.due_ns <= now_ns:
                timer.due_ns = max(timer.due_ns + timer.period_ns, now_ns + timer.period_ns // 2)
                timer.callback(now_ns / NS)

    def _remove(self, timer: Timer) -> None:
        with self._lock:
            self._timers = tuple(kept for kept in self._timers if kept is not timer)
