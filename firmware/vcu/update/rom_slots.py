"""The slot of the ROMFS partition that does not run: written, compared, sealed at last.

The first bytes, which hold the seal, are kept back until everything else lies in flash as it was
signed. Methods raise OSError where flash does not take something.
"""

import hashlib

import vfs
from protocol import release

from vcu.update import seals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

PIECE_BYTES = 1_024
_ALIGNED_BYTES = 32  # the widest word that flash of these chips is written in
_EIO = 5


class RomSlots:
    """`running` is 0 or 1, as boot.py said."""

    form = release.ROMFS

    def __init__(self, running: int) -> None:
        self._memory: Any = vfs.rom_ioctl(2, 0)
        self._block = vfs.rom_ioctl(6, 0)
        self.capacity = len(self._memory) // 2 // self._block * self._block
        self._running = running * self.capacity
        self._begin = (1 - running) * self.capacity
        self._size = self._at = 0
        self._first = b""

    def running(self) -> bytes:
        """The seal of the application that runs."""
        return self._seal(self._running)

    def clear(self) -> None:
        """What lies in the other slot is no application any more."""
        self._erase(self._begin)

    def open(self, size: int) -> None:
        """Begin to write an image of this size."""
        self._size, self._at, self._first = size, 0, b""

    def wants(self) -> int:
        """How many bytes to give to `take` next; 0: it has all."""
        # To the next whole piece, so that no piece crosses into another block.
        end = (self._at // PIECE_BYTES + 1) * PIECE_BYTES if self._at else seals.FIRST_BYTES
        return min(end, self._size) - self._at

    def take(self, data: bytes) -> "Iterator[None]":
        """Yields between what takes long."""
        begin = self._begin + self._at
        if not self._at:
            self._first = data
            # Upwards: the first block goes first, and with it whatever seal was there.
            self._erase(begin)
        elif begin % self._block == 0:
            self._erase(begin)
        yield
        if self._at:
            self._write(begin, data)
        self._at += len(data)

    def check(self) -> "Any":
        """Returns the SHA-256 of what lies in flash, behind the bytes that are kept back."""
        total = hashlib.sha256(self._first)
        end = self._begin + self._size
        for at in range(self._begin + len(self._first), end, PIECE_BYTES):
            total.update(self._memory[at : min(at + PIECE_BYTES, end)])
            yield
        return total.digest()

    def abandon(self) -> None:
        """It is not finished: without its seal it is nothing."""

    def prepare(self) -> bytes:
        """The name of the seal that `seal` will write; empty if the image has none."""
        at = seals.find(self._first)
        if not at:
            return b""
        there = [seals.number(found) for found in (self._seal(0), self._seal(self.capacity))]
        self._first = seals.renumbered(self._first, at, max(there) + 1)
        return seals.name(self._first[at : at + seals.SEAL_BYTES])

    def seal(self) -> None:
        """Power goes before: the other application runs. After: this one."""
        self._write(self._begin, self._first)

    def _seal(self, begin: int) -> bytes:
        # Of what boot.py would look at; a seal of zeros where there is none.
        first = bytes(self._memory[begin : begin + seals.FIRST_BYTES])
        at = seals.find(first)
        return first[at : at + seals.SEAL_BYTES] if at else bytes(seals.SEAL_BYTES)

    def _erase(self, at: int) -> None:
        _need(vfs.rom_ioctl(3, 0, at, self._block) >= 0)

    def _write(self, at: int, data: bytes) -> None:
        # What is read back decides, whatever the flash said.
        padded = data + b"\xff" * (-len(data) % _ALIGNED_BYTES)
        vfs.rom_ioctl(4, 0, at, padded)
        _need(self._memory[at : at + len(data)] == data)


def _need(good: bool) -> None:
    if not good:
        raise OSError(_EIO)
