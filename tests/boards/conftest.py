"""Boards for the tests of this folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boards.virtual import VirtualBoard, VirtualBoardSettings
from workbench.raw_repl import RawRepl


@pytest.fixture
def make_board(tmp_path: Path) -> Iterator[Callable[..., VirtualBoard]]:
    """Starts boards; stops them at the end. Same name, same flash."""
    started: list[VirtualBoard] = []

    def make(name: str = "one", **settings: object) -> VirtualBoard:
        board = VirtualBoard(VirtualBoardSettings(image=tmp_path / f"{name}.img", **settings))  # type: ignore[arg-type]
        board.start()
        started.append(board)
        return board

    yield make
    for board in started:
        board.stop()


@pytest.fixture
def board(make_board: Callable[..., VirtualBoard]) -> VirtualBoard:
    return make_board()


@pytest.fixture
def repl(board: VirtualBoard) -> Iterator[RawRepl]:
    with RawRepl(board.tty) as repl:
        repl.enter()
        yield repl
