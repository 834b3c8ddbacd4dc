"""Tools that know nothing of the virtual board: pytest-embedded and mpremote, unmodified."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_embedded import Dut
from pytest_embedded.plugin import parametrize_fixtures  # noqa: F401  (see tests/conftest.py)

from boards.virtual import VirtualBoard

MPREMOTE = Path(sys.executable).with_name("mpremote")


@pytest.fixture
def port(board: VirtualBoard) -> str:
    return board.tty


@pytest.fixture
def embedded_services() -> str:
    return "serial"


@pytest.fixture
def terminal(dut: Dut) -> Iterator[Dut]:
    """A person at the friendly REPL."""
    dut.serial.proc.write(b"\r\x03\x02")
    dut.expect_exact(">>> ")
    yield dut
    dut.serial.proc.write(b"\r\x03\x02")


def test_greets_and_calculates(terminal: Dut) -> None:
    terminal.serial.proc.write(b"\x02")
    terminal.expect_exact("MicroPython")
    terminal.expect_exact(">>> ")
    terminal.serial.proc.write(b"print('sum', 20 + 22)\r")
    terminal.expect_exact("sum 42")


def test_soft_reset_from_the_friendly_repl(terminal: Dut) -> None:
    terminal.serial.proc.write(b"gone = 1\r")
    terminal.expect_exact(">>> ")
    terminal.serial.proc.write(b"\x04")
    terminal.expect_exact("MPY: soft reboot")
    terminal.expect_exact(">>> ")
    terminal.serial.proc.write(b"print('gone' in globals())\r")
    terminal.expect_exact("False")


def mpremote(tty: str, *words: str) -> str:
    done = subprocess.run(
        [str(MPREMOTE), "connect", tty, *words], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.replace("\r\n", "\n")


def test_mpremote_runs_copies_lists_and_resets(port: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import machine\nprint('app', machine.reset_cause())\n")
    assert mpremote(port, "exec", "print(6 * 7)") == "42\n"
    mpremote(port, "cp", str(tmp_path / "app.py"), ":app.py")
    assert "app.py" in mpremote(port, "fs", "ls")
    mpremote(port, "soft-reset")
    assert mpremote(port, "exec", "import app") == "app 5\n"
    assert mpremote(port, "run", str(tmp_path / "app.py")) == "app 5\n"
    mpremote(port, "cp", ":app.py", str(tmp_path / "back.py"))
    assert (tmp_path / "back.py").read_bytes() == (tmp_path / "app.py").read_bytes()


def test_mpremote_stops_a_running_main(board: VirtualBoard, tmp_path: Path) -> None:
    port = board.tty
    (tmp_path / "main.py").write_text("import time\nwhile True:\n    time.sleep_ms(1)\n")
    mpremote(port, "cp", str(tmp_path / "main.py"), ":main.py")
    board.reset()
    assert mpremote(port, "exec", "print('here')") == "here\n"
