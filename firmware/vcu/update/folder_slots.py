"""The folder of littlefs that does not run, slot0 or slot1, where a board has no ROMFS partition.

The content is the same image; its files are unpacked as they come, and compared as they lie there.
The file slotN.seal comes last. Methods raise OSError where flash does not take something.
"""

import hashlib
import os

from protocol import release

from vcu.flash import files
from vcu.update import seals
from vcu.update.unpack import Unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

PIECE_BYTES = 1_024
_FOLDER = 0x4000
_MOST_BYTES = 1 << 20


class FolderSlots:
    """`running` is 0 or 1, as boot.py said; `root` is "" or ends with a slash."""

    form = release.FOLDERS
    capacity = _MOST_BYTES  # littlefs says when it is full

    def __init__(self, running: int, root: str = "") -> None:
        self._path = root + "slot%d" % (1 - running)
        self._seals = (root + "slot%d.seal" % running, self._path + ".seal")
        self._size = self._at = 0
        self._made = b""
        self._total: Any = None
        self._unpack: Any = None

    def running(self) -> bytes:
        """The seal of the application that runs."""
        return self._seal(0)

    def clear(self) -> None:
        """What lies in the other slot is no application any more."""
        files.remove(self._seals[1])

    def open(self, size: int) -> None:
        """Begin to write an image of this size."""
        self._size, self._at = size, 0
        self._total = hashlib.sha256()
        self._unpack = Unpack(self._path, size)

    def wants(self) -> int:
        """How many bytes to give to `take` next; 0: it has all."""
        return min(PIECE_BYTES, self._size - self._at)

    def take(self, data: bytes) -> "Iterator[None]":
        """Yields between what takes long."""
        if not self._at:
            self.clear()
            yield from _emptied(self._path)
        self._total.update(data)
        self._at += len(data)
        yield from self._unpack.take(data)

    def check(self) -> "Any":
        """Returns the SHA-256 of the content, or nothing if other files lie in flash."""
        self._unpack.close()
        total = hashlib.sha256()
        yield from _add_folder(total, self._path, "")
        self._made = total.digest()
        return self._total.digest() if self._made == self._unpack.digest() else b""

    def abandon(self) -> None:
        """It is not finished; no file stays open."""
        if self._unpack is not None:
            self._unpack.close()

    def prepare(self) -> bytes:
        """The name of the seal that `seal` will write."""
        there = [seals.number(self._seal(place)) for place in (0, 1)]
        self._made = seals.make(max(there) + 1, self._made)
        return seals.name(self._made)

    def seal(self) -> None:
        """Power goes before: the other application runs. After: this one."""
        files.write(self._seals[1], self._made)

    def _seal(self, place: int) -> bytes:
        try:
            found = files.read(self._seals[place], seals.SEAL_BYTES) or b""
        except OSError:
            found = b""
        return found if seals.is_whole(found) else bytes(seals.SEAL_BYTES)


def _add_folder(total: "hashlib.sha256", root: str, path: str) -> "Iterator[None]":
    # As boot.py does.
    for name in sorted(os.listdir(root + path)):
        inner = path + "/" + name
        status = os.stat(root + inner)
        if status[0] & _FOLDER:
            yield from _add_folder(total, root, inner)
            continue
        total.update(("%s %d\n" % (inner, status[6])).encode())
        with open(root + inner, "rb") as file:
            data = file.read(PIECE_BYTES)
            while data:
                total.update(data)
                yield
                data = file.read(PIECE_BYTES)


def _emptied(path: str) -> "Iterator[None]":
    """Afterwards there is an empty folder."""
    if not files.exists(path):
        os.mkdir(path)
        return
    for name in os.listdir(path):
        inner = path + "/" + name
        if os.stat(inner)[0] & _FOLDER:
            yield from _emptied(inner)
            os.rmdir(inner)
        else:
            files.remove(inner)
        yield
