"""What a board.toml says: one schema for every board. Read by description.py."""

from __future__ import annotations

from dataclasses import dataclass

# reference: what everything is laid out for; cheap; minimum: the least that carries a vehicle;
# preview: waits for somebody else's software; virtual: no hardware.
STATUSES = ("reference", "cheap", "minimum", "preview", "virtual")
PRICES = ("none", "low", "middle", "high")
CONTROLLERS = ("machine.CAN", "mcp2518fd", "slcan")
LEVELS = ("high", "low")
ROMFS, TWO_FOLDERS = 1, 2
FORMS = (ROMFS, TWO_FOLDERS)


@dataclass(frozen=True)
class Chip:
    """`package` is a file of boards/parts/, or "" for the virtual board."""

    mcu: str
    package: str
    ram_bytes: int
    flash_bytes: int


@dataclass(frozen=True)
class Interpreter:
    """MicroPython. `micropython` is the least version; `machine` is how the text of
    `sys.implementation._machine` begins; `port` and `definition` are MicroPython's folders that the
    board's own files are built on ("" where there is none)."""

    micropython: str
    machine: str
    port: str
    definition: str
    usb_ids: tuple[str, ...]


@dataclass(frozen=True)
class Bootloader:
    """`enter` are a person's steps; `touch_1200`: opening the port at 1,200 baud enters it, too."""

    name: str
    usb_ids: tuple[str, ...]
    touch_1200: bool
    enter: tuple[str, ...]


@dataclass(frozen=True)
class Can:
    """`number` and `rate_hz` are those of machine.CAN (rate 0), SPI or UART (its baud rate);
    `crystal_hz` is an MCP2518FD's, else 0. `standby_level` puts the transceiver into standby."""

    controller: str
    number: int
    rate_hz: int
    crystal_hz: int
    receive_frames: int
    transceiver: str
    standby_level: str


@dataclass(frozen=True)
class Application:
    """`form` 1: two slots of a ROMFS partition of `room_bytes`; 2: two folders on littlefs, which
    may take `room_bytes` of it together. `erase_bytes` is what is erased at a time."""

    form: int
    device: str
    room_bytes: int
    erase_bytes: int


@dataclass(frozen=True)
class Files:
    """littlefs: on which device, how large, and how much is erased at a time."""

    device: str
    bytes: int
    erase_bytes: int


@dataclass(frozen=True)
class Wake:
    """`pins` (names of pins.csv) lie where the chip can be woken; `missing` says what of button and
    bus ("" for nothing) wakes the vehicle not or not yet, and why."""

    pins: tuple[str, ...]
    missing: str


@dataclass(frozen=True)
class BoardDescription:
    """`radio` is "" where there is none; `reserved` are pins that the board itself needs, by what
    needs them."""

    name: str
    title: str
    status: str
    price: str
    radio: str
    chip: Chip
    interpreter: Interpreter
    bootloader: Bootloader
    can: Can
    application: Application
    files: Files
    wake: Wake
    reserved: dict[str, tuple[str, ...]]

    @property
    def usb_ids(self) -> tuple[str, ...]:
        """Of the running MicroPython, "vvvv:pppp" in small hexadecimal."""
        return self.interpreter.usb_ids

    @property
    def micropython(self) -> str:
        return self.interpreter.micropython

    @property
    def machine(self) -> str:
        return self.interpreter.machine
