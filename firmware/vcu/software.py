"""The hash of the software that runs, for the heartbeat: over the files as they lie on flash."""

import hashlib
import os


def digest(folders: tuple) -> bytes:
    """SHA-256 over name and content of every file in these folders and below them, in order."""
    total = hashlib.sha256()
    buffer = bytearray(512)
    view = memoryview(buffer)
    for folder in folders:
        _add_folder(total, folder, buffer, view)
    return total.digest()


def _add_folder(total, folder: str, buffer: bytearray, view) -> None:
    for name in sorted(os.listdir(folder)):
        path = folder + "/" + name
        if name.endswith((".py", ".mpy")):
            total.update(name.encode())
            _add_file(total, path, buffer, view)
        elif _is_folder(path):
            _add_folder(total, path, buffer, view)


def _is_folder(path: str) -> bool:
    return os.stat(path)[0] & 0xF000 == 0x4000


def _add_file(total, path: str, buffer: bytearray, view) -> None:
    with open(path, "rb") as file:
        size = file.readinto(buffer)
        while size:
            total.update(view[:size])
            size = file.readinto(buffer)
