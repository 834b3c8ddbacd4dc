"""Gaps in the chains of gateways, as the ingest keeps them and as the operator hears of them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import Connection

from fleet_backend.fleet import events, gaps
from fleet_backend.fleet.events import NewEvent
from fleet_backend.fleet.gaps import Gap
from fleet_backend.fleet.settings import Bounds
from fleet_backend.ingest.verdicts import Accepted
from protocol import ack

_LOG = logging.getLogger("fleet_backend.ingest")
_TOLD_AT_ONCE = 100


@dataclass(frozen=True)
class GapLimits:
    # So long open before the operator is told: statements overtake each other.
    tell_after_s: Annotated[int, Bounds(0, 86_400)] = 30
    filled_kept: Annotated[int, Bounds(0, 1_000_000)] = 10_000


def note(connection: Connection, accepted: Sequence[Accepted], after: int, now: int) -> None:
    """These were just stored, with ids above `after`."""
    numbers: dict[str, list[int]] = {}
    for one in accepted:
        numbers.setdefault(one.gateway, []).append(one.seq)
    stored = {gateway: ack.to_ranges(theirs) for gateway, theirs in numbers.items()}
    filled = gaps.note(connection, stored, after, now)
    events.append(connection, [_event(gap, now) for gap in filled], now)


def keep(connection: Connection, limits: GapLimits, now: int) -> None:
    """Tell of those that last, and forget the oldest that were filled."""
    told = gaps.tell(connection, now - limits.tell_after_s, _TOLD_AT_ONCE)
    for gap in told:
        _LOG.warning("statements are missing", extra=_place(gap))
    events.append(connection, [_event(gap, None) for gap in told], now)
    gaps.trim_filled(connection, limits.filled_kept)


def _place(gap: Gap) -> dict[str, str | int]:
    return {"gateway": gap.gateway, "first": gap.first, "last": gap.last}


def _event(gap: Gap, filled: int | None) -> NewEvent:
    first, last = (gap.first, gap.last) if filled is None else (gap.whole_first, gap.whole_last)
    data = {
        "id": gap.id,
        "gateway": gap.gateway,
        "first": first,
        "last": last,
        "since": gap.since,
        "filled": filled,
    }
    return NewEvent(events.GAP, gap.gateway, data)
