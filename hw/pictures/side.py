"""The vehicle from its left side."""

from hw.pictures import svg, view
from hw.pictures.view import SCALE, View
from hw.places import Place, dash_x

LIMB_M = 0.085


def draw(seen: View) -> list[str]:
    """Body, rider, wheels, parts, centres of mass, measures."""
    parts = [*_body(seen), *_rider(seen), *_frame(seen), *_wheels(seen), *_parts(seen)]
    left, right = seen.x(-0.75), seen.x(seen.config.geometry.wheelbase_m + 0.75)
    road = svg.line((left, seen.level), (right, seen.level), svg.FAINT, 1.5)
    return [*parts, road, *_centres(seen), *_measures(seen)]


def _at(seen: View, x: float, z: float) -> svg.Point:
    return seen.side(Place(x, 0.0, z))


def _shape(seen: View, outline: list[tuple[float, float]]) -> str:
    points = [_at(seen, x, z) for x, z in outline]
    return svg.polygon(points, view.BODY, view.FRAME)


def _body(seen: View) -> list[str]:
    """Four silhouettes: where the people sit and where the load lies."""
    config = seen.config
    shapes = {
        ("delta", "passenger"): _rickshaw,
        ("delta", "cargo"): _truck,
        ("tadpole", "cargo"): _cargo_bike,
        ("tadpole", "passenger"): _velomobile,
    }
    return shapes[config.layout, config.body.kind](seen)


def _nose(seen: View) -> str:
    dash, floor = dash_x(seen.config), seen.config.geometry.tyre_radius_m + 0.08
    return _shape(
        seen, [(-0.05, 0.62), (dash - 0.1, 1.0), (dash, 1.0), (dash, floor), (0.2, floor)]
    )


def _rickshaw(seen: View) -> list[str]:
    geometry = seen.config.geometry
    dash, load = dash_x(seen.config), geometry.payload_from_front_m
    rear, floor = geometry.wheelbase_m + 0.4, geometry.tyre_radius_m + 0.08
    bench = [
        (load - 0.12, floor),
        (load - 0.2, 0.62),
        (load + 0.3, 0.62),
        (load + 0.38, 1.15),
        (rear, 1.1),
        (rear, floor),
    ]
    roof = [(dash - 0.04, 1.0), (dash + 0.14, 1.76), (dash + 0.3, 1.84), (rear - 0.1, 1.84)]
    roof += [(rear + 0.02, 1.74), (rear, 1.1)]
    passenger = _figure(seen, load + 0.26, 0.66, 0.08, view.BENCH)
    return [
        svg.curve([_at(seen, *at) for at in roof], view.FRAME, 5),
        *passenger,
        _nose(seen),
        _shape(seen, bench),
    ]


def _truck(seen: View) -> list[str]:
    geometry = seen.config.geometry
    front, rear = geometry.payload_from_front_m - 0.42, geometry.wheelbase_m + 0.45
    load = [(front, 0.62), (front, 1.28), (rear, 1.28), (rear, 0.62)]
    return [_nose(seen), _shape(seen, load)]


def _cargo_bike(seen: View) -> list[str]:
    load = seen.config.geometry.payload_from_front_m
    box = [(load - 1.21, 0.8), (load - 1.11, 0.33), (load - 0.1, 0.33), (load - 0.02, 0.8)]
    return [_shape(seen, box)]


def _velomobile(seen: View) -> list[str]:
    geometry = seen.config.geometry
    dash, load, rear = dash_x(seen.config), geometry.payload_from_front_m, geometry.wheelbase_m
    nose = [(-0.35, 0.34), (-0.1, 0.62), (dash - 0.12, 0.72), (dash - 0.02, 0.36)]
    tail = [(load + 0.02, 0.5), (load + 0.1, 0.92), (rear + 0.2, 0.78), (rear + 0.28, 0.58)]
    return [_shape(seen, nose), _shape(seen, tail)]


def _rider(seen: View) -> list[str]:
    """One figure for the size, his arms at the handlebar, and his seat."""
    config, dash = seen.config, dash_x(seen.config)
    low = config.layout == "tadpole" and config.body.kind == "passenger"
    seat = 0.36 if low else 0.78 if config.layout == "tadpole" else 0.62
    hip, lean = dash + (0.3 if low else 0.42), 0.18 if low else 0.08
    hands = (dash + 0.05, seat + (0.2 if low else 0.32))
    arms = [_at(seen, hip + lean, seat + 0.5), _at(seen, *hands)]
    under = [_at(seen, hip - 0.12, seat - 0.08), _at(seen, hip + 0.12, seat - 0.08)]
    return [
        *_figure(seen, hip, seat, lean, view.RIDER, stretched=low),
        svg.curve(arms, view.RIDER, LIMB_M * 0.7 * SCALE),
        svg.curve(under, view.FRAME, 5),
    ]


def _figure(
    seen: View, hip: float, seat: float, lean: float, colour: str, *, stretched: bool = False
) -> list[str]:
    """Somebody who sits, 1.7 m tall; `stretched` with his feet in front."""
    shoulder = (hip + lean, seat + 0.5)
    knee = (hip - 0.36, seat + (0.14 if stretched else 0.02))
    foot = (hip - 0.72, seat) if stretched else (hip - 0.4, seat - 0.4)
    limbs = [_at(seen, *at) for at in (shoulder, (hip, seat), knee, foot)]
    return [
        svg.curve(limbs, colour, LIMB_M * SCALE),
        svg.circle(_at(seen, hip + lean + 0.02, seat + 0.74), 0.11 * SCALE, colour),
    ]


def _frame(seen: View) -> list[str]:
    geometry = seen.config.geometry
    z = geometry.tyre_radius_m + 0.04
    dash = dash_x(seen.config)
    tube = [(0.0, geometry.tyre_radius_m), (0.22, z), (geometry.wheelbase_m, z)]
    column = [(max(0.05, dash - 0.22), z), (dash + 0.02, 0.92)]
    if seen.config.layout == "tadpole" and seen.config.body.kind == "passenger":
        column = [(dash - 0.05, z), (dash + 0.06, 0.56)]
    return [
        svg.curve([_at(seen, *p) for p in tube], view.FRAME, 6),
        svg.curve([_at(seen, *p) for p in column], view.FRAME, 4),
    ]


def _wheels(seen: View) -> list[str]:
    geometry = seen.config.geometry
    radius = geometry.tyre_radius_m
    parts = []
    for x in (0.0, geometry.wheelbase_m):
        centre = _at(seen, x, radius)
        parts.append(svg.circle(centre, radius * SCALE - 4, svg.PAPER, view.TYRE, 8))
        parts.append(svg.circle(centre, 5, view.TYRE))
    return parts


def _parts(seen: View) -> list[str]:
    parts = []
    for name, place in seen.where.items():
        fill = view.fill_of(name)
        if fill == view.PACK:
            size = (view.PACK_SIZE_M[0] * SCALE, view.PACK_SIZE_M[2] * SCALE)
            parts.append(svg.box(seen.side(place), size, fill, svg.PAPER))
        elif fill == view.MOTOR:
            parts.append(svg.circle(seen.side(place), view.MOTOR_M * SCALE, fill, svg.PAPER))
        elif fill:
            size = (view.BOX_SIZE_M[0] * SCALE, view.BOX_SIZE_M[2] * SCALE)
            parts.append(svg.box(seen.side(place), size, fill, svg.PAPER))
    return parts


def _centres(seen: View) -> list[str]:
    parts = []
    for load, colour in ((1.0, view.LADEN), (0.0, view.EMPTY)):
        parts.append(svg.centre_mark(seen.side(seen.centre(load)), 9, colour))
    return parts


def _measures(seen: View) -> list[str]:
    length = seen.config.geometry.wheelbase_m
    below = seen.level + 16
    return svg.measure((seen.x(0), below), (seen.x(length), below), f"wheelbase {length:.2f} m")
