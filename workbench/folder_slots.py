"""The two folders `slot0` and `slot1` of a board without a ROMFS partition: one runs, the other is
written. Over the raw REPL, as slots.py for a partition.

Written in the order: the seal goes, the files, their hash is compared, the seal comes. Until then
the board goes on with the other folder (firmware/boot.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from workbench.checked import Checked
from workbench.errors import NoSuchFileError, VerifyError
from workbench.files import BoardFiles
from workbench.romfs import Sealed, decode_bare_seal, make_seal, read_files, read_seal

# As boot.py does: path and size of every file in order, and what is in it.
_HELPERS = """
import os, hashlib
def _add_tree(total, root, path, buffer):
    for name in sorted(os.listdir(root + path)):
        inner = path + '/' + name
        status = os.stat(root + inner)
        if status[0] & 0x4000:
            _add_tree(total, root, inner, buffer)
            continue
        total.update(('%s %d\\n' % (inner, status[6])).encode())
        with open(root + inner, 'rb') as file:
            while size := file.readinto(buffer):
                total.update(memoryview(buffer)[:size])
def _folder_hash(root):
    total = hashlib.sha256()
    _add_tree(total, root, '', bytearray(512))
    return binascii.hexlify(total.digest()).decode()
"""


class FolderSlots:
    """The board behind `checked`, with the application held back; `files` are its own."""

    def __init__(self, checked: Checked, files: BoardFiles) -> None:
        self._checked, self._files = checked, files
        self._checked.add(_HELPERS)
        self.slot_bytes = 0  # littlefs says when it is full

    def sealed(self, number: int) -> Sealed | None:
        """What lies in the folder, its hash compared; None where nothing does that would run."""
        try:
            sealed = decode_bare_seal(self._files.read(_seal_of(number)))
            found = self._hash(number)
        except NoSuchFileError:
            return None
        return sealed if sealed is not None and found == sealed.body else None

    def body_of(self, image: bytes) -> bytes:
        """What is sealed once the files of this image lie there."""
        return tree_hash(read_files(image))

    def clear(self, number: int) -> None:
        """Afterwards the folder is no application."""
        if self._files.exists(_seal_of(number)):
            self._files.remove(_seal_of(number))

    def write(self, number: int, image: bytes, progress: Callable[[int], None]) -> None:
        """`progress` gets the bytes that are there so far: a file that was there already is not
        written again. Afterwards the folder holds the files of the image, and its seal."""
        files, root = read_files(image), f"slot{number}"
        # 1. The seal goes: from here on the folder is no application.
        self.clear(number)
        # 2. The files, and none besides.
        there = self._files.hashes(root)
        done = 0
        for path, data in sorted(files.items()):
            progress(done)
            name = f"{root}/{path}"
            if there.pop(name, b"") != hashlib.sha256(data).digest():
                self._files.write(name, data)
            done += len(data)
        for name in there:
            self._files.remove(name)
        if self._hash(number) != tree_hash(files):
            raise VerifyError(f"slot {number}: the board read back something else")
        # 3. The seal. Power goes before: the folder is no application. After: it is the new one.
        progress(done)
        self._files.write(_seal_of(number), make_seal(read_seal(image).sequence, tree_hash(files)))

    def _hash(self, number: int) -> bytes:
        # A folder that is not there raises NoSuchFileError.
        return bytes.fromhex(self._checked.exec(f"print(_folder_hash('slot{number}'))").decode())


def _seal_of(number: int) -> str:
    return f"slot{number}.seal"


def tree_hash(files: Mapping[str, bytes]) -> bytes:
    """SHA-256 over the paths, sizes and contents, folder by folder in order of the names."""
    total = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.split("/")):
        total.update(f"/{path} {len(files[path])}\n".encode() + files[path])
    return total.digest()
