"""Currents of a vehicle's wires, and the cross-section and fuse that follow from them.

Three rules, applied in this order:
1. A fuse is the smallest one that is at least 1.25 times the current of its wire.
2. A wire carries at least what its fuse lets through: ISO 10133, annex A, copper with insulation
   for 70 °C. Ours stand 105 °C, which is the reserve for a bundle in the sun.
3. No more than 3 % of the voltage is lost on the way there and back: ISO 10133, annex A.2.
"""

import math

from hw.errors import ConfigError
from hw.vehicle_checks import LOWEST_CELL_V
from hw.vehicle_schema import VehicleConfig

FUSE_FACTOR = 1.25
MOST_DROP = 0.03
OHM_MM2_PER_M = 0.0164
NOMINAL_CELL_V = 3.6
SUPPLY_V = 12.0
STANDBY_A = 1.0
# Effective current of one phase for each ampere from the battery: a sine at full voltage and a
# power factor of 0.9. A start from standstill takes more for seconds, which the controller bounds.
PHASE_FACTOR = math.sqrt(2 / 3) * 1.5 / 0.9
CHARGE_RATE_PER_H = 0.5  # of the capacity

# mm² and ampere.
AMPACITY_A = {
    0.75: 10.0,
    1.0: 14.0,
    1.5: 18.0,
    2.5: 25.0,
    4.0: 35.0,
    6.0: 45.0,
    10.0: 65.0,
    16.0: 90.0,
    25.0: 120.0,
    35.0: 160.0,
    50.0: 210.0,
    70.0: 265.0,
    95.0: 310.0,
}
# Blade fuses (ISO 8820-3), then bolted ones (ISO 8820-5).
FUSES_A = (2, 3, 5, 7.5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 100, 125, 150, 200, 250, 300)
CONTACTORS_A = (50, 100, 150, 200, 250, 300)


def nominal_v(config: VehicleConfig) -> float:
    return config.packs[0].cells * NOMINAL_CELL_V


def drive_current_a(config: VehicleConfig) -> float:
    """From the battery at full power and almost empty. Each pack is wired for all of it: where
    one opens its contactor the other carries on, and a fuse that blew would end drive in motion.
    """
    power_w = sum(motor.power_w for motor in config.motors)
    return power_w / (config.packs[0].cells * LOWEST_CELL_V) + STANDBY_A


def phase_current_a(config: VehicleConfig) -> float:
    """Effective, of one phase of one motor."""
    return (drive_current_a(config) - STANDBY_A) / len(config.motors) * PHASE_FACTOR


def charge_current_a(config: VehicleConfig) -> float:
    return sum(pack.capacity_ah for pack in config.packs) * CHARGE_RATE_PER_H


def fuse_for(current_a: float) -> float:
    """Raises ConfigError where no fuse is large enough."""
    return _next(FUSES_A, current_a * FUSE_FACTOR, "fuse")


def contactor_for(current_a: float) -> float:
    """Raises ConfigError where no contactor is large enough."""
    return _next(CONTACTORS_A, current_a * FUSE_FACTOR, "contactor")


def gauge_for(current_a: float, protected_a: float, length_m: float, voltage_v: float) -> float:
    """The cross-section in mm² of a wire of this length, which is there twice: out and back."""
    for gauge, ampacity in AMPACITY_A.items():
        drop_v = OHM_MM2_PER_M * current_a * 2 * length_m / gauge
        if ampacity >= protected_a and drop_v <= MOST_DROP * voltage_v:
            return gauge
    raise ConfigError(
        f"{current_a:.0f} A over {length_m:.1f} m: no wire up to {max(AMPACITY_A):.0f} mm² carries "
        f"it; take more cells in series or less power"
    )


def feed(current_a: float, length_m: float, voltage_v: float) -> tuple[float, float]:
    """Fuse in ampere and wire in mm² for a current. Raises ConfigError."""
    fuse = fuse_for(current_a)
    return fuse, gauge_for(current_a, fuse, length_m, voltage_v)


def _next(ratings: tuple[float, ...], least_a: float, what: str) -> float:
    for rating in ratings:
        if rating >= least_a:
            return rating
    raise ConfigError(
        f"a {what} for {least_a:.0f} A is larger than {ratings[-1]} A: take more cells in series "
        "or less power"
    )
