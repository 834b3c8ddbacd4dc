"""The file `trial`, by which boot.py knows which application has a few starts only.

Eight bytes that name its seal, the starts that are left, and these with all bits turned over.
"""

from vcu.flash import files
from vcu.update.updates import TRIAL_FILE

STARTS = 3
FOR_GOOD = 255  # it is confirmed
_NAME = 8


def read(folder: str) -> "tuple[bytes, int] | None":
    """(name of the seal, starts that are left); no name if it is damaged; None without a file."""
    try:
        note = files.read(folder + TRIAL_FILE, _NAME + 2)
    except OSError:
        note = b""
    if note is None:
        return None
    if len(note) != _NAME + 2 or note[_NAME] ^ note[_NAME + 1] != 0xFF:
        return b"", 0
    return note[:_NAME], note[_NAME]


def write(folder: str, name: bytes, left: int) -> None:
    """On return it is on flash. Raises OSError; then the old file or the new one is there."""
    files.write(folder + TRIAL_FILE, name + bytes((left, left ^ 0xFF)))


def remove(folder: str) -> None:
    """On return there is none. Raises OSError."""
    files.remove(folder + TRIAL_FILE)
