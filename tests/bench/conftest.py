"""Boards at the bench: virtual ones as pytest-embedded's port, and a foreign one in QEMU."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_embedded import Dut

from boards.virtual import VirtualBoard, VirtualBoardSettings
from tests.bench.foreign_board import foreign_board
from workbench.application import BoardFile, collect_application
from workbench.flash import flash_application

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[VirtualBoard]:
    """A board with nothing on it."""
    with VirtualBoard(VirtualBoardSettings(image=tmp_path / "bare.img")) as board:
        yield board


@pytest.fixture(scope="session")
def application() -> tuple[BoardFile, ...]:
    """The project's own."""
    return collect_application(ROOT)


@pytest.fixture(scope="session")
def flashed_image(
    tmp_path_factory: pytest.TempPathFactory, application: tuple[BoardFile, ...]
) -> bytes:
    """The flash of a board with the application, made once."""
    image = tmp_path_factory.mktemp("board") / "flash.img"
    with VirtualBoard(VirtualBoardSettings(image=image)) as board:
        flash_application(board.tty, application)
    return image.read_bytes()


@pytest.fixture
def board(tmp_path: Path, flashed_image: bytes) -> Iterator[VirtualBoard]:
    """A board that runs the application, unprovisioned."""
    image = tmp_path / "flash.img"
    image.write_bytes(flashed_image)
    with VirtualBoard(VirtualBoardSettings(image=image)) as running:
        yield running


@pytest.fixture(scope="module")
def microbit() -> Iterator[str]:
    """The port of MicroPython 1.9.2 on a Cortex-M0."""
    with foreign_board() as port:
        yield port


@pytest.fixture
def embedded_services() -> str:
    return "serial"


@pytest.fixture
def port(board: VirtualBoard) -> str:
    """Where pytest-embedded finds its device."""
    return board.tty


@pytest.fixture
def terminal(dut: Dut) -> Iterator[Dut]:
    """A person who looks at the line; what was typed is ended."""
    yield dut
    dut.serial.proc.write(b"\r\x03\x02")
