"""A folder from which MicroPython builds a board's interpreter, out of ours and its own definition:
`python -m boards.interpreter BOARD --micropython CHECKOUT --out FOLDER`.

It has our mpconfigboard.*, linker script and manifest.py, the merged pins.csv, trifleet_board.py,
and for every other C file of MicroPython's definition one that includes it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from boards.description import read_description
from boards.errors import BoardError, DescriptionError
from boards.frozen import MODULE, find_board, frozen_module
from boards.micropython_pins import definition, micropython_pins, their_pins
from boards.parts import read_part
from boards.pin_checks import pin_flaws
from boards.pins import read_pins

OURS = ("mpconfigboard.h", "mpconfigboard.mk", "mpconfigboard.cmake", "manifest.py", "flash.ld")
_INCLUDED = (".c", ".h")


def make_folder(name: str, micropython: Path, out: Path) -> tuple[str, ...]:
    """Writes `out`, which must be new or empty; returns the names of its files. BoardError."""
    folder = find_board(name)
    board = read_description(folder)
    pins = read_pins(folder)
    flaws = pin_flaws(board, pins, read_part(board.chip.package) if board.chip.package else {})
    if flaws:
        raise DescriptionError(f"{folder / 'pins.csv'}: {'; '.join(flaws)}")
    theirs = definition(board, micropython)
    if out.exists() and any(out.iterdir()):
        raise BoardError(f"{out} is not empty: choose another folder")
    texts = {
        "pins.csv": micropython_pins(board, pins, their_pins(board, micropython)),
        MODULE: frozen_module(board),
    }
    for path in sorted(theirs.iterdir()):
        if path.suffix in _INCLUDED and path.name not in OURS:
            texts[path.name] = f'#include "boards/{theirs.name}/{path.name}"\n'
    out.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        (out / file).write_text(text, encoding="utf-8")
    for file in OURS:
        if (folder / file).is_file():
            shutil.copyfile(folder / file, out / file)
    return tuple(sorted(path.name for path in out.iterdir()))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m boards.interpreter")
    parser.add_argument("board", help="a folder of boards/")
    parser.add_argument("--micropython", type=Path, required=True, help="a checkout of MicroPython")
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    chosen = parser.parse_args(arguments)
    try:
        names = make_folder(chosen.board, chosen.micropython, chosen.out)
    except (BoardError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    port = read_description(find_board(chosen.board)).interpreter.port
    print(f"{chosen.out}: {', '.join(names)}")
    print(f"now: make -C {chosen.micropython}/ports/{port} BOARD_DIR={chosen.out.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
