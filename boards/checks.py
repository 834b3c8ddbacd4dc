"""What the numbers of a board.toml must be beside each other: what lies in flash fits into it."""

from __future__ import annotations

import re
from collections.abc import Callable

from boards.schema import (
    CONTROLLERS,
    FORMS,
    LEVELS,
    PRICES,
    ROMFS,
    STATUSES,
    BoardDescription,
)

# refuse("table.key", why) raises.
Refuse = Callable[[str, str], None]

FILES_ERASE_BYTES = 4096  # docs/flash.md: each file and each copy of a pair takes a block
FILES_BYTES_LEAST = 160 * FILES_ERASE_BYTES  # a full journal is up to 96; half of it stays free
RAM_BYTES_LEAST = 128 * 1024
CRYSTALS_HZ = (20_000_000, 40_000_000)
SPI_HZ_MOST = 20_000_000  # MCP2518FD; and at most 0.85 of half its crystal
# Where a frame on the bus is seen: the receive line, or the pin that it is led to as well.
BUS_PINS = frozenset({"CAN1_RX", "CAN1_WAKE"})
_USB_ID = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}")
_VERSION = re.compile(r"\d+\.\d+")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def check_description(board: BoardDescription, refuse: Refuse) -> None:
    """Calls `refuse` with the first field that is wrong."""
    _check_words(board, refuse)
    _check_usb(board, refuse)
    _check_can(board, refuse)
    _check_memory(board, refuse)
    pins = set(board.wake.pins)
    if not (("BUTTON" in pins and pins & BUS_PINS) or board.wake.missing):
        refuse("wake.missing", "must say what does not wake the board, and why")


def _check_words(board: BoardDescription, refuse: Refuse) -> None:
    words = (
        ("status", board.status, STATUSES),
        ("price", board.price, PRICES),
        ("can.controller", board.can.controller, CONTROLLERS),
        ("can.standby_level", board.can.standby_level, LEVELS),
    )
    for key, value, allowed in words:
        if value not in allowed:
            refuse(key, f"{value!r} is not one of {', '.join(allowed)}")
    for key, value, form in (
        ("name", board.name, _NAME),
        ("interpreter.micropython", board.micropython, _VERSION),
    ):
        if form.fullmatch(value) is None:
            refuse(key, f"{value!r} is not of the form {form.pattern}")
    for key, value in (("title", board.title), ("interpreter.machine", board.machine)):
        if not value.strip():
            refuse(key, "is empty")


def _check_usb(board: BoardDescription, refuse: Refuse) -> None:
    for table, ids in (
        ("interpreter", board.interpreter.usb_ids),
        ("bootloader", board.bootloader.usb_ids),
    ):
        for one in ids:
            if _USB_ID.fullmatch(one) is None:
                refuse(f"{table}.usb_ids", f"{one!r} is not vvvv:pppp in small hexadecimal")
        if bool(ids) == (board.status == "virtual"):
            refuse(f"{table}.usb_ids", "every board but the virtual one has USB")
    if bool(board.bootloader.enter) == (board.status == "virtual"):
        refuse("bootloader.enter", "every board but the virtual one says how to enter it")


def _check_can(board: BoardDescription, refuse: Refuse) -> None:
    can = board.can
    spi = can.controller == "mcp2518fd"
    if can.number < 0:
        refuse("can.number", "is negative")
    if can.receive_frames < 3:
        refuse("can.receive_frames", "fewer than 3 frames are lost in a garbage collection")
    if (can.crystal_hz in CRYSTALS_HZ) != spi or (can.crystal_hz and not spi):
        refuse("can.crystal_hz", "is 20 or 40 MHz for an MCP2518FD, 0 for every other controller")
    if (can.rate_hz > 0) == (can.controller == "machine.CAN"):
        refuse("can.rate_hz", "is the rate of SPI or UART, 0 for machine.CAN")
    if spi and can.rate_hz > min(SPI_HZ_MOST, can.crystal_hz * 85 // 200):
        refuse("can.rate_hz", "is more than 20 MHz, or than 0.85 of half the crystal")
    if not can.transceiver:
        refuse("can.transceiver", "is empty")


def _check_memory(board: BoardDescription, refuse: Refuse) -> None:
    chip, application, files = board.chip, board.application, board.files
    if chip.ram_bytes < RAM_BYTES_LEAST:
        refuse("chip.ram_bytes", f"is less than {RAM_BYTES_LEAST}")
    if application.form not in FORMS:
        refuse("application.form", "is not 1 (ROMFS) or 2 (two folders on littlefs)")
    if files.erase_bytes != FILES_ERASE_BYTES:
        refuse("files.erase_bytes", f"is not {FILES_ERASE_BYTES} (docs/flash.md)")
    if files.bytes % files.erase_bytes:
        refuse("files.bytes", f"is not a multiple of {files.erase_bytes}")
    inside = files.bytes
    if application.form == ROMFS:
        inside = 0
        if application.erase_bytes < 1 or application.room_bytes % (2 * application.erase_bytes):
            refuse("application.room_bytes", "is not two slots of whole erase blocks")
    elif application.erase_bytes != files.erase_bytes:
        refuse("application.erase_bytes", "is not that of the files it lies beside")
    left = files.bytes - (application.room_bytes if inside else 0)
    if left < FILES_BYTES_LEAST:
        refuse("files.bytes", f"leaves {left} for the files, less than {FILES_BYTES_LEAST}")
    taken = files.bytes + (application.room_bytes if application.form == ROMFS else 0)
    if taken > chip.flash_bytes:
        refuse("chip.flash_bytes", f"is less than files and application need, {taken}")
