"""Numbers that are missing in a gateway's chain: which, since when, and filled when.

Kept in the transaction that stores statements, by what it stores alone: a jump by 2^40 is one row.
Statements overtake each other, so that many gaps live for a moment only: one that is filled before
anybody was told of it leaves no trace.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from fleet_backend.fleet.schema import gaps, statements

Range = tuple[int, int]  # first and last, both of them missing


@dataclass(frozen=True)
class Gap:
    id: int
    gateway: str
    first: int
    last: int
    whole_first: int
    whole_last: int
    since: int
    filled: int | None
    told: bool


@dataclass(frozen=True)
class Totals:
    """Of what is open and was told."""

    gaps: int
    statements: int


def left_of(missing: Range, stored: Iterable[Range]) -> list[Range]:
    """What is missing still, in ascending order; `stored` ascends and does not overlap. Pure."""
    first, last = missing
    pieces = []
    for low, high in stored:
        if high < first or low > last:
            continue
        if low > first:
            pieces.append((first, low - 1))
        first = high + 1
    if first <= last:
        pieces.append((first, last))
    return pieces


def note(
    connection: Connection, stored: Mapping[str, Sequence[Range]], after: int, now: int
) -> list[Gap]:
    """Statements with ids above `after` were just stored, with these numbers of each gateway.

    Returns the gaps that are filled by them and that somebody was told of.
    """
    if not stored:
        return []
    fresh = select(statements.c.gateway).where(statements.c.id > after).distinct()
    theirs = gaps.c.filled.is_(None) & gaps.c.gateway.in_(fresh)
    told = []
    for gap in _gaps(connection.execute(select(gaps).where(theirs))):
        pieces = left_of((gap.first, gap.last), stored.get(gap.gateway, ()))
        if not pieces:
            told += _close(connection, gap, now)
        elif pieces != [(gap.first, gap.last)]:
            _shrink(connection, gap, pieces)
    for gateway, seq in _without_predecessor(connection, after):
        _open(connection, gateway, seq, now)
    return told


def tell(connection: Connection, before: int, limit: int) -> list[Gap]:
    """Gaps that are open since then or longer and that nobody was told of; they are told now."""
    due = gaps.c.told.is_(False) & gaps.c.filled.is_(None) & (gaps.c.since <= before)
    found = _gaps(connection.execute(select(gaps).where(due).order_by(gaps.c.id).limit(limit)))
    if found:
        these = gaps.c.id.in_([gap.id for gap in found])
        connection.execute(update(gaps).where(these).values(told=True))
    return found


def page(
    connection: Connection, before: int | None = None, limit: int = 50, *, is_open: bool | None
) -> list[Gap]:
    """Newest first; those with a number below `before` where it is given. None: both kinds."""
    query = select(gaps).order_by(gaps.c.id.desc()).limit(limit)
    if is_open is not None:
        query = query.where(gaps.c.filled.is_(None) if is_open else gaps.c.filled.is_not(None))
    if before is not None:
        query = query.where(gaps.c.id < before)
    return _gaps(connection.execute(query))


def totals(connection: Connection) -> Totals:
    """How many there are that last, and how many statements are missing in them."""
    lasting = gaps.c.told.is_(True) & gaps.c.filled.is_(None)
    count = func.coalesce(func.sum(gaps.c.last - gaps.c.first + 1), 0)
    row = connection.execute(select(func.count(), count).where(lasting)).one()
    return Totals(int(row[0]), int(row[1]))


def trim_filled(connection: Connection, keep: int) -> None:
    """Drop all but the newest of those that were filled."""
    filled = gaps.c.filled.is_not(None)
    ids = select(gaps.c.id).where(filled).order_by(gaps.c.id.desc())
    oldest = connection.execute(ids.offset(keep).limit(1)).scalar()
    if oldest is not None:
        connection.execute(delete(gaps).where(filled, gaps.c.id <= oldest))


def _without_predecessor(connection: Connection, after: int) -> list[tuple[str, int]]:
    """(gateway, number) of the statements just stored that follow nothing; ascending."""
    before = statements.alias()
    predecessor = select(before.c.id).where(
        before.c.gateway == statements.c.gateway, before.c.seq == statements.c.seq - 1
    )
    query = select(statements.c.gateway, statements.c.seq).where(
        statements.c.id > after, statements.c.seq > 0, ~predecessor.exists()
    )
    rows = connection.execute(query.order_by(statements.c.gateway, statements.c.seq))
    return [(row.gateway, row.seq) for row in rows]


def _open(connection: Connection, gateway: str, seq: int, now: int) -> None:
    """The gap below this number, unless it is known."""
    known = select(gaps.c.id).where(
        gaps.c.gateway == gateway, gaps.c.filled.is_(None), gaps.c.last == seq - 1
    )
    if connection.execute(known).first() is not None:
        return
    below = (statements.c.gateway == gateway) & (statements.c.seq < seq)
    highest = connection.execute(select(func.max(statements.c.seq)).where(below)).scalar()
    first = 0 if highest is None else int(highest) + 1
    values = {"gateway": gateway, "since": now, "told": False}
    places = {"first": first, "last": seq - 1, "whole_first": first, "whole_last": seq - 1}
    connection.execute(insert(gaps).values({**values, **places}))


def _close(connection: Connection, gap: Gap, now: int) -> list[Gap]:
    if not gap.told:
        connection.execute(delete(gaps).where(gaps.c.id == gap.id))
        return []
    connection.execute(update(gaps).where(gaps.c.id == gap.id).values(filled=now))
    return [gap]


def _shrink(connection: Connection, gap: Gap, pieces: Sequence[Range]) -> None:
    """The row keeps the last piece, which a jump leaves the longest; others get rows."""
    *others, kept = pieces
    values = {"first": kept[0], "last": kept[1]}
    connection.execute(update(gaps).where(gaps.c.id == gap.id).values(values))
    same = {"gateway": gap.gateway, "since": gap.since, "told": gap.told}
    for first, last in others:
        places = {"first": first, "last": last, "whole_first": first, "whole_last": last}
        connection.execute(insert(gaps).values({**same, **places}))


def _gaps(rows: Iterable[object]) -> list[Gap]:
    return [Gap(**row._mapping) for row in rows]  # type: ignore[attr-defined]
