"""Draws how fast each vehicle may go over its steering angle: `python -m trifleet.envelope`.

Writes docs/img/tipover-<vehicle>.svg; `--check` compares instead. The limits are those of the
rigid body in hw/model/rollover.py, cap and warning those of the firmware's own guard.
"""

import functools
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from hw.model.rollover import Condition, limiting_speed
from hw.vehicle_config import BRAKING_MPS2, VehicleConfig, load_vehicle, vehicle_names
from trifleet.envelope_chart import Band, Chart, Curve, draw
from trifleet.vehicle_file import vehicle_of

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs/img"
STEP_CDEG = 50
FASTEST_MPS = 60.0  # straight on nothing lifts


class Guard(Protocol):
    """What is used of firmware/vcu/tipover.py, whose own types are checked with the board's."""

    def limits(
        self, steering_cdeg: int | None, accel_mmps2: int, braking: bool, speed_mmps: int
    ) -> tuple[int, bool]: ...


def main(arguments: list[str]) -> int:
    """0, or 1 where `--check` found a picture that is not what would be drawn."""
    differs = 0
    for name in vehicle_names():
        path, text = FOLDER / f"tipover-{name}.svg", picture(load_vehicle(name))
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{path.relative_to(ROOT)}: differs, run python -m trifleet.envelope")
            differs = 1
    return differs


def picture(config: VehicleConfig) -> str:
    """The SVG of one vehicle."""
    guard = _guard(config)
    stop_cdeg = round(config.geometry.max_steering_deg * 100)
    cdegs = [*range(0, stop_cdeg, STEP_CDEG), stop_cdeg]
    over = functools.partial(_over, cdegs)
    kerb, payload = config.mass.kerb_kg, config.mass.payload_kg
    return draw(
        Chart(
            title=f"Tip-over envelope: {config.name}",
            subtitle=f"{_LAYOUTS[config.layout]}; {kerb:.0f} kg with its rider, "
            f"{kerb + payload:.0f} kg laden; track {config.geometry.track_m:.2f} m, "
            f"wheelbase {config.geometry.wheelbase_m:.2f} m",
            stop_deg=stop_cdeg / 100,
            top_mps=config.limits.top_speed_mps,
            band=Band(
                "true limit on any street of the range, any load",
                over(lambda cdeg: min(_on_streets(config, cdeg))),
                over(lambda cdeg: max(_on_streets(config, cdeg))),
            ),
            curves=(
                Curve("limit", "true limit, level, rider alone", over(_true(config, 0.0, 0.0))),
                Curve("laden", "true limit, level, laden", over(_true(config, 1.0, 0.0))),
                Curve(
                    "braking",
                    f"true limit, level, laden, braking at {BRAKING_MPS2:.0f} m/s²",
                    over(_true(config, 1.0, -BRAKING_MPS2)),
                ),
                Curve("cap", "speed cap", over(lambda cdeg: _cap(guard, cdeg, 0.0))),
                Curve(
                    "braking-cap",
                    f"speed cap while braking at {BRAKING_MPS2:.0f} m/s²",
                    over(lambda cdeg: _cap(guard, cdeg, -BRAKING_MPS2)),
                ),
                Curve("warning", "warning to the rider", over(lambda c: _warning(guard, c))),
            ),
        )
    )


_LAYOUTS = {"delta": "one wheel in front", "tadpole": "two wheels in front"}
Points = list[tuple[float, float]]


def _over(cdegs: list[int], speed_mps: Callable[[int], float]) -> Points:
    return [(cdeg / 100, speed_mps(cdeg)) for cdeg in cdegs]


def _true(config: VehicleConfig, load: float, accel_mps2: float) -> Callable[[int], float]:
    def limit(cdeg: int) -> float:
        condition = Condition(0.0, cdeg / 100, accel_mps2, load)
        return limiting_speed(config, condition, FASTEST_MPS)

    return limit


@functools.cache
def _on_streets(config: VehicleConfig, cdeg: int) -> tuple[float, ...]:
    """Coasting, at the corners of load, bank and grade."""
    bank, grade = config.tipover.bank_percent / 100, config.tipover.grade_percent / 100
    corners = itertools.product((0.0, 1.0), (-bank, bank), (-grade, grade))
    return tuple(
        limiting_speed(config, Condition(0.0, cdeg / 100, 0.0, *corner), FASTEST_MPS)
        for corner in corners
    )


def _cap(guard: Guard, cdeg: int, accel_mps2: float) -> float:
    return guard.limits(cdeg, round(accel_mps2 * 1000), accel_mps2 < 0, 0)[0] / 1000


def _warning(guard: Guard, cdeg: int) -> float:
    """The lowest speed that is warned of, by halving; the fastest where none is."""
    low, high = 0, 32_767
    while low < high:
        middle = (low + high) // 2
        if guard.limits(cdeg, 0, False, middle)[1]:
            high = middle
        else:
            low = middle + 1
    return high / 1000


def _guard(config: VehicleConfig) -> Guard:
    sys.path.insert(0, str(ROOT / "firmware"))
    try:
        from vcu import tipover  # type: ignore[import-not-found]

        guard: Guard = tipover.Guard(vehicle_of(config))
        return guard
    finally:
        sys.path.pop(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
