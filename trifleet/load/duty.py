"""When a simulated vehicle rides, stands and rests. Pure: the same seed gives the same days.

The pace of the samples is that of docs/telemetry.md. A day has rides in pairs of peaks, as shared
vehicles do; between two rides a vehicle is parked for ten minutes and drowsy after that.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

DAY_S = 86_400
_AWAKE_S = 600
_RIDE_MEDIAN_S = 11 * 60
_RIDE_SPREAD = 0.55  # of the logarithm: most rides last 4 to 30 minutes
_LONGEST_RIDE_S = 2 * 3600
# Rides begin around these hours (mean, spread, weight), in local time.
_PEAKS = ((8.0, 1.3, 0.3), (13.0, 2.5, 0.3), (18.0, 2.0, 0.4))


class Mode(Enum):
    """What a vehicle does; the value is the period of its samples in seconds."""

    RIDING = 1
    PARKED = 10
    DROWSY = 600


@dataclass(frozen=True)
class Spell:
    """One mode, from and until, in seconds of the plan."""

    mode: Mode
    begin_s: float
    end_s: float


def day(seed: str, rides: int) -> list[Spell]:
    """A day without gaps from 0 to 86,400 s, with up to `rides` rides that do not overlap."""
    source = random.Random(seed)  # noqa: S311 (a plan, not a secret)
    spells: list[Spell] = []
    at = 0.0
    for begin, length in sorted(_ride(source) for _ in range(rides)):
        if begin < at or begin + length > DAY_S:
            continue  # it is ridden already, or the day ends
        spells += _rest(at, begin)
        spells.append(Spell(Mode.RIDING, begin, begin + length))
        at = begin + length
    return [*spells, *_rest(at, DAY_S)]


def _ride(source: random.Random) -> tuple[float, float]:
    """(begin, length) in seconds."""
    hour, spread, _ = source.choices(_PEAKS, [peak[2] for peak in _PEAKS])[0]
    begin = source.gauss(hour, spread) % 24 * 3600
    length = source.lognormvariate(math.log(_RIDE_MEDIAN_S), _RIDE_SPREAD)
    return begin, min(length, _LONGEST_RIDE_S)


def _rest(begin: float, end: float) -> Iterator[Spell]:
    """Parked at first, drowsy then."""
    awake = min(begin + _AWAKE_S, end)
    if awake > begin:
        yield Spell(Mode.PARKED, begin, awake)
    if end > awake:
        yield Spell(Mode.DROWSY, awake, end)


class Duty:
    """A vehicle's day, over and over, begun at its own hour."""

    def __init__(self, seed: str, rides: int) -> None:
        self._spells = day(seed, rides)

    def at(self, time_s: float) -> Spell:
        """The spell at that time, which may be any; a spell over midnight counts as two."""
        turn, of_day = divmod(time_s, DAY_S)
        # A moment before midnight may be rounded to midnight.
        found = next((spell for spell in self._spells if of_day < spell.end_s), self._spells[-1])
        begin = turn * DAY_S
        return Spell(found.mode, begin + found.begin_s, begin + found.end_s)


class Always:
    """One mode for ever: for measurements at an even rate."""

    def __init__(self, mode: Mode) -> None:
        self._spell = Spell(mode, -math.inf, math.inf)

    def at(self, _: float) -> Spell:
        """The one spell."""
        return self._spell
