"""The vehicle from above: wheels, tipping lines, centres of mass, parts."""

from hw.pictures import svg, view
from hw.pictures.view import SCALE, View
from hw.places import Place, dash_x, pair_x, single_x
from hw.vehicle_schema import VehicleConfig

TYRE_M = 0.11


def contacts(config: VehicleConfig) -> list[Place]:
    """Where the wheels touch the road: the single one, left and right of the pair."""
    half, pair = config.geometry.track_m / 2, pair_x(config)
    return [
        Place(single_x(config), 0.0, 0.0),
        Place(pair, half, 0.0),
        Place(pair, -half, 0.0),
    ]


def draw(seen: View) -> list[str]:
    return [
        *_body(seen),
        *_frame(seen),
        *_wheels(seen),
        *_parts(seen),
        *_tipping(seen),
        *_centres(seen),
        *_measures(seen),
    ]


def _body(seen: View) -> list[str]:
    """The outline of the cabin, the rider, and what is loaded."""
    points = [seen.plan(Place(x, y, 0.0)) for x, y in _cabin(seen.config)]
    rider = seen.plan(Place(dash_x(seen.config) + 0.4, 0.0, 0.0))
    load = _goods(seen) if seen.config.body.kind == "cargo" else _seats(seen)
    person = svg.circle(rider, 0.19 * SCALE, view.RIDER)
    return [svg.polygon(points, view.BODY, view.FRAME), *load, person]


def _cabin(config: VehicleConfig) -> list[tuple[float, float]]:
    half, length = config.geometry.track_m / 2 - 0.1, config.geometry.wheelbase_m
    if config.layout == "delta":
        side = [(-0.2, 0.12), (0.35, half - 0.05), (length + 0.42, half)]
    else:
        side = [(-0.38, half - 0.12), (dash_x(config), half - 0.08), (length + 0.2, 0.13)]
    return side + [(x, -y) for x, y in reversed(side)]


def _goods(seen: View) -> list[str]:
    geometry = seen.config.geometry
    load, half = geometry.payload_from_front_m, geometry.track_m / 2 - 0.15
    if seen.config.layout == "delta":
        front, rear = load - 0.42, geometry.wheelbase_m + 0.45
    else:
        front, rear = load - 1.2, load - 0.05
    where = seen.plan(Place((front + rear) / 2, 0.0, 0.0))
    return [svg.box(where, ((rear - front) * SCALE, 2 * half * SCALE), view.LOAD, view.FRAME)]


def _seats(seen: View) -> list[str]:
    """Side by side, where the payload is."""
    body, behind = seen.config.body, seen.config.geometry.payload_from_front_m
    shifts = [(number - (body.passengers - 1) / 2) * 0.45 for number in range(body.passengers)]
    size = (0.4 * SCALE, 0.4 * SCALE)
    return [
        svg.box(seen.plan(Place(behind, shift, 0.0)), size, view.LOAD, view.FRAME, 8)
        for shift in shifts
    ]


def _frame(seen: View) -> list[str]:
    pair, half = pair_x(seen.config), seen.config.geometry.track_m / 2
    ends = [seen.plan(Place(pair, y, 0.0)) for y in (half, -half)]
    length = seen.config.geometry.wheelbase_m
    tube = [seen.plan(Place(x, 0.0, 0.0)) for x in (0.0, length)]
    return [svg.curve(ends, view.FRAME, 5), svg.curve(tube, view.FRAME, 5)]


def _wheels(seen: View) -> list[str]:
    size = (2 * seen.config.geometry.tyre_radius_m * SCALE, TYRE_M * SCALE)
    return [svg.box(seen.plan(at), size, view.TYRE, radius=6) for at in contacts(seen.config)]


def _parts(seen: View) -> list[str]:
    parts = []
    for name, place in seen.where.items():
        fill = view.fill_of(name)
        if not fill:
            continue
        size = view.PACK_SIZE_M if fill == view.PACK else view.BOX_SIZE_M
        if fill == view.MOTOR:
            size = (2 * view.MOTOR_M, 0.16, 0.0)
        wide = (size[0] * SCALE, size[1] * SCALE)
        parts.append(svg.box(seen.plan(place), wide, fill, svg.PAPER))
    return parts


def _tipping(seen: View) -> list[str]:
    """The triangle between the points where the wheels stand."""
    corners = [seen.plan(at) for at in contacts(seen.config)]
    dots = [svg.circle(at, 4, svg.PAPER, view.TIPPING, 2) for at in corners]
    return [svg.polygon(corners, "none", view.TIPPING, 2, "7 5"), *dots]


def _centres(seen: View) -> list[str]:
    return [
        svg.centre_mark(seen.plan(seen.centre(load)), 9, colour)
        for load, colour in ((1.0, view.LADEN), (0.0, view.EMPTY))
    ]


def _measures(seen: View) -> list[str]:
    track, length = seen.config.geometry.track_m, seen.config.geometry.wheelbase_m
    x = seen.x(length + 0.62)
    top, bottom = seen.level - track / 2 * SCALE, seen.level + track / 2 * SCALE
    return svg.measure((x, top), (x, bottom), f"track {track:.2f} m")
