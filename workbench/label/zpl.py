"""A label for a label printer that speaks ZPL II: the code as a graphic field, the words as text.

The code is whole dots a module, so no printer blurs it; a printer's own ^BQ would choose another
version and level than the label was made for.
"""

from workbench.errors import LabelError
from workbench.label.layout import QUIET, Drawing, Text

DOTS_PER_MM = {203: 8, 300: 12, 600: 24}  # by what printers call dots an inch
_ASCENT = 0.78  # of a font's size: from its upper edge to the base line


def render(drawing: Drawing, dpi: int = 203) -> bytes:
    """One label, UTF-8 (^CI28). A module has three dots or more (`layout`). Raises
    LabelError for another kind of printer."""
    if dpi not in DOTS_PER_MM:
        raise LabelError(f"printers have {', '.join(map(str, DOTS_PER_MM))} dots an inch")
    dots = DOTS_PER_MM[dpi]
    module = int(drawing.code.module * dots)
    # What the rounding leaves over goes to both sides.
    count = len(drawing.code.matrix)
    spare = int((drawing.code.module * dots - module) * (count + 2 * QUIET)) // 2
    corner = [
        int((place - QUIET * drawing.code.module) * dots) + spare + QUIET * module
        for place in (drawing.code.x, drawing.code.y)
    ]
    lines = [
        "^XA",
        "^CI28",
        f"^PW{round(drawing.width * dots)}",
        f"^LL{round(drawing.height * dots)}",
        "^LH0,0",
        f"^FO{corner[0]},{corner[1]}{_graphic(drawing.code.matrix, module)}^FS",
        *(_text(text, dots) for text in drawing.texts),
        "^XZ",
    ]
    return "\n".join(lines).encode("ascii") + b"\n"


def _graphic(matrix: tuple[bytes, ...], module: int) -> str:
    """^GFA: rows of bytes in hexadecimal, 1 is black."""
    row_bytes = (len(matrix) * module + 7) // 8
    rows = []
    for modules in matrix:
        bits = "".join(("1" if one else "0") * module for one in modules).ljust(row_bytes * 8, "0")
        rows += [int(bits, 2).to_bytes(row_bytes, "big").hex().upper()] * module
    total = row_bytes * len(rows)
    return f"^GFA,{total},{total},{row_bytes},{''.join(rows)}"


def _text(text: Text, dots: int) -> str:
    high = max(10, round(text.size * dots))
    wide = round(high * (0.95 if text.is_bold else 0.85))
    x, y = round(text.x * dots), max(0, round((text.y - _ASCENT * text.size) * dots))
    return f"^FO{x},{y}^A0N,{high},{wide}^FH_^FD{_escaped(text.words)}^FS"


def _escaped(words: str) -> str:
    """^FH_: what is a command to the printer, and what is not ASCII, as bytes of UTF-8."""
    out = ""
    for byte in words.encode():
        letter = chr(byte)
        is_plain = letter.isascii() and (letter.isalnum() or letter in " .,:;/-'()")
        out += letter if is_plain else f"_{byte:02X}"
    return out
