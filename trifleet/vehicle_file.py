"""The file `config` of a vehicle's board, made from its configuration in `hw/vehicles`.

Lengths are rounded so that the vehicle thinks itself rather higher and narrower than it is.
"""

import math

from hw.vehicle_config import VehicleConfig, centre_of_mass
from protocol import vehicle


def config_file(config: VehicleConfig) -> bytes:
    """The bytes of the file. Raises protocol.errors.EncodeError."""
    return vehicle.seal(vehicle.encode(vehicle_of(config)))


def vehicle_of(config: VehicleConfig) -> vehicle.Vehicle:
    """The same vehicle in the whole numbers of the protocol."""
    geometry, limits, tipover = config.geometry, config.limits, config.tipover
    empty, full = (_centre_mm(config, load) for load in (0.0, 1.0))
    return vehicle.Vehicle(
        name=config.name,
        layout=vehicle.DELTA if config.layout == "delta" else vehicle.TADPOLE,
        wheelbase_mm=_whole(geometry.wheelbase_m * 1000),
        track_mm=math.floor(geometry.track_m * 1000 + 1e-6),
        empty_height_mm=empty[0],
        empty_from_front_mm=empty[1],
        full_height_mm=full[0],
        full_from_front_mm=full[1],
        has_steering=config.sensors.steering,
        max_steering_cdeg=_whole(geometry.max_steering_deg * 100),
        bank_permille=math.ceil(tipover.bank_percent * 10 - 1e-6),
        grade_permille=math.ceil(tipover.grade_percent * 10 - 1e-6),
        margin_permille=_whole(tipover.margin_percent * 10),
        warn_permille=_whole(tipover.warn_percent * 10),
        top_speed_mmps=_whole(limits.top_speed_mps * 1000),
        limp_speed_mmps=_whole(limits.limp_speed_mps * 1000),
        max_speed_mmps=_whole(limits.plausible_speed_mps * 1000),
        max_accel_mmps2=_whole(limits.plausible_accel_mps2 * 1000),
        tyre_mm=_whole(2 * math.pi * geometry.tyre_radius_m * 1000),
        gear_permille=_whole(config.motors[0].gear_ratio * 1000),
    )


def _centre_mm(config: VehicleConfig, load: float) -> tuple[int, int]:
    height, from_front = (1000 * length for length in centre_of_mass(config, load))
    # Away from the axle with two wheels.
    away = math.floor(from_front) if config.layout == "delta" else math.ceil(from_front)
    return math.ceil(height), away


def _whole(value: float) -> int:
    return round(value)
