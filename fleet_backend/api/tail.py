"""The one poller of the events table: looks for new rows and gives them to the hub."""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import closing

from sqlalchemy import Connection

from fleet_backend.fleet import events
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.errors import DatabaseRefusedError
from fleet_backend.fleet.events import Event

from . import items
from .hub import Hub, Item

log = logging.getLogger(__name__)
# Well below a reader's queue: between two pages each reader has its turn.
PAGE = 100


def read(connection: Connection, after: int) -> list[Item]:
    """Up to a page of events behind `after`, each with all that a reader is shown."""
    return [_item(connection, event) for event in events.since(connection, after, PAGE)]


def _item(connection: Connection, event: Event) -> Item:
    data = event.data
    if event.topic == events.COMMAND:
        shown = items.command_by_hex(connection, event.subject)
        data = data if shown is None else shown.model_dump()
    return Item(event.id, event.topic, event.subject, data)


class Tail(threading.Thread):
    """Polls until it is stopped. Event numbers come in the order of commits."""

    def __init__(
        self,
        database: Database,
        hub: Hub,
        loop: asyncio.AbstractEventLoop,
        poll_s: float,
        saw: Callable[[list[Item]], None] = lambda _: None,
    ) -> None:
        """`saw` hears of each page in this thread."""
        super().__init__(name="events", daemon=True)
        self._database = database
        self._hub = hub
        self._loop = loop
        self._poll_s = poll_s
        self._saw = saw
        self._ending = threading.Event()
        self._last: int | None = None

    def stop(self) -> None:
        self._ending.set()
        self.join()

    def run(self) -> None:
        with closing(self._database.changes()) as changes:
            behind = True
            while not self._ending.wait(self._poll_s):
                if not changes.any() and not behind:
                    continue
                try:
                    behind = self._step()
                except DatabaseRefusedError as error:
                    behind = True
                    log.warning("events cannot be read: %s", error)

    def _step(self) -> bool:
        """True where there may be more."""
        with self._database.read() as connection:
            newest = events.newest_id(connection)
            if self._last is None:
                self._last = newest
            found = read(connection, self._last) if newest > self._last else []
        if found:
            self._last = found[-1].id
            self._saw(found)
            self._loop.call_soon_threadsafe(self._hub.publish, found)
        return len(found) == PAGE
