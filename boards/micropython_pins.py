"""The pins.csv that MicroPython's build wants, from ours, so that `machine.Pin("LOCK")` finds its
pin on a real board: `python -m boards.micropython_pins BOARD`.

With `--micropython CHECKOUT` the rows of MicroPython's own definition of the board come first,
because its mpconfigboard.h needs their names.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from boards.description import BoardDescription, read_description
from boards.errors import BoardError, DescriptionError
from boards.frozen import find_board
from boards.pins import BoardPin, read_pins

# How each port calls the pins of its chip.
PORTS = {
    "stm32": re.compile(r"P[A-K](1[0-5]|[0-9])"),
    "rp2": re.compile(r"GPIO(0|[1-9][0-9]?)"),
    "esp32": re.compile(r"GPIO(0|[1-9][0-9]?)"),
}
# Ports whose mpconfigboard.h uses names of pins.csv.
NAMES_IN_C = frozenset({"stm32"})


def micropython_pins(board: BoardDescription, pins: Sequence[BoardPin], theirs: str = "") -> str:
    """`name,pin` a line, after the text of MicroPython's own file. Raises DescriptionError for a
    pin that the port cannot name, and where a name that C code of the port uses has another pin."""
    port = board.interpreter.port
    form = PORTS.get(port)
    if form is None:
        raise DescriptionError(f"{board.name}: port {port} has no pins.csv")
    for pin in pins:
        if form.fullmatch(pin.pin) is None:
            raise DescriptionError(f"{board.name}: {pin.pin} is no pin of {port}")
    ours = {pin.name: pin.pin for pin in pins}
    lines = []
    for line in theirs.splitlines():
        name, their = _row(line)
        if port in NAMES_IN_C and ours.get(name, their) != their:
            raise DescriptionError(f"{board.name}: {name} is {their} in MicroPython's own pins.csv")
        if name not in ours:
            lines.append(line)
    return "".join(f"{line}\n" for line in lines) + "".join(
        f"{name},{chip}\n" for name, chip in ours.items()
    )


def definition(board: BoardDescription, micropython: Path) -> Path:
    """MicroPython's folder of this board. Raises BoardError where there is none."""
    interpreter = board.interpreter
    folder = micropython / "ports" / interpreter.port / "boards" / interpreter.definition
    if not interpreter.definition or not (folder / "mpconfigboard.h").is_file():
        raise BoardError(f"{folder}: no definition of a board; is {micropython} MicroPython?")
    return folder


def their_pins(board: BoardDescription, micropython: Path) -> str:
    path = definition(board, micropython) / "pins.csv"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _row(line: str) -> tuple[str, str]:
    fields = line.split(",")
    if line.startswith("#") or len(fields) != 2:
        return "", ""
    return fields[0].lstrip("-"), fields[1].lstrip("-")  # a hyphen hides it


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m boards.micropython_pins")
    parser.add_argument("board", help="a folder of boards/")
    parser.add_argument("--micropython", type=Path, help="a checkout of MicroPython")
    chosen = parser.parse_args(arguments)
    try:
        folder = find_board(chosen.board)
        board = read_description(folder)
        theirs = their_pins(board, chosen.micropython) if chosen.micropython else ""
        print(micropython_pins(board, read_pins(folder), theirs), end="")
    except BoardError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
