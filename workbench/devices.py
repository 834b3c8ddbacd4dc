"""Which serial ports could be a board: by the USB numbers of boards/*/board.toml.

Virtual boards have no USB; they are named by the link to their terminal.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

import boards
from boards.description import BoardDescription, read_description
from workbench.errors import NoDeviceError, SeveralDevicesError

BOARDS = Path(boards.__file__).parent


@dataclass(frozen=True)
class Device:
    """A serial port. `usb_id` is "vvvv:pppp" in small hexadecimal, or empty; `boards` are those
    whose description has this number, which several may share."""

    port: str
    usb_id: str = ""
    product: str = ""
    serial_number: str = ""
    boards: tuple[str, ...] = ()

    def __str__(self) -> str:
        known = " or ".join(self.boards)
        return " ".join(
            part for part in (self.port, self.usb_id, known or self.product or "unknown") if part
        )


def read_boards(folder: Path = BOARDS) -> tuple[BoardDescription, ...]:
    """Every board's description. Raises boards.errors.DescriptionError."""
    return tuple(read_description(path.parent) for path in sorted(folder.glob("*/board.toml")))


def find_devices(
    known: Sequence[BoardDescription], links: Iterable[Path] = ()
) -> tuple[Device, ...]:
    """Every serial port of this computer that is on USB, and the virtual boards whose terminals
    `links` name and that run. Opens none of them."""
    found = [
        _device(port.device, port.vid, port.pid, port.product, port.serial_number, known)
        for port in list_ports.comports()
        if port.vid is not None
    ]
    found += [Device(str(link), product="virtual board", boards=("virtual",)) for link in links
              if _is_terminal(link)]  # fmt: skip
    return tuple(sorted(found, key=lambda device: device.port))


def choose_device(devices: Sequence[Device], port: str | None = None) -> Device:
    """The device at `port`, or the only one that is a board. Raises NoDeviceError and
    SeveralDevicesError, which list what is there."""
    if port is not None:
        at_port = [device for device in devices if _same(device.port, port)]
        return at_port[0] if at_port else Device(port)
    candidates = [device for device in devices if device.boards]
    if not candidates:
        seen = "; ".join(map(str, devices)) or "no serial port on USB"
        raise NoDeviceError(f"no board found; seen: {seen}")
    if len(candidates) > 1:
        ports = tuple(device.port for device in candidates)
        listed = "; ".join(map(str, candidates))
        raise SeveralDevicesError(f"{len(candidates)} boards are connected: {listed}", ports)
    return candidates[0]


def _device(
    port: str,
    vendor: int,
    product: int,
    text: str | None,
    serial_number: str | None,
    known: Sequence[BoardDescription],
) -> Device:
    usb_id = f"{vendor:04x}:{product:04x}"
    names = tuple(board.name for board in known if usb_id in board.usb_ids)
    return Device(port, usb_id, text or "", serial_number or "", names)


def _is_terminal(path: Path) -> bool:
    try:
        return path.resolve(strict=True).is_char_device()
    except OSError:
        return False


def _same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
