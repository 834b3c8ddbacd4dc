"""Spans of samples against the plain definition of each column."""

import statistics
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_backend.fleet.schema import AVERAGED, NEWEST, POSITION
from fleet_backend.fleet.spans import RESOLUTIONS, SAMPLE, Resolution, fold

HOUR = 1_790_000_000 // 3_600 * 3_600
values = st.one_of(st.none(), st.integers(-(2**31), 2**31))
sample = st.tuples(
    st.integers(0, 200).map(lambda second: HOUR + second),
    st.integers(1, 3),
    st.integers(0, 50),
    *(values for _ in SAMPLE[3:]),
)


def plain(resolution: Resolution, samples: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """One pass a column, as the words say it."""
    named = [dict(zip(SAMPLE, one, strict=True)) for one in samples]
    rows = []
    for start in sorted({one["time"] // resolution.seconds for one in named}):
        inside = [one for one in named if one["time"] // resolution.seconds == start]
        row: dict[str, Any] = {
            "vehicle": "v",
            "time": start * resolution.seconds,
            "samples": len(inside),
            "first_boot": min(one["boot"] for one in inside),
            "first_seq": min(one["seq"] for one in inside),
            "last_boot": max(one["boot"] for one in inside),
            "last_seq": max(one["seq"] for one in inside),
        }
        for name in AVERAGED:
            fresh = [one[name] for one in inside if one[name] is not None]
            mean = Decimal(sum(fresh)) / len(fresh) if fresh else None
            row[f"{name}_min"] = min(fresh, default=None)
            row[f"{name}_max"] = max(fresh, default=None)
            # ROUND_HALF_UP of decimal goes away from zero.
            row[f"{name}_mean"] = mean if mean is None else int(mean.quantize(1, ROUND_HALF_UP))
        for name in NEWEST:
            row[name] = next((one[name] for one in inside[::-1] if one[name] is not None), None)
        if resolution.has_position:
            places = [tuple(one[name] for name in POSITION) for one in inside]
            whole = [place for place in places if None not in place]
            row.update(zip(POSITION, whole[-1] if whole else (None, None), strict=True))
        rows.append(row)
    return rows


@pytest.mark.parametrize("resolution", RESOLUTIONS, ids=lambda one: one.name)
@given(st.lists(sample, max_size=40, unique_by=lambda one: one[:3]))
def test_each_column_is_what_its_name_says(
    resolution: Resolution, samples: list[tuple[Any, ...]]
) -> None:
    samples.sort(key=lambda one: one[:3])
    names = resolution.table.columns.keys()
    found = [dict(zip(names, row, strict=True)) for row in fold(resolution, "v", samples)]
    assert found == plain(resolution, samples)


def test_only_spans_of_a_second_say_where_the_vehicle_was() -> None:
    for resolution in RESOLUTIONS:
        places = set(POSITION) & set(resolution.table.columns.keys())
        assert places == (set(POSITION) if resolution.seconds == 1 else set())


def test_a_mean_of_halves_goes_away_from_zero_on_both_sides() -> None:
    rows = [(HOUR + n, 1, n, *(value,) * (len(SAMPLE) - 3)) for n, value in enumerate((1, 2))]
    minute = RESOLUTIONS[1]
    place = minute.table.columns.keys().index("pack_da_mean")
    assert fold(minute, "v", rows)[0][place] == 2
    negative = [(*row[:3], *(-value for value in row[3:])) for row in rows]
    assert fold(minute, "v", negative)[0][place] == -2
    assert statistics.mean((1, 2)) == 1.5
