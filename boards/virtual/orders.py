"""Work that other threads want done by the board's own thread, one piece at a time."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable

from boards.errors import BoardError

_LOOK_S = 0.1


class _Order:
    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work
        self.done = threading.Event()
        self.refusal: BoardError | None = None


class Orders:
    """`wake` becomes readable when there is something to serve."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self.wake = -1

    def open(self) -> None:
        self.wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def close(self) -> None:
        os.close(self.wake)

    def give(self, work: Callable[[], None], is_served: Callable[[], bool]) -> None:
        """Waits until it is done; nothing happens where nobody serves. A BoardError of `work` is
        raised here, any other error in the thread that serves."""
        if not is_served():
            return
        order = _Order(work)
        self._orders.put(order)
        os.eventfd_write(self.wake, 1)
        while not order.done.wait(_LOOK_S):
            if not is_served():
                return
        if order.refusal is not None:
            raise order.refusal

    def serve(self) -> None:
        os.eventfd_read(self.wake)
        while not self._orders.empty():
            order = self._orders.get()
            try:
                order.work()
            except BoardError as error:
                order.refusal = error
            order.done.set()
