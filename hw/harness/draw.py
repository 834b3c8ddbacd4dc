"""Draws the harness with WireViz: `python -m hw.harness.draw`, `--check` compares hashes alone.

Each source becomes a drawing (SVG) and its bill of materials (TSV) in `hw/harness/drawings`. A
drawing holds the SHA-256 of its source: another version of graphviz draws other curves, which is
no fault, another source is.
"""

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hw.errors import DrawingError
from hw.harness.sources import FOLDER

DRAWINGS = FOLDER / "drawings"
_HASH = re.compile(r"<!-- source sha256 ([0-9a-f]{64}) -->")
TIMEOUT_S = 120


def main(arguments: Sequence[str], folder: Path = FOLDER, drawings: Path = DRAWINGS) -> int:
    """0; 1 where a drawing is missing, old or too many, or WireViz fails; 2 for other arguments."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m hw.harness.draw [--check]", file=sys.stderr)
        return 2
    sources = sorted(folder.glob("*.yml"))
    if arguments:
        wrong = stale(sources, drawings)
        for name in wrong:
            print(f"{drawings.name}/{name}: is not of its source, run python -m hw.harness.draw")
        return 1 if wrong else 0
    drawings.mkdir(exist_ok=True)
    try:
        for source in sources:
            if _hash_of(drawings / f"{source.stem}.svg") != _hash(source):
                draw(source, drawings)
    except DrawingError as error:
        print(error, file=sys.stderr)
        return 1
    for name in superfluous(sources, drawings):
        (drawings / name).unlink()
    return 0


def stale(sources: Sequence[Path], drawings: Path) -> list[str]:
    """The drawings that are missing, of another source, or of none."""
    found = [
        f"{source.stem}.svg"
        for source in sources
        if _hash_of(drawings / f"{source.stem}.svg") != _hash(source)
        or not (drawings / f"{source.stem}.bom.tsv").exists()
    ]
    return found + superfluous(sources, drawings)


def superfluous(sources: Sequence[Path], drawings: Path) -> list[str]:
    stems = {source.stem for source in sources}
    found = (path.name for path in drawings.glob("*"))
    return sorted(name for name in found if name.split(".")[0] not in stems)


def is_installed() -> bool:
    """Are WireViz and graphviz there? They come with `make setup-dev` and the system."""
    return importlib.util.find_spec("wireviz") is not None and shutil.which("dot") is not None


def draw(source: Path, drawings: Path) -> None:
    """The drawing and the bill of materials of one source. Raises DrawingError."""
    with tempfile.TemporaryDirectory() as temporary:
        _run(source, Path(temporary))
        svg = (Path(temporary) / f"{source.stem}.svg").read_text(encoding="utf-8")
        bom = (Path(temporary) / f"{source.stem}.bom.tsv").read_text(encoding="utf-8")
    head, tag, rest = svg.partition("<svg ")
    mark = f"<!-- source sha256 {_hash(source)} -->\n"
    drawing = drawings / f"{source.stem}.svg"
    drawing.write_text(head + mark + tag + rest, encoding="utf-8")
    drawing.with_suffix(".bom.tsv").write_text(bom, encoding="utf-8")


def _run(source: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "wireviz.wv_cli", "-f", "st", "-o", str(folder), str(source)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DrawingError(f"{source.name}: WireViz did not end: {error}") from error
    if done.returncode or not (folder / f"{source.stem}.svg").exists():
        last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise DrawingError(
            f"{source.name}: WireViz failed: {last}. It needs `make setup-dev` and graphviz (dot)."
        )


def _hash(source: Path) -> str:
    return hashlib.sha256(source.read_bytes()).hexdigest()


def _hash_of(drawing: Path) -> str:
    """What a drawing says of its source, "" where there is none."""
    if not drawing.exists():
        return ""
    found = _HASH.search(drawing.read_text(encoding="utf-8")[:4096])
    return found[1] if found else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
