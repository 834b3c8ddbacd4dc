"""How often the application was started without coming to run well: one small file, and no imports
of the application, because it is asked before the application loads.

The file `crashes` has two bytes: the count, and the count with all bits turned over.
"""

import os

MOST = 255
_FILE = "crashes"


def count(folder: str = "") -> int:
    """Starts since the application last ran well. A damaged file counts as 0, see is_damaged."""
    data = _read(folder)
    return data[0] if data is not None and _is_whole(data) else 0


def is_damaged(folder: str = "") -> bool:
    """Is there a file that says nothing?"""
    data = _read(folder)
    return data is not None and not _is_whole(data)


def begin(folder: str = "") -> bool:
    """Count this start, before the application loads. False: flash did not take it."""
    return _write(folder, min(count(folder) + 1, MOST))


def settled(folder: str = "") -> bool:
    """It has run well for a while. False: flash did not take it; call again later."""
    data = _read(folder)
    if data is None or data == b"\x00\xff":
        return True
    return _write(folder, 0)


def _is_whole(data: bytes) -> bool:
    return len(data) == 2 and data[0] ^ data[1] == 0xFF


def _read(folder: str) -> "bytes | None":
    try:
        with open(folder + _FILE, "rb") as file:
            return file.read(3)
    except OSError:
        return None


def _write(folder: str, number: int) -> bool:
    # A new file would be there empty for a moment, so it gets its name when it is whole. One that
    # is there is replaced at once when it is closed. Power goes before: the old count. After: the
    # new one.
    path = folder + _FILE
    new = _read(folder) is None
    try:
        with open(path + ".new" if new else path, "wb") as file:
            file.write(bytes((number, number ^ 0xFF)))
        if new:
            os.rename(path + ".new", path)
    except OSError:
        return False
    return True
