"""An interpreter that was not built for its board is refused before anything is written."""

from dataclasses import replace

import pytest

from boards.description import read_description
from boards.frozen import BOARDS, frozen_module
from boards.virtual import VirtualBoard
from workbench import identify
from workbench.bench import Bench, on_bench
from workbench.errors import WrongBoardError

# A board with the virtual one's interpreter, and none of its status.
WANTED = replace(
    read_description(BOARDS / "weact-h743"),
    interpreter=read_description(BOARDS / "virtual").interpreter,
)
OTHER = read_description(BOARDS / "esp32-s3")


def freeze(bench: Bench, text: str) -> None:
    """As far as an interpreter that is not built here can have a module."""
    bench.repl.exec(
        f"import sys\nwith open('trifleet_board.py', 'w') as f:\n f.write({text!r})\n"
        "sys.modules.pop('trifleet_board', None)\nsys.path.append('/flash')"
    )


def test_only_an_interpreter_built_for_the_board_passes(
    board: VirtualBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identify, "read_boards", lambda: (WANTED, OTHER))
    with on_bench(str(board.tty)) as bench:
        with pytest.raises(WrongBoardError, match="built elsewhere and does not know the pins of"):
            identify.check_board(bench, "weact-h743")
        freeze(bench, frozen_module(OTHER))
        with pytest.raises(
            WrongBoardError, match=r"built for esp32-s3 .* boards/weact-h743/README"
        ):
            identify.check_board(bench, "weact-h743")
        freeze(bench, frozen_module(WANTED))
        identify.check_board(bench, "weact-h743")
        # As it is: nobody's build, and right for the virtual board.
        monkeypatch.undo()
        identify.check_board(bench, "virtual")
