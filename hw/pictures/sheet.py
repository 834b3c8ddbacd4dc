"""One sheet a vehicle: side view, plan view, its numbers, and what the colours mean."""

import math

from hw import electrical
from hw.pictures import plan, side, svg, view
from hw.pictures.view import SCALE, View
from hw.vehicle_schema import VehicleConfig

WIDTH, MARGIN = 1120, 40
COLUMN = 820
ROAD, SIDE_TOP = 480, 96
LAYOUTS = {"delta": "one wheel in front, two behind", "tadpole": "two wheels in front, one behind"}
WHEELS = {
    "pair": "pair of wheels, by a differential",
    "single": "single wheel",
    "left": "left wheel",
    "right": "right wheel",
}


def sheet(config: VehicleConfig) -> str:
    """The SVG of a vehicle."""
    length = config.geometry.wheelbase_m
    left = MARGIN + (COLUMN - 3 * MARGIN - length * SCALE) / 2
    half = (config.geometry.track_m / 2 + 0.12) * SCALE
    middle = ROAD + 66 + half
    height = round(middle + half + 30)
    parts = [
        svg.text((MARGIN, 52), config.name, size=26, weight="bold"),
        svg.text((MARGIN, 78), f"{LAYOUTS[config.layout]}; {carries(config)}", colour=svg.FAINT),
        *side.draw(View(config, left, ROAD)),
        *plan.draw(View(config, left, middle)),
        *_numbers(config),
        *_legend(height),
    ]
    words = f"Side view and plan view of {config.name}: {LAYOUTS[config.layout]}."
    return svg.picture(WIDTH, height, f"Vehicle {config.name}", words, parts)


def carries(config: VehicleConfig) -> str:
    """What it carries beside its rider."""
    body = config.body
    people = f"{body.passengers} passenger{'s' * (body.passengers > 1)}"
    goods = f"{body.cargo_m3:g} m³ of goods"
    found = [people] * (body.passengers > 0) + [goods] * (body.cargo_m3 > 0)
    return f"a rider, {' and '.join(found)}"


def tipping_distance_m(config: VehicleConfig, load: float) -> float:
    """From the centre of mass to the line over which it tips, seen from above."""
    single, pair, _ = plan.contacts(config)
    along, across = pair.x - single.x, pair.y - single.y
    to = View(config, 0, 0).centre(load).x - single.x
    return abs(to * across) / math.hypot(along, across)


def lean_deg(config: VehicleConfig, load: float) -> float:
    """How far it leans to the side before it tips over, standing."""
    height = View(config, 0, 0).centre(load).z
    return math.degrees(math.atan2(tipping_distance_m(config, load), height))


def _numbers(config: VehicleConfig) -> list[str]:
    mass, packs, motor = config.mass, config.packs, config.motors[0]
    energy_kwh = sum(pack.capacity_ah for pack in packs) * electrical.nominal_v(config) / 1000
    driven = [one.wheels for one in config.motors]
    where = "left and right wheel" if len(driven) > 1 else WHEELS[driven[0]]
    rows = (
        ("mass with rider", f"{mass.kerb_kg:.0f} kg"),
        ("laden", f"{mass.kerb_kg + mass.payload_kg:.0f} kg"),
        ("top speed", f"{config.limits.top_speed_mps * 3.6:.0f} km/h"),
        ("motors", f"{len(driven)} × {motor.power_w / 1000:g} kW"),
        ("they drive", where.split(",")[0]),
        ("packs", f"{len(packs)} × {packs[0].cells} cells, {packs[0].capacity_ah:g} Ah"),
        ("energy", f"{energy_kwh:.1f} kWh at {electrical.nominal_v(config):.0f} V"),
        ("leans until it tips, rider", f"{lean_deg(config, 0.0):.0f}°"),
        ("leans until it tips, laden", f"{lean_deg(config, 1.0):.0f}°"),
    )
    parts = []
    for number, (name, value) in enumerate(rows):
        y = SIDE_TOP + 14 + number * 38
        parts.append(svg.text((COLUMN, y), name, size=13, colour=svg.FAINT))
        parts.append(svg.text((COLUMN, y + 17), value, size=15, weight="bold"))
    return parts


def _legend(height: int) -> list[str]:
    rows = (
        (view.PACK, "battery pack"),
        (view.MOTOR, "motor"),
        (view.CONTROLLER, "motor controller"),
        (view.VCU, "vehicle controller (VCU)"),
        (view.OTHER, "charger"),
    )
    top = height - 30 - 24 * (len(rows) + 3)
    parts = []
    for number, (fill, words) in enumerate(rows):
        y = top + number * 24
        parts.append(svg.box((COLUMN + 10, y), (20, 13), fill))
        parts.append(svg.text((COLUMN + 32, y + 4.5), words, size=13))
    for number, (colour, words) in enumerate(
        ((view.EMPTY, "centre of mass with rider"), (view.LADEN, "centre of mass, laden"))
    ):
        y = top + (len(rows) + number) * 24
        parts.append(svg.centre_mark((COLUMN + 10, y), 8, colour))
        parts.append(svg.text((COLUMN + 32, y + 4.5), words, size=13))
    y = top + (len(rows) + 2) * 24
    parts.append(svg.line((COLUMN - 1, y), (COLUMN + 22, y), view.TIPPING, 2, "7 5"))
    parts.append(svg.text((COLUMN + 32, y + 4.5), "tipping line", size=13))
    return parts
