"""The file `config`: the vehicle's own numbers, written when it was provisioned.

A board without one still moves, at walking pace and as if it tipped over easily, and says so.
"""

from protocol.errors import DecodeError
from protocol.vehicle import TADPOLE, Vehicle, open_file

# Fault codes of the VCU in FAULT records, beside those of faults.py.
USABLE = 0
MISSING = 0x1_0003
UNREADABLE = 0x1_0004

_MAX_BYTES = 512


def default() -> Vehicle:
    """Short, narrow and high: it may go nowhere faster than a real vehicle may."""
    return Vehicle(
        name="unconfigured",
        layout=TADPOLE,
        wheelbase_mm=1200,
        track_mm=800,
        empty_height_mm=700,
        empty_from_front_mm=550,
        full_height_mm=700,
        full_from_front_mm=550,
        has_steering=True,
        max_steering_cdeg=4500,
        bank_permille=50,
        grade_permille=100,
        margin_permille=100,
        warn_permille=850,
        top_speed_mmps=2800,
        limp_speed_mmps=2800,
        max_speed_mmps=32767,
        max_accel_mmps2=12000,
        tyre_mm=1600,
        gear_permille=8000,
    )


def load(folder: str) -> "tuple[Vehicle, int]":
    """The vehicle, and why it is the default one (0: it is not). `folder` is "" or ends with /."""
    try:
        with open(folder + "config", "rb") as file:
            data = file.read(_MAX_BYTES)
    except OSError:
        return default(), MISSING
    try:
        return open_file(data), USABLE
    except DecodeError:
        return default(), UNREADABLE
