"""Server-sent events: a first picture, then what is new, resumed at Last-Event-ID.

A reader that takes nothing for too long is dropped; a comment every 10 s shows that the line lives.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Send

from fleet_backend.fleet import events
from fleet_backend.fleet.database import Database

from . import tail
from .errors import BadValueError
from .hub import Hub, Item, Subscription, Wanted
from .settings import ApiSettings

log = logging.getLogger(__name__)
LIFE_S = 3600
_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
HEARTBEAT = b": heartbeat\n\n"
Choose = Callable[[Item], Item | None]


def parse_last_id(header: str | None) -> int | None:
    """The number of the last event that the client saw. Raises BadValueError."""
    if header is None or header == "":
        return None
    if not _ID.fullmatch(header):
        raise BadValueError("Last-Event-ID", "not a number")
    return int(header)


def encode(topic: str, data: dict[str, Any], number: int | None = None) -> bytes:
    """One event of the stream."""
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {topic}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


class EventStream(StreamingResponse):
    """A response that gives up on a reader who takes nothing for `slow_reader_s`."""

    def __init__(self, chunks: AsyncIterator[bytes], slow_reader_s: int) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(chunks, headers=headers, media_type="text/event-stream")
        self._slow_reader_s = slow_reader_s

    async def stream_response(self, send: Send) -> None:
        async def bounded(message: Message) -> None:
            async with asyncio.timeout(self._slow_reader_s):
                await send(message)

        try:
            await super().stream_response(bounded)
        except TimeoutError:
            log.info("a reader of a live stream takes nothing and is dropped")


class Streams:
    """Opens streams over one hub, and ends them all when the server stops."""

    def __init__(self, database: Database, hub: Hub, settings: ApiSettings) -> None:
        self._database = database
        self._hub = hub
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop that the hub lives on."""
        self._loop = loop

    def end_soon(self) -> None:
        """End every stream, from any thread: a server waits for its open answers."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hub.close)

    def open(
        self,
        wanted: Wanted,
        choose: Choose,
        first: list[bytes],
        last_id: int,
        *,
        public: bool = False,
    ) -> EventStream:
        """`first`, then the events behind `last_id`.

        `wanted` says which interest, `choose` what of one is shown, `public` that anybody may open
        one like it. Raises TooManyStreamsError.
        """
        subscription = self._hub.subscribe(wanted, public=public)
        chunks = self._chunks(subscription, choose, first, last_id)
        return EventStream(chunks, self._settings.slow_reader_s)

    async def _chunks(
        self, subscription: Subscription, choose: Choose, first: list[bytes], last_id: int
    ) -> AsyncIterator[bytes]:
        try:
            yield b": open\n\n"
            for picture in first:
                yield picture
            subscription.place = await run_in_threadpool(self._place, last_id)
            if subscription.place != last_id:
                yield encode("reset", {}, subscription.place)
            # Once to catch up, and once more for what came before the queue was fed.
            async for missed in self._missed(subscription, choose):
                yield missed
            subscription.live = True
            async for missed in self._missed(subscription, choose):
                yield missed
            async for news in self._live(subscription, choose):
                yield news
        finally:
            self._hub.unsubscribe(subscription)

    async def _missed(self, subscription: Subscription, choose: Choose) -> AsyncIterator[bytes]:
        """What the table holds behind the reader's place, a page a chunk."""
        while page := await run_in_threadpool(self._page, subscription.place):
            subscription.place = page[-1].id
            wanted = filter(subscription.wanted, page)
            yield b"".join(_shown(choose, item) for item in wanted)

    def _place(self, last_id: int) -> int:
        """Where to go on: at `last_id` if the table holds all behind it, else at the newest."""
        with self._database.read() as connection:
            oldest = events.since(connection, 0, 1)
            newest = events.newest_id(connection)
        first = oldest[0].id if oldest else newest + 1
        return last_id if first - 1 <= last_id <= newest else newest

    def _page(self, after: int) -> list[Item]:
        with self._database.read() as connection:
            return tail.read(connection, after)

    async def _live(self, subscription: Subscription, choose: Choose) -> AsyncIterator[bytes]:
        end = time.monotonic() + LIFE_S
        while time.monotonic() < end:
            try:
                async with asyncio.timeout(self._settings.heartbeat_s):
                    item = await subscription.queue.get()
            except TimeoutError:
                yield HEARTBEAT
                continue
            if item is None:
                return
            if item.id > subscription.place:
                yield _shown(choose, item)


def _shown(choose: Choose, item: Item) -> bytes:
    chosen = choose(item)
    return b"" if chosen is None else encode(chosen.topic, chosen.data, chosen.id)
