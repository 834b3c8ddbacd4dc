"""A vehicle of an installation has the numbers of its own configuration, also after an update."""

from pathlib import Path

import pytest

import trifleet.slots
from boards.virtual import VirtualBoard
from boards.virtual.settings import VirtualBoardSettings
from hw.vehicle_config import load_vehicle, vehicle_names
from trifleet import installation
from trifleet.layout import Layout
from trifleet.slots import slots
from trifleet.vehicle_file import config_file
from workbench.bench import on_bench
from workbench.provision import CONFIG_FILE, IDENTITY_FILE


def on_flash(layout: Layout, name: str) -> bytes:
    image = layout.vehicle("trike-1") / "flash.img"
    with VirtualBoard(VirtualBoardSettings(image)) as board, on_bench(board.tty) as bench:
        return bench.files.read(name)


def test_every_vehicle_of_the_project_is_used() -> None:
    used = {slot.configuration for slot in slots(8)}
    assert used == set(vehicle_names())


def test_the_numbers_are_written_at_set_up_and_when_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout, said = Layout(tmp_path / "data"), []
    say = lambda who, what: said.append(f"{who} {what}")  # noqa: E731
    installation.install(layout, 1, say)
    (slot,) = slots(1)
    assert on_flash(layout, CONFIG_FILE) == config_file(load_vehicle(slot.configuration))
    identity = on_flash(layout, IDENTITY_FILE)
    said.clear()
    installation.install(layout, 1, say)
    assert not said  # nothing has changed
    monkeypatch.setattr(trifleet.slots, "CONFIGURATIONS", ("delta-cargo",))
    installation.install(layout, 1, say)
    assert len(said) == 1 and "flashed" in said[0] and "provisioned" not in said[0]
    assert on_flash(layout, CONFIG_FILE) == config_file(load_vehicle("delta-cargo"))
    assert on_flash(layout, IDENTITY_FILE) == identity
