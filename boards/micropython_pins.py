"""The pins.csv that MicroPython's build wants, from ours: `python -m boards.micropython_pins BOARD`.

So `machine.Pin("LOCK")` finds its pin on a real board. With `--micropython CHECKOUT` the rows of
MicroPython's own definition of the board come first, because its mpconfigboard.h needs their names.
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


def micropython_pins(board: BoardDescription, pins: Sequence[BoardPin], theirs: str = "") -> str:
    """`name,pin` a line, after the text of MicroPython's own file. Raises DescriptionError for a
    pin that the port cannot name, and for a name that means another pin there."""
    form = PORTS.get(board.interpreter.port)
    if form is None:
        raise DescriptionError(f"{board.name}: port {board.interpreter.port} has no pins.csv")
    known = _rows(theirs)
    lines = [theirs if not theirs or theirs.endswith("\n") else theirs + "\n"]
    for pin in pins:
        if form.fullmatch(pin.pin) is None:
            raise DescriptionError(f"{board.name}: {pin.pin} is no pin of {board.interpreter.port}")
        if known.get(pin.name, pin.pin) != pin.pin:
            raise DescriptionError(
                f"{board.name}: {pin.name} is {known[pin.name]} in MicroPython's own pins.csv"
            )
        if pin.name not in known:
            lines.append(f"{pin.name},{pin.pin}\n")
    return "".join(lines)


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


def _rows(text: str) -> dict[str, str]:
    rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    return {row[0].lstrip("-"): row[1].lstrip("-") for row in rows if len(row) == 2}


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
