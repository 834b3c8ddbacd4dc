"""What a virtual board is started with. Refuses sizes that it cannot have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from boards.errors import SettingsError

BLOCK_BYTES = 4096
SMALLEST_IMAGE_BYTES = 16 * BLOCK_BYTES
MOST_ROM_BYTES = 8 << 20
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20}
# Of 256 bytes of the interpreter's heap, three are its own table.
_HEAP_OF_256 = 253
_MAPPING_BYTES = 256  # the objects that stand for the mapping
# What `machine` and its like take here, in Python; a chip has them in C, in its flash.
CHIP_BYTES = 32 << 10


@dataclass(frozen=True)
class VirtualBoardSettings:
    """One board. `env` is added to the interpreter's environment, which is otherwise bare; `wires`
    lead from outputs to inputs: {"LOCK_SENSE": "LOCK"} is a bolt with its switch."""

    image: Path
    image_bytes: int = 1 << 20
    rom_bytes: int = 1 << 19
    heap: str = "224k"
    can_host: str = "127.0.0.1"
    can_port: int | None = None
    tty_link: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    wires: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.image_bytes % BLOCK_BYTES or self.image_bytes < SMALLEST_IMAGE_BYTES:
            raise SettingsError(
                f"image_bytes: {self.image_bytes} is not a multiple of {BLOCK_BYTES} "
                f"from {SMALLEST_IMAGE_BYTES} upwards"
            )
        if self.rom_bytes % (2 * BLOCK_BYTES) or not 0 <= self.rom_bytes <= MOST_ROM_BYTES:
            raise SettingsError(
                f"rom_bytes: {self.rom_bytes} is not a multiple of {2 * BLOCK_BYTES} "
                f"up to {MOST_ROM_BYTES}"
            )
        if not re.fullmatch(r"[1-9][0-9]*[kKmM]?", self.heap):
            raise SettingsError(f"heap: {self.heap!r} is not a size such as 224k")
        if self.can_port is not None and not 0 < self.can_port < 65536:
            raise SettingsError(f"can_port: {self.can_port} is not a TCP port")

    @property
    def interpreter_heap_bytes(self) -> int:
        """The board's RAM, room for the chip's own modules, and for its ROMFS partition, which the
        interpreter can only map into its heap."""
        digits = self.heap.rstrip("kKmM")
        ram = int(digits) * _UNITS[self.heap[len(digits) :].lower()] + CHIP_BYTES
        if not self.rom_bytes:
            return ram
        return ram + (self.rom_bytes + _MAPPING_BYTES) * 256 // _HEAP_OF_256

    @property
    def clock_file(self) -> Path:
        """The battery-backed clock: its offset from the host's clock, 8 bytes little endian."""
        return self.image.with_name(self.image.name + ".rtc")

    @property
    def serial_number_file(self) -> Path:
        """The chip's unique number, drawn once per board."""
        return self.image.with_name(self.image.name + ".uid")
