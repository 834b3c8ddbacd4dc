"""The newest state of each vehicle, folded from its records by (boot, seq). Pure.

What is older than what we hold, or comes from the future, changes nothing.
"""

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import NamedTuple

from fleet_backend.fleet.schema import MEASURED
from fleet_backend.ingest.fast import Sample

Values = tuple[int | None, ...]

# A place and a charge stay true for a while after the last fresh value; a speed or a lock state
# does not: unknown is said to be unknown.
_KEPT = frozenset(
    MEASURED.index(name)
    for name in ("odometer_m", "soc_permille", "lat_e7", "lon_e7", "heading_cdeg")
)
_kept = itemgetter(*_KEPT)
_STATE = MEASURED.index("state")
NOTHING: Values = (None,) * len(MEASURED)


class Newest(NamedTuple):
    """A row of vehicle_state."""

    boot: int
    seq: int
    time: int
    server_time: int
    values: Values


class Lock(NamedTuple):
    """What a LOCK record says; it stands beside `fast.Sample`, with the same beginning."""

    vehicle: str
    boot: int
    seq: int
    time: int
    state: int


News = Sample | Lock
_place = itemgetter(1, 2)  # (boot, seq)


def fold(held: Newest | None, news: Iterable[News], now: int) -> Newest | None:
    """The state after these records, in whatever order they come."""
    for item in sorted(news, key=_place):
        if held is None or _place(item) > (held.boot, held.seq):
            held = Newest(item.boot, item.seq, item.time, now, _merged(held, item))
    return held


def _merged(held: Newest | None, item: News) -> Values:
    old = held.values if held is not None else NOTHING
    if isinstance(item, Lock):
        return (*old[:_STATE], item.state, *old[_STATE + 1 :])
    if None not in _kept(item.values):
        return item.values
    return tuple(
        old[place] if value is None and place in _KEPT else value
        for place, value in enumerate(item.values)
    )


def as_event(newest: Newest, state_names: Mapping[int, str]) -> dict[str, object]:
    """What the live streams say of a vehicle."""
    named: dict[str, object] = dict(zip(MEASURED, newest.values, strict=True))
    shown = ("speed_mmps", "odometer_m", "soc_permille", "pack_mv", "lat_e7", "lon_e7")
    state = newest.values[_STATE]
    return {
        "state": "UNKNOWN" if state is None else state_names.get(state, "UNKNOWN"),
        "rest": named["rest"],
        **{name: named[name] for name in shown},
        "heading_cdeg": named["heading_cdeg"],
        "time": newest.time,
    }
