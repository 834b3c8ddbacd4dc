"""How fast the vehicle may go before a wheel lifts. Pure; whole numbers of at most 30 bits.

docs/tipover.md derives the formula and says what the guard does not protect against.
"""

from array import array

from protocol.vehicle import DELTA, Vehicle

# Gravity where it is least: it holds the vehicle down.
_GRAVITY_MMPS2 = 9780
# Beyond this a measured acceleration is a fault of the sensor, or a wheel that slips.
_MOST_MMPS2 = 6000
_SENSOR_MMPS2 = 250
# What may begin before it is measured, and the share of what is left that it may cost.
_BRAKE_SOON_MMPS2 = 2000
_BRAKE_HARDER_MMPS2 = 3000
_DRIVE_SOON_MMPS2 = 1000
_SOON_SHIFT = 3
_FILTER_MS = 100

_FREE = (1 << 30) - 1  # (mm/s)^2: faster than any vehicle
_NO_PITCH = 60_000
_FASTEST_MMPS = 32_767


class Guard:
    """The limits of one vehicle. Called fifty times a second: few look-ups, no builtin calls."""

    def __init__(self, vehicle: Vehicle) -> None:
        self._sign = 1 if vehicle.layout == DELTA else -1
        self._fitted = vehicle.has_steering
        self._top_mmps = vehicle.top_speed_mmps
        self._warn = vehicle.warn_permille
        # Of the speed in vehicle.margin_permille, here of its square, in 1/1024.
        self._share = (1000 - vehicle.margin_permille) ** 2 * 1024 // 1_000_000
        self._stop_cdeg = vehicle.max_steering_cdeg
        self._tangents = _tangents(vehicle.max_steering_cdeg // 100 + 1)
        self._weigh(vehicle)

    def _weigh(self, vehicle: Vehicle) -> None:
        """What does not depend on steering, at the worst load and on the worst slope."""
        length, half = vehicle.wheelbase_mm, vehicle.track_mm // 2
        loads = (
            (vehicle.empty_height_mm, vehicle.empty_from_front_mm),
            (vehicle.full_height_mm, vehicle.full_from_front_mm),
        )
        # The centre of mass before the rear axle; between the loads it lies between these two.
        before = [length - from_front for _, from_front in loads]
        near, far = min(before), max(before)
        rear = min([_GRAVITY_MMPS2 * from_front // height for height, from_front in loads])
        front = min(
            [_GRAVITY_MMPS2 * (length - from_front) // height for height, from_front in loads]
        )
        bank, grade = vehicle.bank_permille, vehicle.grade_permille
        flat = 1_000_000 - (bank * bank + grade * grade + 1) // 2  # 1e6 times the cosine, or less
        uphill = _GRAVITY_MMPS2 * grade // 1000 + 1
        pair, single = (rear, front) if self._sign > 0 else (front, rear)
        steady = half * (pair * flat // 1_000_000 - uphill) - length * _GRAVITY_MMPS2 * bank // 1000
        worst = far if self._sign > 0 else near
        slant_q12 = (half * worst << 12) // (length * length)
        self._roll_numbers = (self._sign * half, near, far, steady, slant_q12)
        # Only a tadpole can throw its weight off the single wheel by turning.
        self._pitch_mmps2 = min(single * flat // 1_000_000 - uphill, _NO_PITCH) - _SENSOR_MMPS2
        self._pitch_mm = min(length * length // far, 16_000)
        self._pitches = self._sign < 0 and self._pitches_first()

    def _pitches_first(self) -> bool:
        """Might the single wheel lift before the inner one? Most likely at the stop and braking."""
        arm_mm, _, far_mm, steady, slant_q12 = self._roll_numbers
        tan_q16 = self._tangent(None)
        held = (self._pitch_mmps2 - _MOST_MMPS2) * self._pitch_mm
        most = steady + _MOST_MMPS2 * (far_mm * tan_q16 // 65536 + 1 - arm_mm)
        # Both sides of: held / tan^2 < most / (tan (1 - slant tan)).
        return held * (65536 - slant_q12 * tan_q16 // 4096) < most * tan_q16

    def limits(
        self, steering_cdeg: "int | None", accel_mmps2: int, braking: bool, speed_mmps: int
    ) -> "tuple[int, bool]":
        """The speed cap in mm/s, and whether the rider is to be warned that it is near.

        `accel_mmps2` is the change of the speed, which is negative in reverse. `steering_cdeg` is
        None while it is stale: then the cap is that of the steering stop, and no warning.
        """
        if not self._fitted:
            return self._top_mmps, False
        if accel_mmps2 > _MOST_MMPS2:
            accel_mmps2 = _MOST_MMPS2
        elif accel_mmps2 < -_MOST_MMPS2:
            accel_mmps2 = -_MOST_MMPS2
        if speed_mmps < -_FASTEST_MMPS:
            speed_mmps = -_FASTEST_MMPS
        tan_q16 = self._tangent(steering_cdeg)
        square = self._roll(tan_q16, accel_mmps2, braking, speed_mmps < 0)
        if self._pitches:
            held = (self._pitch_mmps2 + accel_mmps2) * self._pitch_mm
            pitch = _ratio(held, ((tan_q16 >> 4) * (tan_q16 >> 4) >> 8) + 1)
            if pitch < square:
                square = pitch
        if square >= _FREE:
            return self._top_mmps, False
        square = (square >> 10) * self._share
        warn = steering_cdeg is not None and speed_mmps * speed_mmps >= square // 1000 * self._warn
        return _root(square, self._top_mmps), warn

    def _tangent(self, steering_cdeg: "int | None") -> int:
        """Of the angle, at most of the stop, in 1/65536. A chord lies above the curve."""
        cdeg = self._stop_cdeg
        if steering_cdeg is not None:
            if steering_cdeg < 0:
                steering_cdeg = -steering_cdeg
            if steering_cdeg < cdeg:
                cdeg = steering_cdeg
        at = cdeg // 100
        low = self._tangents[at]
        return low + ((self._tangents[at + 1] - low) * (cdeg - at * 100) + 99) // 100

    def _roll(self, tan_q16: int, accel_mmps2: int, braking: bool, reverse: bool) -> int:
        """The square of the speed at which the inner wheel of the pair lifts."""
        arm_mm, near_mm, far_mm, left, slant_q12 = self._roll_numbers
        tan_q12 = tan_q16 >> 4
        # How far an acceleration helps: it shifts the balance along the vehicle, and it turns
        # the vehicle ever faster about its circle. Which load is the worst depends on its sign.
        least_mm = arm_mm - ((far_mm * tan_q12 + 4095) >> 12)
        most_mm = arm_mm - (near_mm * tan_q12 >> 12)
        left += (least_mm if accel_mmps2 > 0 else most_mm) * accel_mmps2
        brake_mmps2 = _BRAKE_HARDER_MMPS2 if braking else _BRAKE_SOON_MMPS2
        drive_mmps2 = 0 if braking else _DRIVE_SOON_MMPS2  # the brake ends the drive
        if reverse:
            brake_mmps2, drive_mmps2 = drive_mmps2, brake_mmps2
        soon = error = 0
        if most_mm > 0:
            soon, error = (accel_mmps2 + brake_mmps2) * most_mm, _SENSOR_MMPS2 * most_mm
        if least_mm < 0:
            other = (accel_mmps2 - drive_mmps2) * least_mm
            soon = other if other > soon else soon
            error = -_SENSOR_MMPS2 * least_mm if -least_mm > most_mm else error
        most = left >> _SOON_SHIFT
        if soon > most:
            soon = most
        left -= soon if soon > error else error
        if left <= 0:
            return 0
        tilt_q16 = tan_q12 * (slant_q12 * tan_q12 >> 12) >> 8
        return _ratio(left, tan_q16 + (16 + tilt_q16 if arm_mm > 0 else -tilt_q16))


def follow(accel_mmps2: int, before_mmps: int, speed_mmps: int, dt_ms: int) -> int:
    """The smoothed acceleration, `dt_ms` after it was `accel_mmps2` at `before_mmps`."""
    if dt_ms <= 0:
        return accel_mmps2
    raw = (speed_mmps - before_mmps) * 1000 // dt_ms
    if raw > _MOST_MMPS2:
        raw = _MOST_MMPS2
    elif raw < -_MOST_MMPS2:
        raw = -_MOST_MMPS2
    if dt_ms >= _FILTER_MS:
        return raw
    return accel_mmps2 + (raw - accel_mmps2) * dt_ms // _FILTER_MS


def _ratio(upper: int, lower_q16: int) -> int:
    """upper / lower, at most _FREE; in steps of 512 below what it is. lower_q16 < 2**23."""
    if upper <= 0:
        return 0
    if lower_q16 <= 0:
        return _FREE
    whole = upper // lower_q16
    if whole >= 1 << 14:
        return _FREE
    rest = upper - whole * lower_q16
    return (whole << 16) + ((rest << 7) // lower_q16 << 9)


def _root(square: int, most: int) -> int:
    """The whole part of the square root, at most `most`; Newton's method from above."""
    if square >= most * most:
        return most
    if square < 1:
        return 0
    # Above the root for every square, and close to it at 4 m/s, where curves are taken.
    root = (square >> 13) + 2049
    following = (root + square // root) >> 1
    while following < root:
        root = following
        following = (root + square // root) >> 1
    return root


def _tangents(last: int) -> "array[int]":
    """Of 0 to `last` degrees in 1/65536, rounded up; only at start, so numbers may be long."""
    one = 1 << 28
    step = 4_685_559  # tan 1 degree, rounded up
    tangents = array("i", [0])
    value = 0
    for _ in range(last):
        value = (value + step) * one // (one - (value * step >> 28)) + 1
        tangents.append((value >> 12) + 1)
    return tangents
