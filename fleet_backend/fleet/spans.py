"""Samples of a vehicle as spans of a second, a minute or an hour. Pure.

A span holds how many samples there were, the least and the greatest of their numbers, least,
greatest and mean of each averaged value, and the newest of the others; None where none was fresh.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Table

from fleet_backend.fleet.schema import (
    AVERAGED,
    NEWEST,
    POSITION,
    telemetry_1h,
    telemetry_1min,
    telemetry_1s,
)

# The columns of a sample, in this order: `time`, then its number, then what was measured.
SAMPLE = ("time", "boot", "seq", *AVERAGED, *NEWEST, *POSITION)
Sample = Sequence[Any]
Span = tuple[Any, ...]

_MEASURED_AT = 3
_NEWEST_AT = _MEASURED_AT + len(AVERAGED)
_POSITION_AT = _NEWEST_AT + len(NEWEST)
_TRIPLES = [place for place in range(_MEASURED_AT, _NEWEST_AT) for _ in range(3)]
_of_one = itemgetter(*[1, 2, 1, 2, *_TRIPLES, *range(_NEWEST_AT, _POSITION_AT)])
_position_of = itemgetter(_POSITION_AT, _POSITION_AT + 1)


@dataclass(frozen=True)
class Resolution:
    """Spans of `seconds`; those of one second say where the vehicle was."""

    name: str
    seconds: int
    table: Table

    @property
    def has_position(self) -> bool:
        return self.table is telemetry_1s

    @property
    def newest(self) -> tuple[str, ...]:
        """Columns with the newest value of a span."""
        return (*NEWEST, *POSITION) if self.has_position else NEWEST


RESOLUTIONS = (
    Resolution("1s", 1, telemetry_1s),
    Resolution("1min", 60, telemetry_1min),
    Resolution("1h", 3_600, telemetry_1h),
)


def fold(resolution: Resolution, vehicle: str, samples: Iterable[Sample]) -> list[Span]:
    """Rows of the roll-up's table, from samples in the order of (time, boot, seq)."""
    seconds, has_position = resolution.seconds, resolution.has_position
    rows = []
    for start, group in groupby(samples, lambda sample: sample[0] - sample[0] % seconds):
        inside = list(group)
        row: Span = (vehicle, start, len(inside))
        row += tuple(_of_one(inside[0])) if len(inside) == 1 else tuple(_of_many(inside))
        if has_position:
            row += _position(inside)
        rows.append(row)
    return rows


def _of_many(inside: Sequence[Sample]) -> Iterator[Any]:
    _, boots, seqs, *columns = zip(*inside, strict=True)
    yield from (min(boots), min(seqs), max(boots), max(seqs))
    for column in columns[: len(AVERAGED)]:
        fresh = [value for value in column if value is not None]
        yield from (min(fresh), max(fresh), _mean(fresh)) if fresh else (None, None, None)
    for column in columns[len(AVERAGED) : len(AVERAGED) + len(NEWEST)]:
        yield next((value for value in reversed(column) if value is not None), None)


def _position(inside: Sequence[Sample]) -> tuple[int | None, int | None]:
    """Both coordinates of one sample, never of two."""
    for sample in reversed(inside):
        lat, lon = _position_of(sample)
        if lat is not None and lon is not None:
            return lat, lon
    return None, None


def _mean(fresh: Sequence[int]) -> int:
    """Rounded to the next whole number, halves away from zero."""
    total, count = sum(fresh), len(fresh)
    rounded = (2 * abs(total) + count) // (2 * count)
    return rounded if total >= 0 else -rounded


def merge_text(table: Table) -> str:
    """The end of an INSERT for both engines: what a row keeps that is there already.

    All of who saw more samples, and the widest places of both.
    """
    name = table.name
    better = f"excluded.samples >= {name}.samples"
    rules = {
        **dict.fromkeys(("first_boot", "first_seq"), "excluded.{0} < {1}.{0}"),
        **dict.fromkeys(("last_boot", "last_seq"), "excluded.{0} > {1}.{0}"),
    }
    news = []
    for column in [one.name for one in table.columns if not one.primary_key]:
        rule = rules.get(column, better).format(column, name)
        news.append(f"{column} = CASE WHEN {rule} THEN excluded.{column} ELSE {name}.{column} END")
    return " ON CONFLICT (vehicle, time) DO UPDATE SET " + ", ".join(news)
