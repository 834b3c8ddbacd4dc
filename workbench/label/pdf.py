"""A label as PDF (ISO 32000-1): one page in its size, the code as rectangles, standard fonts.

The same label gives the same bytes: no date, no identifier.
"""

from workbench.label.layout import Code, Drawing, Text
from workbench.label.svg import dark_runs

_POINT = 72 / 25.4  # points in a mm


def render(drawing: Drawing) -> bytes:
    """The whole file."""
    content = "\n".join(["0 g", *_code(drawing.code, drawing.height), *_texts(drawing)]).encode(
        "cp1252"
    )
    box = f"[0 0 {_pt(drawing.width)} {_pt(drawing.height)}]"
    fonts = "<< /F1 4 0 R /F2 5 0 R >>"
    return _file(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox {box} /Resources << /Font {fonts} >>"
        " /Contents 6 0 R >>".encode(),
        _font("Helvetica"),
        _font("Helvetica-Bold"),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    )


def _font(name: str) -> bytes:
    return (
        f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>"
    ).encode()


def _file(*objects: bytes) -> bytes:
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def _code(code: Code, height: float) -> list[str]:
    """PDF counts upwards from the lower edge."""
    lines = []
    for row, modules in enumerate(code.matrix):
        y = height - code.y - (row + 1) * code.module
        for start, length in dark_runs(modules):
            x = code.x + start * code.module
            size = f"{_pt(length * code.module)} {_pt(code.module)}"
            lines.append(f"{_pt(x)} {_pt(y)} {size} re")
    return [*lines, "f"]


def _texts(drawing: Drawing) -> list[str]:
    lines = ["BT"]
    for text in drawing.texts:
        place = f"1 0 0 1 {_pt(text.x)} {_pt(drawing.height - text.y)} Tm"
        lines.append(f"/{_name(text)} {_pt(text.size)} Tf {place} ({_escaped(text.words)}) Tj")
    return [*lines, "ET"]


def _name(text: Text) -> str:
    return "F2" if text.is_bold else "F1"


def _escaped(words: str) -> str:
    return words.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _pt(value: float) -> str:
    return f"{value * _POINT:.3f}"
