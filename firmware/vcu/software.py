"""The hash of the software that runs, for the heartbeat: over the files as they lie in flash."""

import hashlib
import os

_FOLDER = 0x4000
MOST_DEPTH = 4


def digest(folders: "tuple[str, ...]") -> bytes:
    """SHA-256 over path and content of every module in and below these folders, in order of the
    paths. The same in ROMFS, in littlefs and on a computer."""
    total = hashlib.sha256()
    buffer = bytearray(512)
    for folder in folders:
        _add_folder(total, folder, "", buffer, MOST_DEPTH)
    return total.digest()


def _add_folder(
    total: "hashlib.sha256", root: str, path: str, buffer: bytearray, depth: int
) -> None:
    for name in sorted(os.listdir(root + "/" + path if path else root)):
        inner = path + "/" + name if path else name
        if os.stat(root + "/" + inner)[0] & _FOLDER:
            if depth and name != "__pycache__":
                _add_folder(total, root, inner, buffer, depth - 1)
        elif name.endswith((".py", ".mpy")):
            # The size keeps apart what ends one file and what begins the next.
            total.update(("%s %d\n" % (inner, os.stat(root + "/" + inner)[6])).encode())
            _add_file(total, root + "/" + inner, buffer)


def _add_file(total: "hashlib.sha256", path: str, buffer: bytearray) -> None:
    view = memoryview(buffer)
    with open(path, "rb") as file:
        size = file.readinto(buffer)
        while size:
            total.update(view[:size])
            size = file.readinto(buffer)
