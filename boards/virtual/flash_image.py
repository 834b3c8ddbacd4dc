"""The files that make a board itself: flash image, battery-backed clock, unique number.

Refuses an image of another size than the settings say, and one that another board has open.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import struct
from pathlib import Path

from boards.errors import ImageError
from boards.virtual.settings import BLOCK_BYTES, VirtualBoardSettings

UNIQUE_ID_BYTES = 12
_CLOCK = struct.Struct("<q")


def open_image(settings: VirtualBoardSettings) -> int:
    """Opens the flash, blank where it is new; returns a descriptor that holds the board's lock."""
    settings.image.parent.mkdir(parents=True, exist_ok=True)
    image = os.open(settings.image, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(image, settings.image)
        _fill(image, settings)
    except BaseException:
        os.close(image)
        raise
    return image


def open_clock(settings: VirtualBoardSettings) -> int:
    return os.open(settings.clock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def set_clock_offset(clock: int, seconds: int) -> None:
    os.pwrite(clock, _CLOCK.pack(seconds), 0)


def unique_id(settings: VirtualBoardSettings) -> bytes:
    """Twelve bytes, as on the STM32 family, drawn when the board is made."""
    path = settings.serial_number_file
    if not path.exists():
        path.write_bytes(secrets.token_bytes(UNIQUE_ID_BYTES))
    number = path.read_bytes()
    if len(number) != UNIQUE_ID_BYTES:
        raise ImageError(f"{path}: {len(number)} bytes instead of {UNIQUE_ID_BYTES}")
    return number


def _lock(image: int, path: Path) -> None:
    try:
        fcntl.flock(image, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ImageError(f"{path}: in use by another board") from error


def _fill(image: int, settings: VirtualBoardSettings) -> None:
    size = os.fstat(image).st_size
    total = settings.image_bytes + settings.rom_bytes
    # A board from before it had a ROMFS partition gets a blank one.
    if size not in (0, settings.image_bytes, total):
        raise ImageError(f"{settings.image}: {size} bytes instead of {total}")
    for offset in range(size, total, BLOCK_BYTES):
        os.pwrite(image, b"\xff" * BLOCK_BYTES, offset)
