"""How many starts in a row did not last: a file with one byte for each of them.

Appending one byte is whole or absent wherever the power goes, and the size needs no decoding.
"""

import os

_NAME = "crashes"


def count(folder: str) -> int:
    """Starts that were begun and not settled. Flash that cannot be read counts as none."""
    try:
        return os.stat(folder + _NAME)[6]
    except OSError:
        return 0


def begin(folder: str) -> None:
    """A start begins: it counts as crashed until it is settled."""
    try:
        with open(folder + _NAME, "ab") as file:
            file.write(b"!")
    except OSError:
        pass  # flash fails; a vehicle that starts without a count is better than none


def settled(folder: str) -> None:
    """This start went well, or was ended on purpose."""
    try:
        os.remove(folder + _NAME)
    except OSError:
        pass  # nothing was counted
