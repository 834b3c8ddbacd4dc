"""The board that needs no hardware: the real MicroPython behind a small supervisor."""

from boards.errors import BoardError
from boards.virtual.settings import VirtualBoardSettings
from boards.virtual.supervisor import VirtualBoard

__all__ = ["BoardError", "VirtualBoard", "VirtualBoardSettings"]
