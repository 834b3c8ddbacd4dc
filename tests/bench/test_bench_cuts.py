"""Cable or power goes at a random byte: the board boots the old application or the new one, and the
same command finishes the job."""

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from boards.virtual import VirtualBoard
from tests.bench.serial_cable import SerialCable
from tests.bench.toy_application import make_version, version_after_power_cut
from workbench import raw_repl
from workbench.bench import on_bench
from workbench.errors import NoSuchFileError, WorkbenchError
from workbench.flash import flash_application
from workbench.identity import Identity, decode_identity
from workbench.provision import provision
from workbench.verify import verify

IDENTITY = Identity("veh-1", secrets.token_bytes(32), secrets.token_bytes(32), 1_800_000_000)
Job = Callable[[str], object]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The virtual board answers at once: what does not come within this is lost."""
    monkeypatch.setattr(raw_repl, "REPLY_TIMEOUT_S", 2.0)


def test_a_cut_at_a_random_byte_leaves_old_or_new(bare: VirtualBoard, tmp_path: Path) -> None:
    cut_and_finish(bare, tmp_path, seed=20_261_126, cuts=12)


@pytest.mark.faults
def test_two_hundred_cuts_at_random_bytes(bare: VirtualBoard, tmp_path: Path) -> None:
    cut_and_finish(bare, tmp_path, seed=time.time_ns(), cuts=200)


def cut_and_finish(board: VirtualBoard, folder: Path, *, seed: int, cuts: int) -> None:
    """By turns a flash, which after the first one is an update, and a provision."""
    print("seed", seed)
    random = Random(seed)
    old: int | None = None
    sizes = {"flash": 20_000, "provision": 5_000}  # bytes to the board; measured as it goes
    done = number = 0
    while done < cuts:
        number += 1
        files = make_version(folder, number)

        def flash(port: str) -> object:
            return flash_application(port, files)  # noqa: B023  (called in this turn)

        done += cut(board, random, flash, sizes["flash"])
        assert version_after_power_cut(board) in (old, number)
        sizes["flash"] = finish(board, flash)
        verify(board.tty, files).check()
        assert version_after_power_cut(board) == number
        old = number
        done += cut(board, random, give_identity, sizes["provision"])
        assert version_after_power_cut(board) == number
        assert identity_of(board) in (None, IDENTITY)
        sizes["provision"] = finish(board, give_identity)
        assert identity_of(board, forget=True) == IDENTITY
    print(f"{done} cuts, {number} versions")


def give_identity(port: str) -> object:
    return provision(port, IDENTITY)


def cut(board: VirtualBoard, random: Random, job: Job, size: int) -> int:
    """How many cuts there were: none where the job needed fewer bytes."""
    power = board.power_cut if random.random() < 0.5 else (lambda: None)
    with SerialCable(board.tty, cut_after=random.randrange(size), cut=power) as cable:
        try:
            job(cable.port)
        except WorkbenchError:
            return 1
    return 0


def finish(board: VirtualBoard, job: Job) -> int:
    """Bytes that went to the board."""
    with SerialCable(board.tty) as cable:
        job(cable.port)
        return cable.to_board


def identity_of(board: VirtualBoard, *, forget: bool = False) -> Identity | None:
    with on_bench(board.tty) as bench:
        try:
            found = decode_identity(bench.files.read("identity"))
        except NoSuchFileError:
            return None
        if forget:
            bench.files.remove("identity")
        return found
