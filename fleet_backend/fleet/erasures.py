"""Who was erased, without saying who: what finds the rider's data where it comes back.

A rider is named by a digest. The marks are digests of random ids, and the places of his rides in
the vehicles' counts, for a gateway that was offline, and for a back-up that is restored.
"""

import dataclasses
import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, Row, insert, select, update

from fleet_backend.fleet import rides
from fleet_backend.fleet import trace as traces
from fleet_backend.fleet.rides import Ride
from fleet_backend.fleet.schema import erasures
from fleet_backend.fleet.trace import Trace

UNDER_WAY = "under-way"
SCRUBBING = "scrubbing"  # nothing names the rider but, perhaps, free pages and the WAL
FINISHED = "finished"
_DOMAIN = b"trifleet/erased/v1"


@dataclass(frozen=True)
class Erasure:
    """One row. `trace` is None once it is finished: the row names nobody then."""

    id: int
    rider_hash: bytes
    state: str
    trace: Trace | None
    marks: frozenset[str]
    rides: tuple[Ride, ...]
    swept: int
    started: int
    finished: int | None

    def marked(self, name: bytes) -> bool:
        """Was this grant, command or code his?"""
        return digest(name).hex() in self.marks


def digest(name: bytes) -> bytes:
    """What stands in the table for a name."""
    return hashlib.sha256(_DOMAIN + name).digest()


def begin(connection: Connection, trace: Trace, now: int, swept: int = 0) -> Erasure:
    """Write down that it is under way; with what was known of an earlier one of this rider.

    Bodies up to the statement `swept` were looked through, for all that is new in the trace.
    """
    known = find(connection, trace.thumbprint)
    if known is not None:
        earlier = known.trace or Trace(trace.thumbprint)
        trace = trace.merged(earlier).merged(Trace(trace.thumbprint, rides=known.rides))
    ended = tuple(dict.fromkeys(rides.ended(connection, ride) for ride in trace.rides))
    trace = dataclasses.replace(trace, rides=ended)
    marks = {digest(item).hex() for item in (*trace.grant_ids, *trace.command_ids)}
    marks |= set() if known is None else known.marks
    row = {
        "rider_hash": digest(trace.thumbprint),
        "state": UNDER_WAY,
        "rider": trace.thumbprint,
        "work": traces.as_json(trace),
        "marks": {"names": sorted(marks), "rides": traces.rides_as_json(trace.rides)},
        "swept": swept,
        "started": now,
        "finished": None,
    }
    if known is None:
        connection.execute(insert(erasures).values(row))
    else:
        connection.execute(update(erasures).where(erasures.c.id == known.id).values(row))
    found = find(connection, trace.thumbprint)
    assert found is not None
    return found


def find(connection: Connection, thumbprint: bytes) -> Erasure | None:
    """The erasure of this rider, or None."""
    query = select(erasures).where(erasures.c.rider_hash == digest(thumbprint))
    row = connection.execute(query).first()
    return None if row is None else _erasure(row)


def all_erasures(connection: Connection) -> list[Erasure]:
    """Every one, oldest first."""
    return [_erasure(row) for row in connection.execute(select(erasures).order_by(erasures.c.id))]


def note_swept(connection: Connection, erasure_id: int, swept: int) -> None:
    """The bodies up to this statement were looked through."""
    connection.execute(update(erasures).where(erasures.c.id == erasure_id).values(swept=swept))


def put_rides(connection: Connection, erasure: Erasure, known: tuple[Ride, ...]) -> Erasure:
    """A ride became known, or the end of one."""
    after = dataclasses.replace(erasure, rides=known)
    row = {"marks": _marks(after)}
    connection.execute(update(erasures).where(erasures.c.id == erasure.id).values(row))
    return after


def forget(connection: Connection, erasure_id: int) -> None:
    """Every place was gone through: forget whom it was about."""
    done = {"state": SCRUBBING, "rider": None, "work": None}
    connection.execute(update(erasures).where(erasures.c.id == erasure_id).values(done))


def finish(connection: Connection, erasure_id: int, now: int) -> None:
    """The files were scrubbed behind it."""
    done = {"state": FINISHED, "finished": now}
    connection.execute(update(erasures).where(erasures.c.id == erasure_id).values(done))


def copy(connection: Connection, erasure: Erasure) -> None:
    """Keep an erasure of another database, with what is known here of an earlier one.

    Every statement is looked through again: what was swept there says nothing of this database.
    """
    here = select(erasures).where(erasures.c.rider_hash == erasure.rider_hash)
    found = connection.execute(here).first()
    if found is None:
        row = {
            "rider_hash": erasure.rider_hash,
            "state": FINISHED,
            "marks": _marks(erasure),
            "swept": 0,
            "started": erasure.started,
            "finished": erasure.finished,
        }
        connection.execute(insert(erasures).values(row))
        return
    known = _erasure(found)
    both = dataclasses.replace(
        known,
        marks=known.marks | erasure.marks,
        rides=tuple(dict.fromkeys((*known.rides, *erasure.rides))),
    )
    if both != known:
        row = {"marks": _marks(both), "swept": 0}
        connection.execute(update(erasures).where(erasures.c.id == known.id).values(row))


def _marks(erasure: Erasure) -> dict[str, object]:
    return {"names": sorted(erasure.marks), "rides": traces.rides_as_json(erasure.rides)}


def _erasure(row: Row[tuple[object, ...]]) -> Erasure:
    trace = None if row.work is None else traces.from_json(row.rider, row.work)
    return Erasure(
        row.id,
        row.rider_hash,
        row.state,
        trace,
        frozenset(row.marks["names"]),
        traces.rides_from_json(row.marks["rides"]),
        row.swept,
        row.started,
        row.finished,
    )
