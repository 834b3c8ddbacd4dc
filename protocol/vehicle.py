"""A vehicle's own numbers, as they lie on its board in the file `config`.

docs/protocol.md section 13. Refuses what no vehicle of this kind can have, and numbers that
contradict each other.
"""

import hashlib
from collections import namedtuple

from protocol import cbor, fields
from protocol.errors import DecodeError, EncodeError

DELTA = 0
TADPOLE = 1

# Keys 1 to 20 of the map, in this order. `empty_` and `full_` are the centre of mass with the
# rider alone and with all of the payload: its height, and how far it lies behind the front axle.
Vehicle = namedtuple(
    "Vehicle",
    (
        "name",
        "layout",
        "wheelbase_mm",
        "track_mm",
        "empty_height_mm",
        "empty_from_front_mm",
        "full_height_mm",
        "full_from_front_mm",
        "has_steering",
        "max_steering_cdeg",
        "bank_permille",
        "grade_permille",
        "margin_permille",
        "warn_permille",
        "top_speed_mmps",
        "limp_speed_mmps",
        "max_speed_mmps",
        "max_accel_mmps2",
        "tyre_mm",
        "gear_permille",
    ),
)

# Key, least and most of every number; flat, because each tuple costs memory.
_RANGES = (
    2, DELTA, TADPOLE,
    3, 800, 5000,
    4, 400, 3000,
    5, 100, 2000,
    6, 50, 5000,
    7, 100, 2000,
    8, 50, 5000,
    10, 500, 8000,
    11, 0, 150,
    12, 0, 200,
    13, 10, 200,
    14, 500, 1000,
    15, 1000, 32000,
    16, 500, 32000,
    17, 1000, 32767,  # MC_Status1.Speed_mmps ends there
    18, 1000, 50000,
    19, 600, 4000,
    20, 500, 30000,
)  # fmt: skip
_KEYS = 21
_HASH = 32


def seal(document: bytes) -> bytes:
    """The file on the board: what `encode` gives, and its SHA-256. The numbers decide how fast a
    vehicle takes a curve: one that was damaged must not pass for another vehicle's."""
    return document + hashlib.sha256(document).digest()


def open_file(file: bytes) -> Vehicle:
    """The vehicle of the file on the board. Raises DecodeError."""
    document = file[:-_HASH]
    if hashlib.sha256(document).digest() != file[-_HASH:]:
        raise DecodeError("hash", "vehicle")
    return decode(document)


def encode(vehicle: Vehicle) -> bytes:
    """The document of the numbers. Raises EncodeError for a vehicle that `decode` would refuse."""
    document = {0: fields.VERSION}
    for i in range(len(vehicle)):
        document[i + 1] = vehicle[i]
    data = cbor.encode(document)
    try:
        decode(data)
    except DecodeError as error:
        raise EncodeError(str(error))
    return data


def decode(data: bytes) -> Vehicle:
    """The vehicle of a document. Raises DecodeError, `where` is the key."""
    document = fields.map_of(cbor.decode(data), "vehicle", range(_KEYS))
    fields.version(document[0], "vehicle.version")
    fields.identifier(document[1], "vehicle.name")
    fields.boolean(document[9], "vehicle.has_steering")
    for i in range(0, len(_RANGES), 3):
        key = _RANGES[i]
        if fields.uint(document[key], f"vehicle.{key}", _RANGES[i + 2]) < _RANGES[i + 1]:
            raise DecodeError("field", f"vehicle.{key}")
    vehicle = Vehicle(*[document[key] for key in range(1, _KEYS)])
    _check(vehicle)
    return vehicle


def _check(vehicle: Vehicle) -> None:
    if max(vehicle.empty_from_front_mm, vehicle.full_from_front_mm) >= vehicle.wheelbase_mm:
        raise DecodeError("contradiction", "vehicle.wheelbase_mm")
    if not vehicle.limp_speed_mmps <= vehicle.top_speed_mmps <= vehicle.max_speed_mmps:
        raise DecodeError("contradiction", "vehicle.top_speed_mmps")
