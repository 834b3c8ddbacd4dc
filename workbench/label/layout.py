"""Where everything stands on a label, in mm from its upper left corner. Pure.

Letters are taken for wider than they are in the fonts that the files name, so nothing runs off.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.errors import LabelError
from workbench.label.label import Label, Matrix

QUIET = 4  # modules of white around a code (ISO/IEC 18004)
LEAST_MODULE_MM = 0.4  # a phone reads less only from close by
MARGIN_MM = 1.5
_LARGEST_MM, _SMALLEST_MM, _STEP_MM = 4.0, 1.8, 0.1
_LARGEST_NAME_MM = 9.0
# Width of a letter by the size of its font: wide ones, narrow ones, others; as in the widest of
# the fonts that a browser may take.
_WIDE, _NARROW = "mwMW", " fijlrt-.,:;/'()I"
_PLAIN_WIDTHS = 0.99, 0.42, 0.65
_BOLD_WIDTHS = 1.08, 0.50, 0.72
_LEADING = 1.25


@dataclass(frozen=True)
class Text:
    """One line; `y` is its base line, `size` that of the font."""

    x: float
    y: float
    size: float
    words: str
    is_bold: bool = False


@dataclass(frozen=True)
class Code:
    """Upper left corner of the first module, and the side of a module."""

    x: float
    y: float
    module: float
    matrix: Matrix


@dataclass(frozen=True)
class Drawing:
    """A whole label."""

    width: float
    height: float
    code: Code
    texts: tuple[Text, ...]


@dataclass(frozen=True)
class _Area:
    x: float
    y: float
    width: float
    height: float


def draw(label: Label) -> Drawing:
    """Code and words side by side, or one above the other. Raises LabelError: too small."""
    code_area, text_area = _areas(label.width_mm, label.height_mm)
    matrix = label.matrix()
    module = min(code_area.width, code_area.height) / (len(matrix) + 2 * QUIET)
    if module < LEAST_MODULE_MM:
        raise LabelError(
            f"the code would have modules of {module:.2f} mm, below {LEAST_MODULE_MM} mm: take a"
            " larger label, a lower level, or a shorter address"
        )
    corner = QUIET * module
    code = Code(code_area.x + corner, code_area.y + corner, module, matrix)
    return Drawing(label.width_mm, label.height_mm, code, _texts(label, text_area))


def _areas(width: float, height: float) -> tuple[_Area, _Area]:
    if width >= 1.3 * height:
        side = min(height, 0.55 * width)
        rest = _Area(side, MARGIN_MM, width - side - MARGIN_MM, height - 2 * MARGIN_MM)
        return _Area(0.0, (height - side) / 2, side, side), rest
    side = min(width, 0.62 * height)
    rest = _Area(MARGIN_MM, side, width - 2 * MARGIN_MM, height - side - MARGIN_MM)
    return _Area((width - side) / 2, 0.0, side, side), rest


def _texts(label: Label, area: _Area) -> tuple[Text, ...]:
    most = area.width / _width(label.vehicle, _BOLD_WIDTHS)
    name = min(_LARGEST_NAME_MM, most, 0.3 * area.height)
    if name < _SMALLEST_MM:
        raise LabelError("the name does not fit: take a larger label")
    top = area.y + name * _LEADING
    size = _LARGEST_MM
    while size >= _SMALLEST_MM:
        lines = _wrapped(label.lines(), area.width / size)
        if lines and len(lines) * size * _LEADING <= area.y + area.height - top:
            placed = (
                Text(area.x, top + size * (_LEADING * n + 1.0), size, words)
                for n, words in enumerate(lines)
            )
            return (Text(area.x, area.y + name, name, label.vehicle, True), *placed)
        size -= _STEP_MM
    raise LabelError("the words do not fit: take a larger label")


def _width(words: str, widths: tuple[float, float, float]) -> float:
    """Of a line, at a font of size 1."""
    wide, narrow, others = widths
    of = (wide if one in _WIDE else narrow if one in _NARROW else others for one in words)
    return sum(of)


def _wrapped(lines: Iterable[str], most: float) -> list[str]:
    """No line wider than `most` at a font of size 1; nothing where a word alone is wider."""
    out: list[str] = []
    for line in lines:
        current = ""
        for word in line.split(" "):
            if _width(word, _PLAIN_WIDTHS) > most:
                return []
            longer = f"{current} {word}".strip()
            if _width(longer, _PLAIN_WIDTHS) <= most:
                current = longer
                continue
            out.append(current)
            current = word
        out.append(current)
    return out
