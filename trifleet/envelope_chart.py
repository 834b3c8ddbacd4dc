"""A chart of speed over steering angle as SVG text. Knows nothing of vehicles."""

from dataclasses import dataclass
from xml.sax.saxutils import escape

Points = list[tuple[float, float]]

WIDTH, HEIGHT = 900, 560
LEFT, RIGHT, TOP, BOTTOM = 76, 824, 92, 484
LEGEND_LEFT = 424
HEADROOM = 1.6  # of the top speed: the true limits run on above it
KMH_PER_MPS = 3.6

# Colour, width and dashes: each pair differs in at least two of them.
STYLES = {
    "limit": ("#1d4e89", 2.0, ""),
    "laden": ("#1d4e89", 2.0, "9 5"),
    "braking": ("#1d4e89", 2.0, "2 4"),
    "cap": ("#b3261e", 3.4, ""),
    "braking-cap": ("#b3261e", 2.2, "9 4 2 4"),
    "warning": ("#c77700", 2.2, "5 4"),
}
BAND = "#cfe0f3"
INK, FAINT, GRID = "#1f2328", "#59636e", "#e3e7ec"


@dataclass(frozen=True)
class Curve:
    """`style` is a key of STYLES; points are (degrees, m/s)."""

    style: str
    label: str
    points: Points


@dataclass(frozen=True)
class Band:
    label: str
    lower: Points
    upper: Points


@dataclass(frozen=True)
class Chart:
    title: str
    subtitle: str
    stop_deg: float
    top_mps: float
    band: Band
    curves: tuple[Curve, ...]


def draw(chart: Chart) -> str:
    """The whole file, with a final newline."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" font-family="Helvetica, Arial, sans-serif" '
        f'font-size="14" fill="{INK}">',
        f"<title>{escape(chart.title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>',
        _text(LEFT, 38, chart.title, size=22, weight="bold"),
        _text(LEFT, 62, chart.subtitle, colour=FAINT),
        *_grid(chart),
        f'<clipPath id="plot"><rect x="{LEFT}" y="{TOP}" width="{RIGHT - LEFT}" '
        f'height="{BOTTOM - TOP}"/></clipPath>',
        '<g clip-path="url(#plot)">',
        _area(chart),
        _top_speed(chart),
        *(_line(chart, curve) for curve in chart.curves),
        "</g>",
        *_legend(chart),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _x(chart: Chart, degrees: float) -> float:
    return LEFT + (RIGHT - LEFT) * degrees / chart.stop_deg


def _y(chart: Chart, mps: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * mps / (chart.top_mps * HEADROOM)


def _path(chart: Chart, points: Points) -> str:
    # Far outside the picture is outside of it: some programs choke on long lines.
    ceiling = chart.top_mps * HEADROOM * 1.2
    return " ".join(
        f"{_x(chart, degrees):.1f},{_y(chart, min(mps, ceiling)):.1f}" for degrees, mps in points
    )


def _line(chart: Chart, curve: Curve) -> str:
    colour, width, dashes = STYLES[curve.style]
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<polyline points="{_path(chart, curve.points)}" fill="none" stroke="{colour}" '
        f'stroke-width="{width}" stroke-linejoin="round"{dash}/>'
    )


def _area(chart: Chart) -> str:
    around = chart.band.upper + chart.band.lower[::-1]
    return f'<polygon points="{_path(chart, around)}" fill="{BAND}"/>'


def _top_speed(chart: Chart) -> str:
    y = _y(chart, chart.top_mps)
    label = f"top speed {chart.top_mps:.1f} m/s"
    return (
        f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{FAINT}" '
        f'stroke-width="1" stroke-dasharray="1 3"/>'
        + _text(LEGEND_LEFT - 10, y - 6, label, size=12, colour=FAINT, anchor="end")
    )


def _grid(chart: Chart) -> list[str]:
    parts = []
    for degrees in range(0, int(chart.stop_deg) + 1, 5):
        x = _x(chart, degrees)
        parts.append(_rule(x, x, TOP, BOTTOM))
        parts.append(_text(x, BOTTOM + 20, f"{degrees}°", size=13, anchor="middle"))
    for mps in range(0, int(chart.top_mps * HEADROOM) + 1, 2):
        y = _y(chart, mps)
        parts.append(_rule(LEFT, RIGHT, y, y))
        parts.append(_text(LEFT - 9, y + 4.5, str(mps), size=13, anchor="end"))
    for kmh in range(0, int(chart.top_mps * HEADROOM * KMH_PER_MPS) + 1, 10):
        y = _y(chart, kmh / KMH_PER_MPS)
        parts.append(_text(RIGHT + 9, y + 4.5, str(kmh), size=13, colour=FAINT))
    middle = (LEFT + RIGHT) / 2
    caption = "steering angle, either side, 0° to the stop"
    parts.append(_text(middle, BOTTOM + 44, caption, anchor="middle"))
    parts.append(_upright(26, "speed in m/s", INK))
    parts.append(_upright(WIDTH - 18, "km/h", FAINT))
    return parts


def _legend(chart: Chart) -> list[str]:
    """In the upper right, where no curve of a vehicle that turns comes by."""
    rows = len(chart.curves) + 1
    x, y, width, step = LEGEND_LEFT, TOP + 12, RIGHT - LEGEND_LEFT - 12, 22
    parts = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{rows * step + 12}" rx="6" '
        f'fill="#ffffff" stroke="{GRID}"/>'
    ]
    for row, curve in enumerate(chart.curves):
        colour, stroke, dashes = STYLES[curve.style]
        at = y + 17 + row * step
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        parts.append(
            f'<line x1="{x + 12}" x2="{x + 60}" y1="{at}" y2="{at}" stroke="{colour}" '
            f'stroke-width="{stroke}"{dash}/>'
        )
        parts.append(_text(x + 70, at + 4.5, curve.label, size=13))
    at = y + 17 + (rows - 1) * step
    parts.append(f'<rect x="{x + 12}" y="{at - 7}" width="48" height="14" fill="{BAND}"/>')
    parts.append(_text(x + 70, at + 4.5, chart.band.label, size=13))
    return parts


def _rule(x1: float, x2: float, y1: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" stroke="{GRID}"/>'


def _upright(x: float, text: str, colour: str) -> str:
    y = (TOP + BOTTOM) / 2
    return (
        f'<text transform="translate({x} {y:.1f}) rotate(-90)" text-anchor="middle" '
        f'fill="{colour}">{escape(text)}</text>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 14,
    colour: str = INK,
    anchor: str = "start",
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
        f'text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
    )
