"""Reads boards/parts/PACKAGE.csv: the pins of a chip in its package, and what each can do."""

from __future__ import annotations

import csv
from pathlib import Path

from boards.errors import DescriptionError

COLUMNS = ["pin", "functions"]
FOLDER = Path(__file__).parent / "parts"


def decode_part(text: str, where: str) -> dict[str, frozenset[str]]:
    """Functions by pin. Lines that begin with # say where the facts come from. Raises
    DescriptionError naming `where` and the line."""
    out: dict[str, frozenset[str]] = {}
    numbered = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line and not line.startswith("#")
    ]
    rows = list(csv.reader([line for _, line in numbered]))
    if not rows or rows[0] != COLUMNS:
        raise DescriptionError(f"{where}: the columns are not {','.join(COLUMNS)}")
    for (number, _), row in zip(numbered[1:], rows[1:], strict=True):
        if len(row) != len(COLUMNS) or not row[0]:
            raise DescriptionError(f"{where}: line {number}: is not a pin and its functions")
        if row[0] in out:
            raise DescriptionError(f"{where}: line {number}: {row[0]} is listed twice")
        out[row[0]] = frozenset(row[1].split())
    return out


def read_part(package: str) -> dict[str, frozenset[str]]:
    path = FOLDER / f"{package}.csv"
    return decode_part(path.read_text(encoding="utf-8"), str(path))
