"""Shapes as SVG text, in the units of the picture. Knows nothing of vehicles."""

from xml.sax.saxutils import escape

INK, FAINT, GRID, PAPER = "#1f2328", "#59636e", "#d0d7de", "#ffffff"
FONT = "Helvetica, Arial, sans-serif"

Point = tuple[float, float]


def picture(width: int, height: int, title: str, words: str, parts: list[str]) -> str:
    """The whole file on white paper, so that it reads on dark pages, too."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-labelledby="t d" '
        f'font-family="{FONT}">'
    )
    paper = f'<rect width="{width}" height="{height}" rx="10" fill="{PAPER}"/>'
    about = f'<title id="t">{escape(title)}</title>\n<desc id="d">{escape(words)}</desc>'
    return "\n".join([head, about, paper, *parts, "</svg>"]) + "\n"


def line(start: Point, end: Point, colour: str = INK, width: float = 1.5, dash: str = "") -> str:
    (x1, y1), (x2, y2) = start, end
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width}" stroke-linecap="round"{_dash(dash)}/>'
    )


def polygon(
    points: list[Point], fill: str, stroke: str = "none", width: float = 1.5, dash: str = ""
) -> str:
    pairs = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polygon points="{pairs}" fill="{fill}" stroke="{stroke}" stroke-width="{width}" '
        f'stroke-linejoin="round"{_dash(dash)}/>'
    )


def curve(points: list[Point], colour: str, width: float) -> str:
    pairs = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polyline points="{pairs}" fill="none" stroke="{colour}" stroke-width="{width}" '
        'stroke-linejoin="round" stroke-linecap="round"/>'
    )


def box(centre: Point, size: Point, fill: str, stroke: str = "none", radius: float = 3) -> str:
    (x, y), (width, height) = centre, size
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="{radius}" fill="{fill}" stroke="{stroke}" stroke-width="1.5"/>'
    )


def circle(
    centre: Point, radius: float, fill: str, stroke: str = "none", width: float = 1.5
) -> str:
    x, y = centre
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{fill}" stroke="{stroke}" '
        f'stroke-width="{width}"/>'
    )


def text(
    at: Point,
    words: str,
    *,
    size: int = 14,
    colour: str = INK,
    anchor: str = "start",
    weight: str = "normal",
) -> str:
    x, y = at
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
        f'text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>'
    )


def centre_mark(centre: Point, radius: float, colour: str) -> str:
    """The sign of a centre of mass: a circle with two filled quarters."""
    x, y = centre
    quarters = (
        f"M{x:.1f},{y:.1f} L{x:.1f},{y - radius:.1f} A{radius},{radius} 0 0 1 "
        f"{x + radius:.1f},{y:.1f} Z M{x:.1f},{y:.1f} L{x:.1f},{y + radius:.1f} "
        f"A{radius},{radius} 0 0 1 {x - radius:.1f},{y:.1f} Z"
    )
    return circle(centre, radius, PAPER, colour, 2) + f'<path d="{quarters}" fill="{colour}"/>'


def measure(start: Point, end: Point, words: str) -> list[str]:
    """A dimension line with ticks; its words stand beside its middle."""
    (x1, y1), (x2, y2) = start, end
    level = abs(y2 - y1) < abs(x2 - x1)
    dx, dy = (0.0, 5.0) if level else (5.0, 0.0)
    parts = [line(start, end, FAINT, 1)]
    parts += [line((x - dx, y - dy), (x + dx, y + dy), FAINT, 1) for x, y in (start, end)]
    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
    if level:
        parts.append(text((middle[0], middle[1] + 17), words, size=13, anchor="middle"))
    else:
        parts.append(text((middle[0] + 9, middle[1] + 4.5), words, size=13))
    return parts


def _dash(dash: str) -> str:
    return f' stroke-dasharray="{dash}"' if dash else ""
