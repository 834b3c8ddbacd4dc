"""A label as a file: the ending says which kind."""

from pathlib import Path

from workbench.errors import LabelError
from workbench.label import pdf, svg, zpl
from workbench.label.label import Label
from workbench.label.layout import draw

ENDINGS = (".svg", ".pdf", ".zpl")


def render(label: Label, ending: str, dpi: int = 203) -> bytes:
    """The bytes of a file with this ending; `dpi` is the printer's, for ZPL. Raises LabelError."""
    drawing = draw(label)
    if ending == ".svg":
        return svg.render(drawing)
    if ending == ".pdf":
        return pdf.render(drawing)
    if ending == ".zpl":
        return zpl.render(drawing, dpi)
    raise LabelError(f"the file ends in one of {', '.join(ENDINGS)}, not {ending or 'nothing'!r}")


def write(path: Path, label: Label, dpi: int = 203) -> int:
    """How many bytes were written. Raises LabelError, OSError."""
    return path.write_bytes(render(label, path.suffix.lower(), dpi))
