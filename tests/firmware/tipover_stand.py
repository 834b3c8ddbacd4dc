"""Puts the guard beside the rigid body: every condition of the documented range, one by one."""

import itertools
from dataclasses import dataclass, field, replace

from hw.model.rollover import Condition, lifts
from hw.vehicle_config import BRAKING_MPS2, DRIVING_MPS2, VehicleConfig

MOST_BELOW = 0.25
LOADS = (0.0, 0.25, 0.5, 0.75, 1.0)
ACCELS_MPS2 = (-BRAKING_MPS2, -4.0, -3.0, -2.0, -1.0, -0.3, 0.0, 0.5, 1.0, DRIVING_MPS2)


def steering_cdegs(stop_cdeg: int) -> list[int]:
    """Every hundredth next to zero and to the stop, coarser between."""
    near = [*range(20), *range(20, 200, 20), *range(200, 600, 25)]
    wide = range(600, stop_cdeg - 100, 100)
    return [
        *near,
        *wide,
        *range(stop_cdeg - 100, stop_cdeg - 5, 20),
        *range(stop_cdeg - 5, stop_cdeg + 1),
    ]


def brakes(accel_mps2: float) -> tuple[bool, ...]:
    """A vehicle that gains speed is not braking; one that loses it may be coasting uphill."""
    return (False,) if accel_mps2 > 0 else (False, True)


def roads(config: VehicleConfig) -> list[tuple[float, float, float]]:
    """Load, bank and grade."""
    bank, grade = config.tipover.bank_percent / 100, config.tipover.grade_percent / 100
    return list(itertools.product(LOADS, (-bank, 0.0, bank), (-grade, 0.0, grade)))


def worst_roads(config: VehicleConfig) -> list[tuple[float, float, float]]:
    """The corners of `roads`."""
    bank, grade = config.tipover.bank_percent / 100, config.tipover.grade_percent / 100
    return list(itertools.product((0.0, 1.0), (-bank, bank), (-grade, grade)))


@dataclass
class Findings:
    """What a run over a range found. `conditions` were compared with their own true limit."""

    conditions: int = 0
    capped: int = 0  # of these the cap is below the top speed
    lifted: list[Condition] = field(default_factory=list)
    thin: list[Condition] = field(default_factory=list)  # without the margin that is configured
    low: list[Condition] = field(default_factory=list)  # more than 25 % below


def compare(guard, config: VehicleConfig, cdegs: list[int], roads=roads) -> Findings:
    """At each condition: does the cap keep its margin, and is it not needlessly low?"""
    found = Findings()
    for cdeg, accel in itertools.product(cdegs, ACCELS_MPS2):
        for braking in brakes(accel):
            cap_mmps, _ = guard.limits(cdeg, round(accel * 1000), braking, 5000)
            for load, bank, grade in roads(config):
                here = Condition(cap_mmps / 1000, cdeg / 100, accel, load, bank, grade)
                _judge(found, config, here)
    return found


def _judge(found: Findings, config: VehicleConfig, capped: Condition) -> None:
    found.conditions += 1
    cap_mps, top_mps = capped.speed_mps, config.limits.top_speed_mps
    if lifts(config, capped):
        found.lifted.append(capped)
    if cap_mps >= top_mps:
        return  # as fast as the vehicle goes at all
    found.capped += 1
    margin = 1 - config.tipover.margin_percent / 100
    if lifts(config, replace(capped, speed_mps=cap_mps / margin)):
        found.thin.append(capped)
    # Is the true limit, or the top speed where that is lower, within a third above the cap?
    above_mps = cap_mps / (1 - MOST_BELOW)
    if above_mps < top_mps and not lifts(config, replace(capped, speed_mps=above_mps)):
        found.low.append(capped)
