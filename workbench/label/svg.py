"""A label as SVG, in its size on paper."""

from xml.sax.saxutils import escape

from workbench.label.layout import Code, Drawing, Text

_FONTS = "Helvetica, Arial, Liberation Sans, sans-serif"


def render(drawing: Drawing) -> bytes:
    """UTF-8, one path for the code, no script and nothing from elsewhere."""
    wide, high = _mm(drawing.width), _mm(drawing.height)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}mm" height="{high}mm"'
        f' viewBox="0 0 {wide} {high}" font-family="{_FONTS}">',
        f'<rect width="{wide}" height="{high}" fill="#fff"/>',
        f'<path fill="#000" shape-rendering="crispEdges" d="{_path(drawing.code)}"/>',
        *map(_text, drawing.texts),
        "</svg>",
    ]
    return "\n".join(lines).encode() + b"\n"


def _path(code: Code) -> str:
    """A rectangle for each run of dark modules."""
    parts = []
    for row, modules in enumerate(code.matrix):
        for start, length in dark_runs(modules):
            x, y = code.x + start * code.module, code.y + row * code.module
            wide, high = _mm(length * code.module), _mm(code.module)
            parts.append(f"M{_mm(x)} {_mm(y)}h{wide}v{high}h-{wide}z")
    return "".join(parts)


def dark_runs(modules: bytes) -> list[tuple[int, int]]:
    """(first, how many) of each run of dark modules in a row."""
    out: list[tuple[int, int]] = []
    for at, module in enumerate(modules):
        if not module:
            continue
        if out and sum(out[-1]) == at:
            out[-1] = (out[-1][0], out[-1][1] + 1)
        else:
            out.append((at, 1))
    return out


def _text(text: Text) -> str:
    weight = ' font-weight="bold"' if text.is_bold else ""
    place = f'x="{_mm(text.x)}" y="{_mm(text.y)}" font-size="{_mm(text.size)}"'
    return f"<text {place}{weight}>{escape(text.words)}</text>"


def _mm(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")
