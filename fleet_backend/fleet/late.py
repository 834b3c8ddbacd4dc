"""What arrives of riders who were erased: from a gateway that was offline, in a restored back-up.

Nothing names them any more. Their answers are found by the digests of ids, their rides by these
answers and by the places that were known before. In pieces: each statement is looked through once,
then the rows of one rider after the other are dropped.
"""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, select

from fleet_backend.fleet import content, erasures, rides, streamed
from fleet_backend.fleet.content import inflate
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.erasure import (
    Counts,
    delete_bodies,
    drop_answers,
    drop_measured,
    drop_quarantine,
)
from fleet_backend.fleet.erasures import Erasure
from fleet_backend.fleet.schema import bodies, records, statements

# Statements of one transaction: messages wait for it.
PIECE = 200


class Run:
    """One pass. Call `step` in one transaction after the other until it is False."""

    def __init__(self) -> None:
        self.counts: Counts = Counter()
        self._left: list[int] | None = None

    def step(self, connection: Connection) -> bool:
        """The next piece; False when there was none."""
        if self._left is None:
            if _sweep(connection, self.counts):
                return True
            self._left = [one.id for one in _erased(connection)]
        if not self._left:
            return False
        number = self._left.pop()
        for erasure in _erased(connection):
            if erasure.id == number:
                _clear(connection, erasure, self.counts)
        return True


def drop(database: Database) -> Counts:
    """All of it now; whoever else writes waits for one piece at a time."""
    run = Run()
    more = True
    while more:
        with database.begin() as connection:
            more = run.step(connection)
    return run.counts


def _erased(connection: Connection) -> list[Erasure]:
    """Those of whom no name is left; who is being erased is searched by name."""
    return [one for one in erasures.all_erasures(connection) if one.trace is None]


def _sweep(connection: Connection, counts: Counts) -> bool:
    """Look through the next statements: rides that nobody knew of, contents, answers."""
    erased = _erased(connection)
    if not erased:
        return False
    seen = min(one.swept for one in erased)
    following = select(statements.c.id).where(statements.c.id > seen).order_by(statements.c.id)
    ids = connection.execute(following.limit(PIECE)).scalars().all()
    if not ids:
        return False
    known = [_with_late_rides(connection, one, ids) for one in erased]
    marks = frozenset[str]().union(*(one.marks for one in known))
    _sweep_bodies(connection, known, marks, ids, counts)
    place = records.c.statement_id.between(ids[0], ids[-1])
    drop_answers(connection, lambda name: _digest(name) in marks, counts, place)
    for one in known:
        erasures.note_swept(connection, one.id, max(one.swept, ids[-1]))
    return True


def _with_late_rides(connection: Connection, erasure: Erasure, ids: Sequence[int]) -> Erasure:
    """Rides that an answer in these statements began, before the answer is dropped."""
    place = records.c.statement_id.between(ids[0], ids[-1])
    late = rides.of_answers(connection, lambda name: _digest(name) in erasure.marks, place)
    return _put(connection, erasure, (*erasure.rides, *late))


def _put(connection: Connection, erasure: Erasure, known: Sequence[rides.Ride]) -> Erasure:
    """Keep these rides, with their ends where the vehicle has told them since."""
    found = tuple(dict.fromkeys(rides.ended(connection, ride) for ride in known))
    if found == erasure.rides:
        return erasure
    return erasures.put_rides(connection, erasure, found)


def _sweep_bodies(
    connection: Connection,
    erased: Sequence[Erasure],
    marks: frozenset[str],
    ids: Sequence[int],
    counts: Counts,
) -> None:
    """A record may have come twice; its row names the first statement alone."""
    places = [ride for one in erased for ride in one.rides]
    of_them = content.of_ids(lambda name: erasures.digest(name).hex() in marks, places)
    here = bodies.c.statement_id.between(ids[0], ids[-1])
    found = []
    for row in connection.execute(select(bodies.c.statement_id, bodies.c.body).where(here)):
        body = inflate(row.body)
        if body is not None and of_them.speaks_of_him(body):
            found.append(row.statement_id)
    counts["bodies and salts of statements"] += delete_bodies(connection, found)


def _clear(connection: Connection, erasure: Erasure, counts: Counts) -> None:
    """Drop the rows of one rider; what the live pages were told first, while rows say when."""
    known = _put(connection, erasure, erasure.rides)
    told = streamed.of(connection, lambda name: _digest(name) in known.marks, known.rides)
    counts["events"] += streamed.forget(connection, told)
    drop_measured(connection, known.rides, counts)
    of_him = content.of_ids(known.marked, known.rides)
    counts["refused messages"] += drop_quarantine(connection, of_him)


def _digest(name: str) -> str:
    """What stands in the marks for an id in hexadecimal digits; nothing does for other words."""
    try:
        return erasures.digest(bytes.fromhex(name)).hex() if name else ""
    except ValueError:
        return ""
