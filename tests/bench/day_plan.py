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


def a_day(hours: int, alone: bool = False) -> Plan:
    """Six hours and the same again: two rides of eight minutes, one of them with trouble; an hour
    of charging; somebody who tries; 45 minutes without a gateway. `alone`: it comes for the last
    ten minutes only, and gets everything then."""
    begins = range(0, hours * HOUR_MS, 6 * HOUR_MS)
    rides = [(begin + hour * HOUR_MS + 5 * MINUTE_MS) for begin in begins for hour in (1, 4)]
    away = tuple((begin + 125 * MINUTE_MS, begin + 170 * MINUTE_MS) for begin in begins)
    return Plan(
        end_ms=hours * HOUR_MS,
        rides=tuple((begin, begin + 8 * MINUTE_MS) for begin in rides),
        away=((0, hours * HOUR_MS - 10 * MINUTE_MS),) if alone else away,
        charging=tuple((begin + 5 * HOUR_MS, begin + 6 * HOUR_MS - 1) for begin in begins),
        faults=tuple((begin + 3 * MINUTE_MS, begin + 4 * MINUTE_MS) for begin in rides[1::2]),
        refused=tuple(begin - 30_000 for begin in rides[::2]),
        typed=tuple(begin - 30_000 for begin in rides[1::2]),
    )


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
