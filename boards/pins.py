"""Reads a board's pins.csv: which signal of the vehicle is on which pin. Strict."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from boards.errors import DescriptionError

COLUMNS = ["signal", "name", "pin", "direction", "pull", "header", "note"]
DIRECTIONS = frozenset({"in", "out", "analog"})
PULLS = frozenset({"up", "down", ""})


@dataclass(frozen=True)
class BoardPin:
    """`name` is what the firmware says, `machine.Pin(name)`; `pin` the chip's. `pull` is a resistor
    beside the board, which holds the line while the chip is in reset or asleep. `header` says where
    it comes out ("" on the virtual board)."""

    signal: str
    name: str
    pin: str
    direction: str
    pull: str
    header: str
    note: str


def decode_pins(text: str, where: str) -> tuple[BoardPin, ...]:
    """Every row in the order of the file; raises DescriptionError naming `where` and the line."""
    lines = text.splitlines()
    try:
        rows = list(csv.reader(lines, strict=True))
    except csv.Error as error:
        raise DescriptionError(f"{where}: {error}") from error
    if not rows or rows[0] != COLUMNS:
        raise DescriptionError(f"{where}: line 1: the columns are not {','.join(COLUMNS)}")
    pins = tuple(_decode_row(row, f"{where}: row {at}") for at, row in enumerate(rows[1:], 2))
    for column in ("signal", "name", "pin"):
        names = [getattr(pin, column) for pin in pins]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DescriptionError(f"{where}: {column} listed twice: {', '.join(twice)}")
    return pins


def read_pins(folder: Path) -> tuple[BoardPin, ...]:
    path = folder / "pins.csv"
    return decode_pins(path.read_text(encoding="utf-8"), str(path))


def _decode_row(row: list[str], where: str) -> BoardPin:
    if len(row) != len(COLUMNS):
        raise DescriptionError(f"{where}: {len(row)} fields instead of {len(COLUMNS)}")
    pin = BoardPin(*row)
    if not pin.signal or not pin.name or not pin.pin:
        raise DescriptionError(f"{where}: signal, name and pin must not be empty")
    if pin.direction not in DIRECTIONS:
        raise DescriptionError(f"{where}: direction {pin.direction!r} is not in, out or analog")
    if pin.pull not in PULLS:
        raise DescriptionError(f"{where}: pull {pin.pull!r} is not up, down or nothing")
    return pin
