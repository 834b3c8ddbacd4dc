"""slcan (Lawicel ASCII) as text: bytes in any pieces become frames, frames become lines. Pure.

Lines that are no frame are counted and skipped; a line without an end is cut off.
"""

from collections import Counter
from typing import NamedTuple

# The longest line of a classic frame: T, 8 digits, length, 16 digits, 4 digits of time.
_MAX_LINE = 30
# Digits of the identifier by the letter: t and r 11 bits, T and R 29 bits; r and R are remote.
_IDENTIFIER = {b"t": 3, b"T": 8, b"r": 3, b"R": 8}
# Answers to commands: acknowledgements, flags, versions.
_ANSWERS = (b"", b"z", b"Z", b"F", b"V", b"N", b"v")
BITRATES = {
    10_000: 0,
    20_000: 1,
    50_000: 2,
    100_000: 3,
    125_000: 4,
    250_000: 5,
    500_000: 6,
    800_000: 7,
    1_000_000: 8,
}


class Frame(NamedTuple):
    """A classic CAN frame. `length` counts where a remote frame carries no data."""

    identifier: int
    is_extended: bool
    is_remote: bool
    length: int
    data: bytes


class Decoder:
    """Cuts a stream of bytes into frames, whatever its pieces are."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self._rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that became whole."""
        # BELL refuses a command and ends a line as a carriage return does.
        bells = data.count(b"\a")
        if bells:
            self.counters["refused"] += bells
            data = data.replace(b"\a", b"\r")
        *lines, rest = (self._rest + data).split(b"\r")
        # Cut here as well: what is a line must not depend on the pieces in which it came.
        self._rest = rest if len(rest) <= _MAX_LINE else b"?" * (_MAX_LINE + 1)
        return [frame for line in lines if (frame := self._parse(line)) is not None]

    def _parse(self, line: bytes) -> Frame | None:
        digits = _IDENTIFIER.get(line[:1])
        if digits is None:
            if line[:1] not in _ANSWERS or len(line) > _MAX_LINE:
                self.counters["malformed"] += 1
            return None
        frame = _frame(line, digits)
        if frame is None:
            self.counters["malformed"] += 1
        return frame


def _frame(line: bytes, digits: int) -> Frame | None:
    """Exactly the frame, or the frame and four digits of time; None for anything else."""
    is_remote = line[:1] in b"rR"
    head, body = line[1 : digits + 2], line[digits + 2 :]
    try:
        # `int` takes signs, spaces and underscores; `fromhex` takes spaces.
        if not line[1:].isalnum():
            return None
        identifier, length = int(head[:-1], 16), int(head[-1:])
        size = 0 if is_remote else 2 * length
        data = bytes.fromhex(body[:size].decode("ascii"))
        int(body[size:] or b"0", 16)
    except ValueError:
        return None
    is_whole = len(head) == digits + 1 and len(body) - size in (0, 4)
    most = 0x7FF if digits == 3 else 0x1FFFFFFF
    if not is_whole or length > 8 or identifier > most:
        return None
    return Frame(identifier, digits == 8, is_remote, length, data)


def encode(frame: Frame) -> bytes:
    """The line that sends it."""
    letter = b"r" if frame.is_remote else b"t"
    head = b"%s%03X%d" % (letter, frame.identifier, frame.length)
    if frame.is_extended:
        head = b"%s%08X%d" % (letter.upper(), frame.identifier, frame.length)
    return head + (b"" if frame.is_remote else frame.data.hex().upper().encode()) + b"\r"
