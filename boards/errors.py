"""What can go wrong with a board, split by who is at fault."""


class BoardError(Exception):
    """Root of the package."""


class DescriptionError(BoardError):
    """board.toml or pins.csv is wrong; says which file and field, and why."""


class SettingsError(BoardError):
    """The settings of a virtual board are wrong; says which field and why."""


class ImageError(BoardError):
    """The flash image cannot be used: wrong size, unreadable, or in use by another board."""


class InterpreterError(BoardError):
    """There is no MicroPython interpreter to run."""
