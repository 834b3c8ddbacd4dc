"""What happens in a day of the bench. Times are milliseconds since it began, pairs (begin, end)."""

from __future__ import annotations

from dataclasses import dataclass

HOUR_MS = 3_600_000
MINUTE_MS = 60_000


@dataclass(frozen=True)
class Plan:
    """Everything is as long as it says; a ride begins with an unlock and ends with a lock."""

    end_ms: int = 24 * HOUR_MS
    period_ms: int = HOUR_MS  # how often the heap is measured
    rides: tuple[tuple[int, int], ...] = ()
    away: tuple[tuple[int, int], ...] = ()  # no gateway
    charging: tuple[tuple[int, int], ...] = ()
    faults: tuple[tuple[int, int], ...] = ()  # the motor controller says 7, the battery is silent
    refused: tuple[int, ...] = ()  # somebody's presentation with a wrong signature
    typed: tuple[int, ...] = ()  # a wrong code on the panel
    silent_ms: int | None = None  # from then on nobody sends anything
    supply_mv: int = 12_600


def a_day(away: tuple[tuple[int, int], ...]) -> Plan:
    """Six rides of eight minutes, one of them with trouble, and a charge in the evening."""
    hours = (1, 4, 7, 8, 14, 18)
    rides = [(hour * HOUR_MS + 5 * MINUTE_MS, hour * HOUR_MS + 13 * MINUTE_MS) for hour in hours]
    return Plan(
        rides=tuple(rides),
        away=away,
        charging=((20 * HOUR_MS, 22 * HOUR_MS),),
        faults=((rides[1][0] + 3 * MINUTE_MS, rides[1][0] + 4 * MINUTE_MS),),
        refused=(rides[2][0] - 30_000, 15 * HOUR_MS, 15 * HOUR_MS + MINUTE_MS),
        typed=(rides[3][0] - 30_000,),
    )


NORMAL = a_day(away=((10 * HOUR_MS, 13 * HOUR_MS),))
ALONE = a_day(away=((0, 24 * HOUR_MS),))
# Woken, told, and asleep again: with a weak battery it waits for that a minute, not ten.
SLEEPY = Plan(end_ms=10 * MINUTE_MS, silent_ms=75_000, supply_mv=12_000)
_SHORT_MS = 40_000
# A ride in each of five short hours, one of them without a gateway.
SHORT = Plan(
    end_ms=5 * _SHORT_MS,
    period_ms=_SHORT_MS,
    rides=tuple((ms + 8_000, ms + 30_000) for ms in range(0, 5 * _SHORT_MS, _SHORT_MS)),
    away=((79_000, 112_000),),
    faults=((130_000, 136_000),),
    refused=(122_000,),
    typed=(152_000,),
)
