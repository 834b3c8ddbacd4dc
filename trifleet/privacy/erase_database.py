"""Erases one rider from one database file: the installation's own, or that of a back-up.

May end at any moment and be done again: a row says what is under way.
"""

import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection

from fleet_backend.fleet import erasure, erasures, late, trace
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.fleet.erasure import Counts
from fleet_backend.fleet.erasures import Erasure
from fleet_backend.fleet.rides import Ride
from trifleet.errors import PrivacyError
from trifleet.layout import Layout


class OpenRideError(PrivacyError):
    """The rider has a vehicle now."""

    def __init__(self, rides: list[Ride]) -> None:
        names = ", ".join(sorted({ride.vehicle for ride in rides}))
        super().__init__(
            f"a ride on {names} has not ended: erase when it is locked, or give --even-riding"
        )


def open_file(path: Path) -> Database:
    """The database of a file that is there, brought up to this program's schema."""
    if not path.is_file():
        raise PrivacyError(f"no database {path}")
    return _open(f"sqlite:///{path}")


def open_own(layout: Layout) -> Database:
    """An installation's database, wherever it is, brought up to this program's schema."""
    return open_file(layout.database) if layout.keeps_own_file else _open(layout.database_url)


def _open(url: str) -> Database:
    database = open_database(url)
    database.create_schema()
    return database


def erase_rows(
    database: Database, thumbprint: bytes, *, even_riding: bool
) -> tuple[Erasure, Counts]:
    """Everything but the end: `end` forgets whom it was about once all other places are done.

    Raises OpenRideError, and FleetError for a key that is no rider's.
    """
    with database.begin() as connection:
        found = _begin(connection, thumbprint, even_riding)
        seen = erasure.newest_statement(connection)
    counts: Counts = Counter()
    more = True
    while more:
        with database.begin() as connection:
            more = erasure.sweep(connection, found, counts)
    with database.begin() as connection:
        # Nobody else can write now. What he asked for meanwhile is known from here on, and any
        # content that speaks of it is newer than the first look.
        found = _begin(connection, thumbprint, even_riding, seen)
        while erasure.sweep(connection, found, counts):
            pass
        erasure.clear(connection, found, counts)
    return found, counts


def _begin(connection: Connection, thumbprint: bytes, even_riding: bool, swept: int = 0) -> Erasure:
    found = erasure.begin(connection, thumbprint, int(time.time()), swept)
    open_rides = erasure.open_rides(found)
    if open_rides and not even_riding:
        raise OpenRideError(open_rides)
    return found


def end(database: Database, found: Erasure) -> Counts:
    """Forget whom it was about, and take what was deleted out of the stored bytes."""
    with database.begin() as connection:
        erasures.forget(connection, found.id)
    database.scrub()
    with database.begin() as connection:
        erasures.finish(connection, found.id, int(time.time()))
    dropped = late.drop(database)
    if dropped.total():
        database.scrub()
    database.empty_log()
    return dropped


def erase_in_copy(path: Path, thumbprint: bytes) -> Counts:
    """In a file that nobody else uses: a back-up's. One file is left, without a log beside it."""
    with closing(open_file(path)) as database:
        found, counts = erase_rows(database, thumbprint, even_riding=True)
        counts += end(database, found)
    return counts


def erase_known(path: Path, known: list[Erasure]) -> int:
    """Whoever was erased elsewhere after he was here, if at all, and is in this one is erased.

    Who came back after his erasure stays. Returns how many were erased.
    """
    with closing(open_file(path)) as database:
        with database.read() as connection:
            here = {one.rider_hash: one.started for one in erasures.all_erasures(connection)}
            since = {one.rider_hash for one in known if one.started > here.get(one.rider_hash, -1)}
            back = [one for one in trace.holders(connection) if erasures.digest(one) in since]
        for thumbprint in back:
            found, _ = erase_rows(database, thumbprint, even_riding=True)
            end(database, found)
        with database.begin() as connection:
            for one in known:
                erasures.copy(connection, one)
        dropped = late.drop(database)
        if dropped.total():
            database.scrub()
    return len(back)
