"""The two halves of a board's ROMFS partition: one runs, the other is written. Over the raw REPL.

Written in the order: erase, all but the first block, then the first block, which holds the seal.
Until that is whole the board goes on with the other half (firmware/boot.py).
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable

from workbench.errors import ApplicationError, DeviceError, ImageError, ReplyError, VerifyError
from workbench.raw_repl import RawRepl
from workbench.romfs import HEAD_BYTES, Sealed, decode_seal

SLOTS = (0, 1)
CHUNK_BYTES = 2048
# Of one block or several, so that erasing them stays below the time that an answer may take.
ERASE_BYTES = 1 << 15
_ALIGNED_BYTES = 32  # the widest word that flash of these chips is written in
_ERASED = b"\xff"

_HELPERS = """
import vfs, binascii, hashlib
_rom = vfs.rom_ioctl(2, 0)
def _io(*arguments):
    code = vfs.rom_ioctl(*arguments)
    if code < 0:
        raise OSError(-code)
def _rom_hash(begin, end):
    return binascii.hexlify(hashlib.sha256(_rom[begin:end]).digest()).decode()
print(len(_rom), vfs.rom_ioctl(6, 0))
"""


class Slots:
    """The board behind `repl`, which must be in the raw REPL with the application held back."""

    def __init__(self, repl: RawRepl) -> None:
        """Raises ApplicationError where the board has no such partition."""
        self._repl = repl
        try:
            size, self.block_bytes = _numbers(repl.exec(_HELPERS), 2)
        except DeviceError as error:
            raise ApplicationError(f"{repl.port}: no ROMFS partition: {error}") from error
        if self.block_bytes <= 0 or size < 2 * self.block_bytes:
            raise ApplicationError(f"{repl.port}: a ROMFS partition of {size} bytes")
        self.slot_bytes = size // 2 // self.block_bytes * self.block_bytes

    def sealed(self, number: int) -> Sealed | None:
        """What lies in the slot, its hash compared; None where nothing does that would run."""
        begin = number * self.slot_bytes
        head = _octets(
            self._repl.exec(f"print(binascii.hexlify(_rom[{begin}:{begin + HEAD_BYTES}]).decode())")
        )
        try:
            sealed, body = decode_seal(head)
        except ImageError:
            return None
        if sealed.image_bytes > self.slot_bytes:
            return None
        return (
            sealed if self._hash(begin + body, begin + sealed.image_bytes) == sealed.body else None
        )

    def write(self, number: int, image: bytes, progress: Callable[[int], None]) -> None:
        """`progress` gets the bytes written so far. Afterwards the slot holds the image."""
        if len(image) > self.slot_bytes:
            raise ApplicationError(
                f"{self._repl.port}: {len(image)} bytes do not fit a slot of {self.slot_bytes}"
            )
        begin = number * self.slot_bytes
        self._erase(begin, len(image))
        first, rest = image[: self.block_bytes], image[self.block_bytes :]
        at = begin + self.block_bytes
        self._write(at, rest, progress)
        if self._hash(at, at + len(rest)) != hashlib.sha256(rest).digest():
            raise VerifyError(f"slot {number}: the board read back something else")
        # Power goes before the next line: the slot is no application. After it: it is the new one.
        self._write(begin, first, lambda done: progress(len(rest) + done))
        if self._hash(begin, begin + len(image)) != hashlib.sha256(image).digest():
            raise VerifyError(f"slot {number}: the board read back something else")

    def _erase(self, begin: int, size: int) -> None:
        whole = -(-size // self.block_bytes) * self.block_bytes
        step = max(self.block_bytes, ERASE_BYTES // self.block_bytes * self.block_bytes)
        # Upwards: the first block goes first, and with it whatever seal was there.
        for at in range(0, whole, step):
            self._repl.exec(f"_io(3, 0, {begin + at}, {min(step, whole - at)})")

    def _write(self, begin: int, data: bytes, progress: Callable[[int], None]) -> None:
        for at in range(0, len(data), CHUNK_BYTES):
            progress(at)
            piece = data[at : at + CHUNK_BYTES]
            piece += _ERASED * (-len(piece) % _ALIGNED_BYTES)
            text = b64encode(piece).decode()
            self._repl.exec(f"_io(4, 0, {begin + at}, binascii.a2b_base64('{text}'))")

    def _hash(self, begin: int, end: int) -> bytes:
        return _octets(self._repl.exec(f"print(_rom_hash({begin}, {end}))"))


def _octets(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError as error:
        raise ReplyError(f"{text[:80]!r} is not hexadecimal") from error


def _numbers(text: bytes, count: int) -> list[int]:
    try:
        numbers = [int(word) for word in text.split()]
    except ValueError as error:
        raise ReplyError(f"{text[:80]!r} is not {count} numbers") from error
    if len(numbers) != count:
        raise ReplyError(f"{text[:80]!r} is not {count} numbers")
    return numbers
