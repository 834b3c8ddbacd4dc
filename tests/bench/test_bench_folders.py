"""A board without a ROMFS partition: the application lies in two folders, by the same commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from boards.virtual import VirtualBoard, VirtualBoardSettings
from tests.bench.serial_cable import SerialCable
from tests.bench.toy_application import make_version, version_after_power_cut
from workbench import raw_repl
from workbench.bench import on_bench
from workbench.errors import RollbackError, WorkbenchError
from workbench.flash import flash_application
from workbench.identify import identify
from workbench.rollback import rollback
from workbench.verify import verify


@pytest.fixture
def small(tmp_path: Path) -> Iterator[VirtualBoard]:
    settings = VirtualBoardSettings(image=tmp_path / "small.img", rom_bytes=0)
    with VirtualBoard(settings) as board:
        yield board


def test_flash_update_damage_and_back(small: VirtualBoard, tmp_path: Path) -> None:
    old, new = make_version(tmp_path, 1), make_version(tmp_path, 2)
    assert flash_application(small.tty, old).written == ("application", "boot.py", "main.py")
    assert version_after_power_cut(small) == 1
    assert flash_application(small.tty, old).written == ()
    flash_application(small.tty, new)
    assert version_after_power_cut(small) == 2
    verify(small.tty, new).check()
    assert [slot.runs for slot in identify(small.tty).slots] == [False, True]
    rollback(small.tty, confirm=False)
    assert version_after_power_cut(small) == 1
    with pytest.raises(RollbackError):
        rollback(small.tty)
    flash_application(small.tty, new)
    with on_bench(small.tty) as bench:
        bench.files.write("slot1/app/two.mpy", b"M")
    assert verify(small.tty, new).other == ("application",)
    assert version_after_power_cut(small) == 1


def test_a_cut_at_any_stage_leaves_old_or_new(
    small: VirtualBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_repl, "REPLY_TIMEOUT_S", 2.0)
    old, new = make_version(tmp_path, 1), make_version(tmp_path, 2)
    flash_application(small.tty, old)
    running = 1
    for at in (5_000, 9_000, 15_000):
        with (
            SerialCable(small.tty, cut_after=at, cut=small.power_cut) as cable,
            pytest.raises(WorkbenchError),
        ):
            flash_application(cable.port, new)
        found = version_after_power_cut(small)
        assert found in (running, 2)
        running = found or 0
    flash_application(small.tty, new)
    assert version_after_power_cut(small) == 2
