"""Do the wheel, the satellites and the clocks tell the same story? What does not fit is flagged.

Pure: `look` once a second with what is known then. A flag is for people; drive never follows it.
"""

from vcu.geo import distance_mm

LOOK_MS = 1_000
HOLD_MS = 60_000  # a flag stays for so long after the last sign of it

# Bits of `look`; the codes of the faults are in vcu/faults.py, in this order.
SPOOFED = 1  # GNSS moves and the wheels stand
ON_STAND = 2  # the wheels turn and GNSS stands
LEAP = 4  # the position leaps
CLOCK = 8  # the wall clock jumps against the uptime
DRIFT = 16  # the wheel's circumference is not what it was taken for
_FLAGS = 5
_SPOOFED, _ON_STAND, _LEAP, _CLOCK = range(4)

# A fix that is good enough to contradict a wheel.
FIX_2D = 2  # dead reckoning follows the wheel and proves nothing
WORST_HDOP_D = 25
FEWEST_SATELLITES = 5
SETTLE_LOOKS = 10  # good ones in a row, before a position is believed

LEAP_MM = 100_000  # beyond the way that was rolled; multipath makes less of it
LEAP_LOOKS = 5
FASTEST_MMPS = 25_000  # while the wheel says nothing

STILL_MM = 5_000  # rolled since the wheels stopped: still the same place
FAR_MM = 80_000
FAR_LOOKS = 10

TURNING_MMPS = 1_500
STANDING_MMPS = 400  # what a standing receiver may say of its speed
STAND_MM = 10_000
STAND_LOOKS = 10

DRIFT_MM = 1_000_000
DRIFT_PERMILLE = 80
DRIFT_OVER_PERMILLE = 60
ROLLING_MMPS = 1_000  # by GNSS
PAIR_MS = 2_000  # two looks that follow each other

JUMP_S = 3
FOLLOW_MS = 600_000  # a clock that drifts a second in this time is bad, not set


def good_fix(
    status: dict[str, int] | None, position: dict[str, int] | None
) -> tuple[int, int, int] | None:
    """(latitude e7, longitude e7, speed mm/s), or None for what is no evidence."""
    if not status or not position or status["Fix"] < FIX_2D:
        return None
    if status["Hdop_d"] > WORST_HDOP_D or status["Satellites"] < FEWEST_SATELLITES:
        return None
    return position["Latitude_e7"], position["Longitude_e7"], status["Speed_mmps"]


class CrossCheck:
    """What was seen so far. Distances of the wheel are those of vcu/odometer.py, `run_mm`."""

    def __init__(self) -> None:
        self._looked_ms: int | None = None
        self._wheel_mm = 0
        self._knew_wheel = False
        self._fix: tuple[int, int, int] | None = None  # of the look before this one
        self._until_ms = [-1, -1, -1, -1]
        self._drifts = False
        # The last believed position, and how far the vehicle may be from it by now.
        self._believed: tuple[int, int, int] | None = None
        self._reach_mm = 0
        self._settled = 0
        self._odd_looks = 0
        # Where GNSS was when the wheels stopped.
        self._anchor: tuple[int, int, int] | None = None
        self._anchor_mm = 0
        self._far_looks = 0
        # Where GNSS was when it began to stand under turning wheels.
        self._stand: tuple[int, int, int] | None = None
        self._stand_looks = 0
        self._way_mm = 0
        self._speed_way_mm = 0
        self._track_mm = 0
        self._offset_s: int | None = None
        self._followed_ms = 0

    def due(self, now_ms: int) -> bool:
        return self._looked_ms is None or now_ms - self._looked_ms >= LOOK_MS

    def look(
        self,
        now_ms: int,
        wheel_mm: int,
        wheel_mmps: int | None,
        fix: tuple[int, int, int] | None,
        wall_s: int,
    ) -> int:
        """Take what is known now: the speed is None while stale, the wall clock 0 while unsure.

        Returns the flags that are up.
        """
        elapsed_ms = 0 if self._looked_ms is None else now_ms - self._looked_ms
        rolled_mm = wheel_mm - self._wheel_mm
        knows_wheel = wheel_mmps is not None and self._knew_wheel
        self._reach_mm += (
            rolled_mm + rolled_mm // 4 if knows_wheel else FASTEST_MMPS * elapsed_ms // 1000
        )
        self._watch_clock(now_ms, wall_s)
        if wheel_mmps is None:
            self._anchor = None
        if fix is None:
            self._settled = 0
            self._stand_looks = 0
        else:
            self._watch_position(now_ms, wheel_mm, wheel_mmps, fix)
            if knows_wheel and self._fix and elapsed_ms <= PAIR_MS:
                self._measure(rolled_mm, wheel_mmps or 0, self._fix, fix, elapsed_ms)
        self._looked_ms = now_ms
        self._wheel_mm = wheel_mm
        self._knew_wheel = wheel_mmps is not None
        self._fix = fix
        return self.flags(now_ms)

    def flags(self, now_ms: int) -> int:
        """The flags that are up at this time."""
        up = DRIFT if self._drifts else 0
        for place in range(len(self._until_ms)):
            if now_ms <= self._until_ms[place]:
                up |= 1 << place
        return up

    def clock_set(self) -> None:
        """The clock was set by whoever may: the next look takes it as it is."""
        self._offset_s = None

    def _raise(self, place: int, now_ms: int) -> None:
        self._until_ms[place] = now_ms + HOLD_MS

    # --- the position ---

    def _watch_position(
        self, now_ms: int, wheel_mm: int, wheel_mmps: int | None, fix: tuple[int, int, int]
    ) -> None:
        self._settled += 1
        # The first ones after a start or a tunnel may be far off: the receiver still converges.
        if self._settled < SETTLE_LOOKS:
            return
        self._watch_leap(now_ms, fix)
        if wheel_mmps is not None:
            self._watch_spoof(now_ms, wheel_mm, fix)
            self._watch_stand(now_ms, wheel_mmps, fix)

    def _watch_leap(self, now_ms: int, fix: tuple[int, int, int]) -> None:
        if not self._believed or _apart_mm(self._believed, fix) <= LEAP_MM + self._reach_mm:
            self._believe(fix)
            return
        self._odd_looks += 1
        if self._odd_looks >= LEAP_LOOKS:  # it stays there: no echo, a leap
            self._raise(_LEAP, now_ms)
            self._believe(fix)

    def _believe(self, fix: tuple[int, int, int]) -> None:
        self._believed = fix
        self._reach_mm = 0
        self._odd_looks = 0

    def _watch_spoof(self, now_ms: int, wheel_mm: int, fix: tuple[int, int, int]) -> None:
        if self._anchor is None or wheel_mm - self._anchor_mm > STILL_MM:
            self._anchor = fix
            self._anchor_mm = wheel_mm
            self._far_looks = 0
        elif _apart_mm(self._anchor, fix) <= FAR_MM:
            self._far_looks = 0
        else:
            self._far_looks += 1
            if self._far_looks >= FAR_LOOKS:
                self._raise(_SPOOFED, now_ms)

    def _watch_stand(self, now_ms: int, wheel_mmps: int, fix: tuple[int, int, int]) -> None:
        turning = abs(wheel_mmps) >= TURNING_MMPS and fix[2] <= STANDING_MMPS
        if not turning or (self._stand_looks and _apart_mm(self._stand, fix) > STAND_MM):
            self._stand_looks = 0
            return
        if self._stand_looks == 0:
            self._stand = fix
        self._stand_looks += 1
        if self._stand_looks > STAND_LOOKS:
            self._raise(_ON_STAND, now_ms)

    # --- the wheel's circumference ---

    def _measure(
        self,
        rolled_mm: int,
        wheel_mmps: int,
        before: tuple[int, int, int],
        fix: tuple[int, int, int],
        elapsed_ms: int,
    ) -> None:
        """Adds up both ways while both say that the vehicle rolls; each kilometre is judged."""
        speed_mmps = (before[2] + fix[2]) // 2
        if abs(wheel_mmps) < TURNING_MMPS or min(before[2], fix[2]) < ROLLING_MMPS:
            return
        self._way_mm += rolled_mm
        self._speed_way_mm += speed_mmps * elapsed_ms // 1000
        self._track_mm += _apart_mm(before, fix)
        if self._way_mm >= DRIFT_MM:
            self._judge()
            self._way_mm = 0
            self._speed_way_mm = 0
            self._track_mm = 0

    def _judge(self) -> None:
        # Noise makes a track longer, corners make it shorter, a filter delays the speed: only what
        # both say is said of the wheel.
        by_speed = (self._speed_way_mm - self._way_mm) // (self._way_mm // 1000)
        by_track = (self._track_mm - self._way_mm) // (self._way_mm // 1000)
        limit = DRIFT_OVER_PERMILLE if self._drifts else DRIFT_PERMILLE
        self._drifts = min(by_speed, by_track) > limit or max(by_speed, by_track) < -limit

    # --- the clock ---

    def _watch_clock(self, now_ms: int, wall_s: int) -> None:
        if not wall_s:
            # What was certain and is not any more went back behind the floor.
            if self._offset_s is not None:
                self._raise(_CLOCK, now_ms)
            self._offset_s = None
            return
        offset_s = wall_s - now_ms // 1000
        if self._offset_s is None:
            self._offset_s = offset_s
            self._followed_ms = now_ms
        elif abs(offset_s - self._offset_s) >= JUMP_S:
            self._raise(_CLOCK, now_ms)
            self._offset_s = offset_s
        elif offset_s != self._offset_s and now_ms - self._followed_ms >= FOLLOW_MS:
            self._offset_s += 1 if offset_s > self._offset_s else -1
            self._followed_ms = now_ms


def _apart_mm(one: tuple[int, int, int] | None, other: tuple[int, int, int]) -> int:
    return distance_mm(one[0], one[1], other[0], other[1]) if one else 0
