"""Spans of hours that are due, computed for one answer: the newest, as far as a bound allows.

The present hour is always due, and a day that has just come late is. Somebody waits for the answer,
so what does not fit into the bound stays for the ingest, and the answer names it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from fleet_backend.fleet.rollups import HOUR_S, samples_of
from fleet_backend.fleet.schema import rollups_due, telemetry
from fleet_backend.fleet.spans import Resolution, Span, fold

# The newest hour of a vehicle that samples as often as it may: once in half a second.
MAX_SAMPLES = 7_200
# It is computed in any case, so that the present is right; older ones while all have no more.
OLDER_SAMPLES = 3_600
MAX_HOURS = 24
# So many are named; a range may hold years of them.
MAX_NAMED = 1_000


class Found(NamedTuple):
    """Rows of the roll-up's table, and the hours of the range that are still due, oldest first."""

    spans: list[Span]
    due: list[int]


def compute(
    connection: Connection, resolution: Resolution, vehicle: str, first: int, last: int
) -> Found:
    """Of the hours that `first` <= time <= `last` touches; whole hours, in no order."""
    hours = _due(connection, vehicle, first, last)
    spans: list[Span] = []
    left = MAX_SAMPLES
    for start, end in _newest_first(hours[-MAX_HOURS:]):
        whole = _whole_from(connection, vehicle, start, end, left)
        samples = samples_of(connection, vehicle, whole, end)
        spans += fold(resolution, vehicle, samples)
        if whole > start:
            return Found(spans, [hour for hour in hours if hour < whole])
        left = max(0, min(left, OLDER_SAMPLES) - len(samples))
    return Found(spans, hours[:-MAX_HOURS])


def _whole_from(connection: Connection, vehicle: str, start: int, end: int, most: int) -> int:
    """The oldest hour from which on there are at most so many samples until `end`."""
    t = telemetry.c
    newest = (
        select(t.time)
        .where(t.vehicle == vehicle, t.time.between(start, end))
        .order_by(t.time.desc())
    )
    too_old = connection.execute(newest.offset(most).limit(1)).scalar()
    return start if too_old is None else int(too_old) // HOUR_S * HOUR_S + HOUR_S


def _due(connection: Connection, vehicle: str, first: int, last: int) -> list[int]:
    """The newest hours of the range that lack samples, oldest first."""
    c = rollups_due.c
    inside = c.hour.between(first - first % HOUR_S, last)
    query = select(c.hour).where(c.vehicle == vehicle, inside).order_by(c.hour.desc())
    return sorted(connection.execute(query.limit(MAX_NAMED)).scalars())


def _newest_first(hours: Sequence[int]) -> list[tuple[int, int]]:
    """The newest hour by itself, then what lies before it."""
    return [*reversed(_runs(hours[-1:])), *reversed(_runs(hours[:-1]))]


def _runs(hours: Sequence[int]) -> list[tuple[int, int]]:
    """Hours that follow each other as one range (first, last) of seconds."""
    runs: list[tuple[int, int]] = []
    for hour in hours:
        if runs and runs[-1][1] + 1 == hour:
            runs[-1] = (runs[-1][0], hour + HOUR_S - 1)
        else:
            runs.append((hour, hour + HOUR_S - 1))
    return runs
