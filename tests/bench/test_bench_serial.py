"""The way of the cable, whole: a bare board, the application, verified, taken back; and tools that
know nothing of it still work on the same board."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_embedded import Dut
from pytest_embedded.plugin import parametrize_fixtures  # noqa: F401  (see tests/conftest.py)

from boards.virtual import VirtualBoard
from tests.bench.toy_application import make_version
from workbench.application import BoardFile, board_file
from workbench.bench import on_bench
from workbench.cable import Cable
from workbench.errors import NotRunningError, RollbackError, VerifyError
from workbench.flash import flash_application
from workbench.identify import identify
from workbench.rollback import rollback
from workbench.verify import verify

MPREMOTE = Path(sys.executable).with_name("mpremote")


def test_the_running_application_says_what_it_is(terminal: Dut) -> None:
    terminal.serial.proc.write(b"\rsoftware\r")
    said = terminal.expect(r"software ([0-9.]+) ([0-9a-f]{64})\r\n", timeout=20)
    assert said[1] == b"0.1.0"


def test_identify_flash_verify_and_back(
    board: VirtualBoard, application: tuple[BoardFile, ...]
) -> None:
    before = identify(board.tty)
    assert (before.board, before.version, before.slot_bytes) == ("virtual", "0.1.0", 262_144)
    assert [slot.runs for slot in before.slots] == [True, False]
    verify(board.tty, application).check()
    with pytest.raises(RollbackError, match="holds no sound application"):
        rollback(board.tty)

    newer = (*application, board_file("vcu/extra.mpy", application[0].data))
    with pytest.raises(VerifyError, match="application"):
        verify(board.tty, newer).check()
    assert flash_application(board.tty, newer, board="virtual").written == ("application",)
    now = identify(board.tty)
    assert [slot.runs for slot in now.slots] == [False, True]
    with Cable(board.tty) as cable:
        assert cable.software(timeout_s=20).sealed == now.slots[1].application

    assert rollback(board.tty).body == before.slots[0].application
    after = identify(board.tty)
    assert [slot.runs for slot in after.slots] == [True, False]
    assert after.slots[1].application is None
    verify(board.tty, application).check()


def test_an_application_that_does_not_run_is_not_called_done(
    board: VirtualBoard, application: tuple[BoardFile, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.running.STARTED_WITHIN_S", 3.0)
    broken = [
        dataclasses.replace(file, path="vcu/app.py", data=b"1 / 0\n")
        if file.path == "vcu/app.mpy"
        else file
        for file in application
    ]
    with pytest.raises(NotRunningError, match="no application answers"):
        flash_application(board.tty, broken)
    rollback(board.tty)


def test_mpremote_still_works_on_a_board_that_was_flashed(
    bare: VirtualBoard, tmp_path: Path
) -> None:
    files = make_version(tmp_path, 1)
    flash_application(bare.tty, files)
    with on_bench(bare.tty) as bench:
        bench.files.remove("main.py")  # what prints without end leaves mpremote no prompt
    (tmp_path / "note.txt").write_text("left by another tool\n")
    words = "exec print(6*7) + fs cp NOTE :note.txt + fs cat :note.txt + romfs query + soft-reset"
    line = words.replace("NOTE", str(tmp_path / "note.txt")).split(" ")
    done = subprocess.run(
        [str(MPREMOTE), "connect", bare.tty, *line], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "42" in done.stdout and "left by another tool" in done.stdout
    assert "ROMFS0 partition has size 524288 bytes" in done.stdout
    # And afterwards ours do.
    with on_bench(bare.tty) as bench:
        assert bench.files.read("note.txt") == b"left by another tool\n"
    found = identify(bare.tty)
    image = found.slots[0].application
    assert found.slots[0].runs and image is not None
    assert flash_application(bare.tty, files).written == ("main.py",)
    assert identify(bare.tty).slots[0].application == image
