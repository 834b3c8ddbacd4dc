"""Two clocks: uptime, which never wraps, and the wall clock, which may be wrong and says so."""

from protocol.access import Clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    Moment = tuple[int, ...]  # year, month, day, weekday, hour, minute, second, subseconds

YEAR_FIRST = 2025
YEAR_LAST = 2099
_DAY_S = 86_400
LAST_S = 4_102_444_799  # the end of YEAR_LAST


class Uptime:
    """Milliseconds since start. Must be read more often than half the period of the ticks."""

    def __init__(
        self, ticks_ms: "Callable[[], Any]", ticks_diff: "Callable[[Any, Any], int]"
    ) -> None:
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._last = ticks_ms()
        self._uptime_ms = 0

    def now(self) -> int:
        # The difference is right across the wrap of ticks_ms (2^30 ms, 12 days, on 32 bits).
        # From 2^30 on the sum has memory of its own: the same one as long as it is the same.
        ticks = self._ticks_ms()
        if ticks != self._last:
            self._uptime_ms += max(0, self._ticks_diff(ticks, self._last))
            self._last = ticks
        return self._uptime_ms


class WallClock:
    """The real-time clock against the floor that signed commands raised.

    `rtc.datetime()` is the tuple of machine.RTC: year, month, day, weekday, hour, minute, second,
    subseconds, in UTC.
    """

    def __init__(self, rtc: "Any", floor_s: int) -> None:
        self._rtc = rtc
        self.floor_s = floor_s

    def read(self) -> Clock:
        """Certain only from the floor on and in a year in which this software can run."""
        moment = self._rtc.datetime()
        if not is_plausible(moment):
            return Clock(self.floor_s, False)
        now_s = to_seconds(moment)
        return Clock(max(now_s, self.floor_s), now_s >= self.floor_s)

    def time(self) -> int:
        """For records: seconds since 1970, or 0 while the clock is not certain."""
        clock = self.read()
        return clock.now if clock.certain else 0

    def raise_to(self, floor_s: int) -> None:
        """A signed command said that it is at least this late: a slow clock is put forward."""
        self.floor_s = max(self.floor_s, floor_s)
        moment = self._rtc.datetime()
        if not is_plausible(moment) or to_seconds(moment) < self.floor_s:
            self._rtc.datetime(to_moment(self.floor_s))


def is_plausible(moment: "Moment") -> bool:
    year, month, day, _, hour, minute, second = moment[:7]
    return (
        YEAR_FIRST <= year <= YEAR_LAST
        and 1 <= month <= 12
        and 1 <= day <= 31
        and 0 <= hour < 24
        and 0 <= minute < 60
        and 0 <= second < 60
    )


def to_seconds(moment: "Moment") -> int:
    year, month, day, _, hour, minute, second = moment[:7]
    return _days(year, month, day) * _DAY_S + hour * 3600 + minute * 60 + second


def to_moment(seconds: int) -> "Moment":
    days, rest = seconds // _DAY_S, seconds % _DAY_S
    year = 1970 + days // 366
    while _days(year + 1, 1, 1) <= days:
        year += 1
    month = 1
    while month < 12 and _days(year, month + 1, 1) <= days:
        month += 1
    day = days - _days(year, month, 1) + 1
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    return (year, month, day, weekday, rest // 3600, rest // 60 % 60, rest % 60, 0)


def _days(year: int, month: int, day: int) -> int:
    # Days since 1970-01-01, Gregorian; the year begins in March so that a leap day comes last.
    if month <= 2:
        year -= 1
        month += 12
    return (
        365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 719469
    )
