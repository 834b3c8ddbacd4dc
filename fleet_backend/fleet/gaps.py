"""Numbers that are missing in a gateway's chain: which, since when, and filled when.

Kept in the transaction that stores statements, by what it stores alone: a jump by 2^40 is one row.
Statements overtake each other, so that many gaps live for a moment only: one that is filled before
anybody was told of it leaves no trace.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update

from fleet_backend.fleet.schema import gaps, statements

# Of the parameters of one query.
_AT_ONCE = 500

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
    told: list[Gap] = []
    gone: list[Gap] = []
    shrunk: list[dict[str, int]] = []
    new: list[dict[str, object]] = []
    for gap in _touched(connection, after):
        pieces = left_of((gap.first, gap.last), stored.get(gap.gateway, ()))
        if not pieces:
            (told if gap.told else gone).append(gap)
        elif pieces != [(gap.first, gap.last)]:
            # The row keeps the last piece, which a jump leaves the longest; others get rows.
            *others, kept = pieces
            shrunk.append({"number": gap.id, "from_": kept[0], "to": kept[1]})
            new += [_row(gap.gateway, piece, gap.since, told=gap.told) for piece in others]
    _write(connection, told, gone, shrunk, now)
    _insert(connection, new)
    _insert(connection, [_row(*found, now) for found in _found(connection, after)])
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


def _touched(connection: Connection, after: int) -> list[Gap]:
    """Open gaps that statements were just stored in."""
    numbers = connection.execute(_TOUCHED, {"after": after}).scalars()
    found = [number for number in numbers if number is not None]
    out: list[Gap] = []
    for at in range(0, len(found), _AT_ONCE):
        these = gaps.c.id.in_(found[at : at + _AT_ONCE])
        out += _gaps(connection.execute(select(gaps).where(these)))
    return out


def _found(connection: Connection, after: int) -> list[tuple[str, Range]]:
    """Gaps below statements that were just stored, where none is known; by gateway, ascending."""
    return [
        (gateway, (0 if before is None else before + 1, seq - 1))
        for gateway, seq, before in connection.execute(_FOUND, {"after": after})
    ]


def _touched_query() -> Select[Any]:
    around = (
        select(gaps.c.id)
        .where(
            gaps.c.gateway == statements.c.gateway,
            gaps.c.filled.is_(None),
            gaps.c.last >= statements.c.seq,
        )
        .order_by(gaps.c.last)
        .limit(1)
        .scalar_subquery()
    )
    return select(around).where(statements.c.id > bindparam("after")).distinct()


def _found_query() -> Select[Any]:
    below = statements.alias()
    theirs = below.c.gateway == statements.c.gateway
    predecessor = select(below.c.id).where(theirs, below.c.seq == statements.c.seq - 1)
    highest = (
        select(func.max(below.c.seq)).where(theirs, below.c.seq < statements.c.seq)
    ).scalar_subquery()
    known = select(gaps.c.id).where(
        gaps.c.gateway == statements.c.gateway,
        gaps.c.filled.is_(None),
        gaps.c.last == statements.c.seq - 1,
    )
    return (
        select(statements.c.gateway, statements.c.seq, highest)
        .where(
            statements.c.id > bindparam("after"),
            statements.c.seq > 0,
            ~predecessor.exists(),
            ~known.exists(),
        )
        .order_by(statements.c.gateway, statements.c.seq)
    )


# Of every batch: to put them together costs more than to ask them.
_TOUCHED, _FOUND = _touched_query(), _found_query()


def _row(gateway: str, missing: Range, since: int, *, told: bool = False) -> dict[str, object]:
    first, last = missing
    places = {"first": first, "last": last, "whole_first": first, "whole_last": last}
    return {"gateway": gateway, "since": since, "told": told, **places}


def _insert(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    if rows:
        connection.execute(insert(gaps), rows)


def _write(
    connection: Connection,
    told: Sequence[Gap],
    gone: Sequence[Gap],
    shrunk: Sequence[dict[str, int]],
    now: int,
) -> None:
    this = gaps.c.id == bindparam("number")
    if told:
        rows = [{"number": gap.id} for gap in told]
        connection.execute(update(gaps).where(this).values(filled=now), rows)
    if gone:
        connection.execute(delete(gaps).where(this), [{"number": gap.id} for gap in gone])
    if shrunk:
        moved = update(gaps).where(this).values(first=bindparam("from_"), last=bindparam("to"))
        connection.execute(moved, shrunk)


def _gaps(rows: Iterable[object]) -> list[Gap]:
    return [Gap(**row._mapping) for row in rows]  # type: ignore[attr-defined]
