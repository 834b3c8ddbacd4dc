"""Messages between the network thread and the worker: bounded by number and by bytes.

A full inbox makes the network thread wait, and with it the broker; nothing is thrown away.
"""

import threading
import time
from collections import deque

from fleet_backend.ingest.adapter import Message


class Inbox:
    """First in, first out. `put` and `get` are called from any thread."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._changed = threading.Condition()

    def put(self, message: Message, wait_s: float) -> bool:
        """Add it; False if there was no room within `wait_s`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_room(message), wait_s):
                return False
            self._messages.append(message)
            self._bytes += len(message.payload)
            self._changed.notify_all()
            return True

    def get(self, limit: int, wait_s: float, gather_s: float) -> list[Message]:
        """As `Adapter.receive`: waits for the first, then gathers what follows."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._messages, wait_s):
                return []
            batch: list[Message] = []
            end = time.monotonic() + gather_s
            while len(batch) < limit:
                left = max(end - time.monotonic(), 0)
                if not self._changed.wait_for(lambda: self._messages, left):
                    break
                batch.append(self._take())
            return batch

    def __len__(self) -> int:
        """Messages that nobody took yet."""
        return len(self._messages)

    def clear(self) -> None:
        """Forget what nobody took: the broker gives it out again."""
        with self._changed:
            self._messages.clear()
            self._bytes = 0
            self._changed.notify_all()

    def _take(self) -> Message:
        message = self._messages.popleft()
        self._bytes -= len(message.payload)
        self._changed.notify_all()
        return message

    def _has_room(self, message: Message) -> bool:
        if not self._messages:
            return True  # even the largest message must get through
        fits = self._bytes + len(message.payload) <= self._max_bytes
        return fits and len(self._messages) < self._max_messages
