"""Small files, read and written whole, and the names of those that were found damaged."""

import os

NO_FILE = 2
EXISTS = 17
FULL = 28


class Damage:
    """How often each file was not what was written there. Empty on a healthy flash."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def note(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    def total(self) -> int:
        return sum(self.counts.values())


def read(path: str, most: int) -> "bytes | None":
    """None where there is no file. A longer one comes one byte too long. Raises OSError."""
    try:
        with open(path, "rb") as file:
            return file.read(most + 1)
    except OSError as error:
        if error.errno == NO_FILE:
            return None
        raise


def write(path: str, data: bytes) -> None:
    """On return it is on flash. Raises OSError; the file is then the old one or the new one."""
    # littlefs replaces a file that is there in one step, when it is closed. A file that is not
    # there would be empty until then: it gets its name when it is whole.
    target = path if exists(path) else path + ".new"
    with open(target, "wb") as file:
        file.write(data)
    if target != path:
        os.rename(target, path)


def exists(path: str) -> bool:
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def remove(path: str) -> None:
    """On return it is gone, also where it was gone before. Raises OSError."""
    try:
        os.remove(path)
    except OSError as error:
        if error.errno != NO_FILE:
            raise
