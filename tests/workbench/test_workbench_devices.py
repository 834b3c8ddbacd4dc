"""Which port is meant: the only board, the named one, or nobody's guess."""

import dataclasses
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from boards.virtual import VirtualBoard
from workbench import devices
from workbench.devices import Device, choose_device, find_devices, read_boards
from workbench.errors import NoDeviceError, SeveralDevicesError

SOME = read_boards()[0]
USB = dataclasses.replace(SOME.interpreter, usb_ids=("f055:9800",))
BOARD = dataclasses.replace(SOME, name="some-board", interpreter=USB)


def usb(port: str, vid: int | None, pid: int | None) -> SimpleNamespace:
    return SimpleNamespace(device=port, vid=vid, pid=pid, product="Thing", serial_number="123")


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> list[SimpleNamespace]:
    """What the operating system lists."""
    listed: list[SimpleNamespace] = [usb("/dev/ttyS0", None, None)]
    monkeypatch.setattr(devices.list_ports, "comports", lambda: listed)
    return listed


def test_a_board_is_known_by_its_usb_numbers(ports: list[SimpleNamespace]) -> None:
    ports += [usb("/dev/ttyUSB1", 0x10C4, 0xEA60), usb("/dev/ttyACM0", 0xF055, 0x9800)]
    found = find_devices([BOARD])
    assert found == (
        Device("/dev/ttyACM0", "f055:9800", "Thing", "123", ("some-board",)),
        Device("/dev/ttyUSB1", "10c4:ea60", "Thing", "123"),
    )
    assert choose_device(found) == found[0]
    # Whoever names a port means it, also one that is not on the list.
    assert choose_device(found, "/dev/ttyUSB1") == found[1]
    assert choose_device(found, "/dev/pts/99") == Device("/dev/pts/99")


def test_none_and_several_are_refused_and_listed(ports: list[SimpleNamespace]) -> None:
    with pytest.raises(NoDeviceError, match="no serial port on USB"):
        choose_device(find_devices([BOARD]))
    ports.append(usb("/dev/ttyUSB1", 0x10C4, 0xEA60))
    with pytest.raises(NoDeviceError, match="/dev/ttyUSB1 10c4:ea60 Thing"):
        choose_device(find_devices([BOARD]))
    ports += [usb("/dev/ttyACM1", 0xF055, 0x9800), usb("/dev/ttyACM0", 0xF055, 0x9800)]
    with pytest.raises(SeveralDevicesError, match=r"2 boards .*ttyACM0.*ttyACM1") as caught:
        choose_device(find_devices([BOARD]))
    assert caught.value.ports == ("/dev/ttyACM0", "/dev/ttyACM1")


def test_a_virtual_board_is_found_by_its_link_while_it_runs(
    board: VirtualBoard, tmp_path: Path, ports: list[SimpleNamespace]
) -> None:
    link, dead, file = tmp_path / "tty", tmp_path / "dead", tmp_path / "file"
    link.symlink_to(board.tty)
    dead.symlink_to("/dev/pts/no-such")
    file.write_text("")
    found = find_devices(read_boards(), [link, dead, file])
    assert [device.port for device in found] == [str(link)]
    assert choose_device(found).boards == ("virtual",)
    assert choose_device(found, board.tty).port == str(link)
    assert os.path.realpath(link) == board.tty
