"""Between the batches: roll-ups; once a day, in small pieces, what is too old is deleted.

And what a gateway that had been offline brought of riders who were erased meanwhile.
"""

import logging
import time
from collections import Counter

from fleet_backend.fleet import engine, late, rollups
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.retention import RetentionSettings, retain

_LOG = logging.getLogger("fleet_backend.ingest")
EVERY_S = 86_400
# So long at a time: messages wait for it.
TURN_S = 0.1


class Retainer:
    """Call `step` often. The daily run begins with the first call, and again after midnight (UTC).

    Partitions end at midnight: whole ones are dropped then, and hardly a row one by one.
    """

    def __init__(self, database: Database, settings: RetentionSettings) -> None:
        self._database = database
        self._settings = settings
        self._due = 0
        self._counts: Counter[str] = Counter()
        self._late = late.Run()

    def step(self, now: int) -> None:
        """The next pieces, if it is time. `now` is Unix time."""
        end = time.monotonic() + TURN_S
        self._roll_up(now, end)
        if now < self._due:
            return
        if not self._counts:
            with self._database.begin() as connection:
                engine.partitions(connection).make_ahead(connection, now)
        while time.monotonic() < end:
            with self._database.begin() as connection:
                deleted = retain(connection, self._settings, now)
                self._counts += deleted
                if not deleted and not self._late.step(connection):
                    break
        else:
            return
        self._finish(now)

    def _roll_up(self, now: int, end: float) -> None:
        with self._database.read() as connection:
            more = rollups.are_due(connection, now)
        while more and time.monotonic() < end:
            with self._database.begin() as connection:
                more = rollups.step(connection, now) > 0

    def _finish(self, now: int) -> None:
        self._due = now - now % EVERY_S + EVERY_S
        for what, counts in (("too old", self._counts), ("of erased riders", self._late.counts)):
            if counts.total():
                _LOG.info("deleted, %s: %s", what, dict(counts))
        self._counts = Counter()
        self._late = late.Run()
