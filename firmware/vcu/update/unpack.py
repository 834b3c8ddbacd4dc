"""Files out of a ROMFS image that comes in pieces, for boards that cannot map one.

Nothing is believed of it but what `digest` covers and who signed it; what leads out of the folder,
or is no image as the workbench builds it, raises DecodeError.
"""

import hashlib
import os

from protocol.errors import DecodeError

from vcu.flash import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

_COMMENT, _VERBATIM, _FOLDER, _FILE = 1, 2, 4, 5
_PIECE_BYTES = 512
_MOST_DEPTH = 8
_MOST_NAME = 64


class Unpack:
    """Into the folder `path`, which is there; the image has `size` bytes."""

    def __init__(self, path: str, size: int) -> None:
        self._path = path
        self._end = size
        self._at = 0
        self._hash = hashlib.sha256()
        self._stash = b""
        self._steps: Any = self._image()
        self._wanted = next(self._steps)

    def take(self, data: bytes) -> "Iterator[None]":
        """Yields between what takes long."""
        at = 0
        while at < len(data):
            if self._steps is None:
                raise DecodeError("trailing-bytes", "image")
            piece = data[at : at + self._wanted - len(self._stash)]
            at += len(piece)
            self._stash += piece
            if len(self._stash) == self._wanted:
                yield from self._advance()

    def _advance(self) -> "Iterator[None]":
        piece, self._stash = self._stash, b""
        self._at += len(piece)
        try:
            self._wanted = self._steps.send(piece)
        except StopIteration:
            self._steps = None
        if len(piece) > _MOST_NAME:
            yield

    def close(self) -> None:
        """Whether it is whole or not: no file stays open."""
        if self._steps is not None:
            self._steps.close()
            self._steps = None

    def digest(self) -> bytes:
        """SHA-256 over path, size and content of every file, in the order of the image."""
        return self._hash.digest()

    def _image(self) -> "Any":
        head = yield 3
        size = yield from _number()
        # An image has an even number of bytes, and its size may be written with a zero more.
        if head != b"\xd2\xcd\x31" or self._at + size != self._end:
            raise DecodeError("image", "head")
        yield from self._folder("", self._end, 0)

    def _folder(self, path: str, end: int, depth: int) -> "Any":
        while self._at < end:
            kind, inner = yield from self._record(end)
            if kind == _COMMENT and not depth:
                while self._at < inner:
                    yield min(inner - self._at, _MOST_NAME)
            elif kind == _FOLDER and depth < _MOST_DEPTH:
                name = yield from _name()
                if not files.exists(self._path + path + "/" + name):
                    os.mkdir(self._path + path + "/" + name)
                yield from self._folder(path + "/" + name, inner, depth + 1)
            elif kind == _FILE:
                name = yield from _name()
                yield from self._file(path + "/" + name, inner)
            else:
                raise DecodeError("image", "record")
        if self._at != end:
            raise DecodeError("image", "size")

    def _file(self, path: str, end: int) -> "Any":
        kind, inner = yield from self._record(end)
        if kind != _VERBATIM or inner != end:
            raise DecodeError("image", "file")
        self._hash.update(("%s %d\n" % (path, end - self._at)).encode())
        with open(self._path + path, "wb") as file:
            while self._at < end:
                data = yield min(end - self._at, _PIECE_BYTES)
                self._hash.update(data)
                file.write(data)

    def _record(self, end: int) -> "Any":
        kind = yield from _number()
        size = yield from _number()
        if self._at + size > end:
            raise DecodeError("image", "record")
        return kind, self._at + size


def _number() -> "Any":
    # Seven bits a byte, the highest first.
    value = 0
    for _ in range(5):
        byte = (yield 1)[0]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value
    raise DecodeError("image", "number")


def _name() -> "Any":
    size = yield from _number()
    if not 0 < size <= _MOST_NAME:
        raise DecodeError("image", "name")
    name = yield size
    return checked(name)


def checked(name: bytes) -> str:
    """A name of one file or folder. Raises DecodeError for what leads elsewhere."""
    for letter in name:
        word = 48 <= letter <= 57 or 65 <= letter <= 90 or 97 <= letter <= 122
        if not word and letter not in b"_.-":
            raise DecodeError("image", "name")
    if name[:1] == b".":
        raise DecodeError("image", "name")
    return name.decode()
