"""Hands the events of one poller to many readers, each with a bounded queue; lives on one loop.

A reader whose queue is full is dropped: it comes back and says which event it saw last.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .errors import TooManyStreamsError


@dataclass(frozen=True)
class Item:
    """An event as it is sent. `id` increases; `topic` is the SSE event's name."""

    id: int
    topic: str
    subject: str
    data: dict[str, Any]


Wanted = Callable[[Item], bool]


@dataclass(eq=False)
class Subscription:
    """One reader's queue. None in it is the end of the stream."""

    wanted: Wanted
    queue: asyncio.Queue[Item | None]
    live: bool = False  # until then it reads the table and its queue gets nothing
    public: bool = False
    place: int = 0  # number of the last event that was read from the table
    dropped: bool = False


@dataclass
class Hub:
    """All readers of this process."""

    max_streams: int
    queue_size: int
    _open: set[Subscription] = field(default_factory=set)
    _closed: bool = False

    def subscribe(self, wanted: Wanted, *, public: bool = False) -> Subscription:
        """Raises TooManyStreamsError. The public leaves a quarter of the places to operators."""
        most = max(1, self.max_streams * 3 // 4) if public else self.max_streams
        taken = sum(one.public for one in self._open) if public else len(self._open)
        if taken >= most or len(self._open) >= self.max_streams or self._closed:
            raise TooManyStreamsError(f"at most {most} at a time")
        # One place more than the reader may use: the end always fits.
        made = Subscription(wanted, asyncio.Queue(self.queue_size + 1), public=public)
        self._open.add(made)
        return made

    def unsubscribe(self, subscription: Subscription) -> None:
        self._open.discard(subscription)

    def publish(self, items: Iterable[Item]) -> None:
        for item in items:
            for reader in [one for one in self._open if one.live and one.wanted(item)]:
                if reader.queue.qsize() >= self.queue_size:
                    self._drop(reader)
                else:
                    reader.queue.put_nowait(item)

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        for reader in list(self._open):
            self._drop(reader)

    def _drop(self, reader: Subscription) -> None:
        self._open.discard(reader)
        reader.dropped = True
        while not reader.queue.empty():
            reader.queue.get_nowait()
        reader.queue.put_nowait(None)

    @property
    def open_streams(self) -> int:
        return len(self._open)
