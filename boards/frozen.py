"""`trifleet_board.py`, the module of a board's interpreter that says what board it is.

Made from board.toml; firmware/vcu/can/choice.py reads it. `python -m boards.frozen BOARD` prints
it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from boards.description import BoardDescription, read_description
from boards.errors import BoardError

MODULE = "trifleet_board.py"
BOARDS = Path(__file__).parent


def frozen_module(board: BoardDescription) -> str:
    """The same board gives the same text."""
    can = board.can
    return "".join(
        (
            f"# Made from boards/{board.name}/board.toml by boards/frozen.py.\n",
            f'NAME = "{board.name}"\n',
            f'CAN = "{can.controller}"\n',
            f"NUMBER = {can.number}\n",
            f"RATE_HZ = {can.rate_hz}\n",
            f"CRYSTAL_HZ = {can.crystal_hz}\n",
            f"STANDBY = {int(can.standby_level == 'high')}  # the level that puts it there\n",
        )
    )


def find_board(name: str) -> Path:
    """The board's folder. Raises BoardError naming the boards that there are."""
    folders = {path.parent.name: path.parent for path in BOARDS.glob("*/board.toml")}
    if name not in folders:
        raise BoardError(f"no board {name}; there are {', '.join(sorted(folders))}")
    return folders[name]


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m boards.frozen BOARD", file=sys.stderr)
        return 2
    try:
        print(frozen_module(read_description(find_board(arguments[0]))), end="")
    except BoardError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
