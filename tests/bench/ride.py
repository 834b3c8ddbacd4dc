"""Samples of a vehicle that rides, for measurements: every value changes as it does on a road."""

import random


class Ride:
    """What a vehicle measures each second on its way through a town, as a random walk."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._odometer_mm = 120_000_000 + seed
        self._speed, self._heading, self._soc = 5_000, 9_000, 873.0
        self._lat, self._lon = 48_123_456 * 10, -1_123_456 * 10

    def step(self) -> dict[str, int]:
        rng = self._rng
        self._speed = min(max(self._speed + rng.randint(-700, 700), 0), 12_000)
        self._heading = (self._heading + rng.randint(-900, 900)) % 36_000
        self._odometer_mm += self._speed
        self._soc -= 0.03
        self._lat += self._speed * 9 // 1_000 + rng.randint(-9, 9)
        self._lon += self._speed * 7 // 1_000 + rng.randint(-9, 9)
        load = self._speed // 60 + rng.randint(-15, 15)
        return {
            "speed_mmps": self._speed,
            "odometer_m": self._odometer_mm // 1_000,
            "pack_mv": 51_000 - 4 * load + rng.randint(-20, 20),
            "pack_da": load,
            "soc_permille": int(self._soc),
            "lat_e7": self._lat,
            "lon_e7": self._lon,
            "motor_temp_c": 45 + load // 60,
            "heading_cdeg": self._heading,
            "inverter_temp_c": 41 + load // 90,
            "cell_min_mv": 3_640 - load // 4,
            "cell_max_mv": 3_655 - load // 4,
            "gnss_speed_mmps": max(self._speed + rng.randint(-150, 150), 0),
            "supply_mv": 12_100 + rng.randint(-40, 40),
            "cap_mmps": 12_500,
            "steering_cdeg": rng.randint(-900, 900),
            "pack_temp_c": 31,
        }
