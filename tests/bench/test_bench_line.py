"""A line that loses, doubles and delays bytes: the job is done right, or ends with a named error;
never a wrong file."""

import secrets
import time
from pathlib import Path
from random import Random

import pytest

from boards.virtual import VirtualBoard
from tests.bench.serial_cable import Faults, SerialCable
from tests.bench.toy_application import make_version, version_after_power_cut
from workbench import raw_repl, stream
from workbench.bench import on_bench
from workbench.errors import WorkbenchError
from workbench.flash import flash_application
from workbench.identify import identify
from workbench.identity import Identity
from workbench.provision import provision
from workbench.raw_repl import RawRepl
from workbench.slots import Slots
from workbench.verify import verify

IDENTITY = Identity("veh-1", secrets.token_bytes(32), secrets.token_bytes(32), 1_800_000_000)
# A byte of two thousand; a flash of the toy sends about 17,000.
LINES = {
    "loses": Faults(lost=0.0005),
    "doubles": Faults(doubled=0.0005),
    "delays": Faults(delayed=0.002, delay_s=0.15),
}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The virtual board answers at once: what does not come within this is lost."""
    monkeypatch.setattr(raw_repl, "REPLY_TIMEOUT_S", 1.5)
    monkeypatch.setattr(raw_repl, "PASTE_TIMEOUT_S", 0.7)
    monkeypatch.setattr(stream, "ACKNOWLEDGED_WITHIN_S", 0.7)


@pytest.mark.parametrize("kind", LINES)
def test_a_bad_line_never_leaves_a_wrong_file(
    bare: VirtualBoard, tmp_path: Path, kind: str
) -> None:
    try_on(bare, tmp_path, LINES[kind], seed=7, times=1)


def test_a_byte_that_is_lost_takes_no_partition_away(
    bare: VirtualBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who believed it would put the application into folders that this board never looks at."""
    ask, left = RawRepl.exec, ["one answer"]

    def exec_damaged(repl: RawRepl, code: str, *, timeout_s: float | None = None) -> bytes:
        answer = ask(repl, code, timeout_s=timeout_s)
        if left and b"fact rom" in answer:
            left.clear()
            return answer.replace(b"fact rom", b"fact om")
        return answer

    monkeypatch.setattr(RawRepl, "exec", exec_damaged)
    with on_bench(bare.tty) as bench:
        assert isinstance(bench.slots(), Slots)
    assert not left


@pytest.mark.faults
@pytest.mark.parametrize("kind", LINES)
def test_many_bad_lines(bare: VirtualBoard, tmp_path: Path, kind: str) -> None:
    try_on(bare, tmp_path, LINES[kind], seed=time.time_ns(), times=20)


def try_on(board: VirtualBoard, folder: Path, faults: Faults, *, seed: int, times: int) -> None:
    print("seed", seed)
    done = 0
    for number in range(1, times + 1):
        files = make_version(folder, number)
        with SerialCable(board.tty, faults=faults, random=Random(seed + number)) as cable:
            try:
                flash_application(cable.port, files)
                provision(cable.port, IDENTITY)
                finished = True
            except WorkbenchError as error:
                print(type(error).__name__, error)
                finished = False
        if finished:
            done += 1
            if (seen := verify(board.tty, files)).other:
                print(seen, identify(board.tty))
            seen.check()
        assert version_after_power_cut(board) in (None if number == 1 else number - 1, number)
        with on_bench(board.tty) as bench:
            left = set(bench.repl.exec("import os; print(*os.listdir())").decode().split())
        # Names as they were meant; what was not finished has its own.
        assert left <= {"boot.py", "main.py", "identity", "boot.py.new", "main.py.new"}, left
        flash_application(board.tty, files)
        provision(board.tty, IDENTITY)
        verify(board.tty, files).check()
        assert version_after_power_cut(board) == number
    print(f"{done} of {times} were done over the bad line itself")
    assert identify(board.tty).board == "virtual"
