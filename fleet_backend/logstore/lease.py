"""Whose turn it is, for programs that wait for each other. A courtesy, not a guard.

No two clocks are compared: who waits takes over when the row has not changed for the lease's time
by its own clock. Whoever goes on although its turn is over is stopped by the checkpoint's row.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import ColumnElement, insert, select, update

from fleet_backend.fleet.database import Database
from fleet_backend.fleet.schema import leases
from fleet_backend.fleet.settings import Bounds
from fleet_backend.ledger.errors import LockLostError
from fleet_backend.logstore.checkpoints import database_errors

_ROW = leases.c
NOBODY = ""


@dataclass(frozen=True)
class LeaseSettings:
    """How long a holder may be silent before another one takes its turn."""

    lease_s: Annotated[float, Bounds(0.5, 300)] = 5.0
    # Between two looks of who waits.
    look_s: Annotated[float, Bounds(0.02, 10)] = 0.2

    @property
    def renew_s(self) -> float:
        """Between two renewals: two may fail."""
        return self.lease_s / 3


class Lease:
    """One program's view of one lease. One thread at a time."""

    def __init__(
        self,
        database: Database,
        name: str,
        settings: LeaseSettings,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`clock` measures waiting, in seconds from anywhere; `now` dates the row for people."""
        self._database = database
        self._name = name
        self._settings = settings
        self._clock = clock
        self._now = now
        self._holder = secrets.token_hex(8)
        self._number = 0
        self._seen = (-1, -1)
        self._since = 0.0

    def take(self) -> bool:
        """Look, and take the turn if it is free or its holder was silent for too long."""
        with database_errors("looking at the lease"), self._database.read() as connection:
            query = select(_ROW.holder, _ROW.number, _ROW.beat).where(_ROW.name == self._name)
            row = connection.execute(query).first()
        if row is None:
            return self._begin()
        found = (row.number, row.beat)
        if found != self._seen:
            self._seen, self._since = found, self._clock()
        silent_s = self._clock() - self._since
        if row.holder != NOBODY and silent_s < self._settings.lease_s:
            return False
        # Who moved meanwhile is not silent: the row has to be the one that was seen.
        if not self._write(
            _ROW.number == row.number, _ROW.beat == row.beat,
            holder=self._holder, number=row.number + 1, beat=row.beat + 1,
        ):  # fmt: skip
            return False
        self._number = row.number + 1
        return True

    def renew(self) -> None:
        """Say that we are there. Raises LockLostError where another one has the turn."""
        if not self._write(*self._mine(), beat=_ROW.beat + 1):
            raise LockLostError(f"another program took the lease of {self._name!r}")

    def release(self) -> None:
        """Give the turn up at once; nothing happens where it is another's."""
        self._write(*self._mine(), holder=NOBODY, beat=_ROW.beat + 1)

    def _mine(self) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return _ROW.holder == self._holder, _ROW.number == self._number

    def _begin(self) -> bool:
        """The first row. Writers take turns, so nobody else begins it meanwhile."""
        with database_errors("taking the lease"), self._database.begin() as connection:
            query = select(_ROW.number).where(_ROW.name == self._name)
            if connection.execute(query).first() is not None:
                return False
            row = {"name": self._name, "holder": self._holder, "number": 1, "beat": 0}
            connection.execute(insert(leases).values(**row, until=self._until()))
        self._number = 1
        return True

    def _write(self, *where: ColumnElement[bool], **values: object) -> bool:
        with database_errors("writing the lease"), self._database.begin() as connection:
            change = update(leases).where(_ROW.name == self._name, *where)
            done = connection.execute(change.values(**values, until=self._until()))
            return done.rowcount == 1

    def _until(self) -> int:
        return int((self._now() + self._settings.lease_s) * 1_000)
