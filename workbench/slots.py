"""The two halves of a board's ROMFS partition: one runs, the other is written. Over the raw REPL.

Written in the order: erase, all but the first block, then the first block, which holds the seal.
Until that is whole the board goes on with the other half (firmware/boot.py).
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator

from workbench import stream
from workbench.checked import Checked, over
from workbench.errors import ApplicationError, DeviceError, ImageError, ReplyError, VerifyError
from workbench.raw_repl import RawRepl
from workbench.romfs import HEAD_BYTES, Sealed, decode_seal, read_seal
from workbench.stream import Stream

SLOTS = (0, 1)
CHUNK_BYTES = 2048
_ALIGNED_BYTES = 32  # the widest word that flash of these chips is written in
_MARK_BYTES = 8
_ERASED = b"\xff"

_HELPERS = """
import vfs, hashlib
_rom, _block = vfs.rom_ioctl(2, 0), vfs.rom_ioctl(6, 0)
def _io(*arguments):
    code = vfs.rom_ioctl(*arguments)
    if code < 0:
        raise OSError(-code)
def _rom_hash(begin, end):
    return binascii.hexlify(hashlib.sha256(_rom[begin:end]).digest()).decode()
def _marks(begin, end):
    for at in range(begin, end, _block):
        print(_rom_hash(at, min(at + _block, end))[:16], end='')
def _write(at, data):
    if at % _block == 0:
        _io(3, 0, at, _block)
    _io(4, 0, at, data)
print(len(_rom), _block)
"""


class Slots:
    """The board behind `link`, which must be in the raw REPL with the application held back."""

    def __init__(self, link: RawRepl | Checked, *, streams: bool = True) -> None:
        """Raises ApplicationError where the board has no such partition. `streams` False: each
        block is asked for by itself, for a line that holds nothing back."""
        self._checked = over(link)
        self._port = link.port
        inflates = self._checked.add(stream.HELPERS).strip() == b"1"
        try:
            size, self.block_bytes = _numbers(self._checked.add(_HELPERS), 2)
        except DeviceError as error:
            raise ApplicationError(f"{self._port}: no ROMFS partition: {error}") from error
        if self.block_bytes <= 0 or size < 2 * self.block_bytes:
            raise ApplicationError(f"{self._port}: a ROMFS partition of {size} bytes")
        self.slot_bytes = size // 2 // self.block_bytes * self.block_bytes
        self.stream = Stream(self._checked, "_write", inflates=inflates) if streams else None

    def sealed(self, number: int) -> Sealed | None:
        """What lies in the slot, its hash compared; None where nothing does that would run."""
        begin = number * self.slot_bytes
        head = _octets(
            self._exec(f"print(binascii.hexlify(_rom[{begin}:{begin + HEAD_BYTES}]).decode())")
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

    def body_of(self, image: bytes) -> bytes:
        """What is sealed once this image lies there."""
        return read_seal(image).body

    def clear(self, number: int) -> None:
        """Afterwards the slot is no application."""
        self._exec(f"_io(3, 0, {number * self.slot_bytes}, _block)")

    def write(self, number: int, image: bytes, progress: Callable[[int], None]) -> None:
        """`progress` gets the bytes that are there so far: blocks that were there already are not
        written again. Afterwards the slot holds the image."""
        if len(image) > self.slot_bytes:
            raise ApplicationError(
                f"{self._port}: {len(image)} bytes do not fit a slot of {self.slot_bytes}"
            )
        begin, first = number * self.slot_bytes, image[: self.block_bytes]
        # 1. The seal goes first: from here on the slot is no application.
        self.clear(number)
        # 2. Everything but the first block.
        at = begin + self.block_bytes
        rest = image[self.block_bytes :]
        self._write_blocks(at, rest, progress)
        if self._hash(at, at + len(rest)) != hashlib.sha256(rest).digest():
            raise VerifyError(f"slot {number}: the board read back something else")
        # 3. The seal. Power goes before: the slot is no application. After: it is the new one.
        progress(len(rest))
        self._send([(begin, first)], lambda done: None)
        if self._hash(begin, begin + len(image)) != hashlib.sha256(image).digest():
            raise VerifyError(f"slot {number}: the board read back something else")

    def _write_blocks(self, begin: int, data: bytes, progress: Callable[[int], None]) -> None:
        blocks = list(_pieces(begin, data, self.block_bytes))
        marks = _octets(self._exec(f"_marks({begin}, {begin + len(data)})"))
        other = [
            block
            for number, block in enumerate(blocks)
            if marks[number * _MARK_BYTES : (number + 1) * _MARK_BYTES] != _mark(block[1])
        ]
        there = len(data) - sum(len(piece) for _, piece in other)
        progress(there)
        self._send(other, lambda done: progress(there + done))

    def _send(self, blocks: list[tuple[int, bytes]], progress: Callable[[int], None]) -> None:
        """Whole blocks of the flash, each erased before it is written."""
        pieces = [
            (at, piece + _ERASED * (-len(piece) % _ALIGNED_BYTES))
            for block in blocks
            for at, piece in _pieces(*block, min(self.block_bytes, stream.BLOCK_BYTES))
        ]
        sizes = [len(piece) for _, piece in pieces]
        taken = 0
        if self.stream is not None and pieces:
            taken = self.stream.send(
                pieces,
                lambda done: progress(sum(sizes[:done])),
                lambda done: self._begin_of_block(pieces, done),
            )
        for number in range(self._begin_of_block(pieces, taken), len(pieces)):
            progress(sum(sizes[:number]))
            for at, piece in _pieces(*pieces[number], CHUNK_BYTES):
                text = b64encode(piece).decode()
                self._exec(f"_write({at}, binascii.a2b_base64('{text}'))")

    def _begin_of_block(self, pieces: list[tuple[int, bytes]], number: int) -> int:
        """A block that was begun is erased again."""
        while 0 < number < len(pieces) and pieces[number][0] % self.block_bytes:
            number -= 1
        return number

    def _exec(self, code: str) -> bytes:
        return self._checked.exec(code)

    def _hash(self, begin: int, end: int) -> bytes:
        return _octets(self._exec(f"print(_rom_hash({begin}, {end}))"))


def _pieces(begin: int, data: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    for at in range(0, len(data), size):
        yield begin + at, data[at : at + size]


def _mark(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:_MARK_BYTES]


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
