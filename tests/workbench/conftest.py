"""Real boards of the virtual kind for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from boards.virtual import VirtualBoard, VirtualBoardSettings
from workbench.raw_repl import RawRepl


@pytest.fixture
def board(tmp_path: Path) -> Iterator[VirtualBoard]:
    with VirtualBoard(VirtualBoardSettings(image=tmp_path / "flash.img")) as board:
        yield board


@pytest.fixture
def repl(board: VirtualBoard) -> Iterator[RawRepl]:
    with RawRepl(board.tty) as repl:
        repl.enter()
        yield repl
