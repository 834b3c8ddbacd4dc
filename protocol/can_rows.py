"""Reads the packed table of the bus in protocol/can_table.py, whose form is described here.

Nested tuples of the same content would take a fifth of a small controller's heap; bytes stay in
its flash.
"""

# A row of ROWS, 14 bytes, numbers little endian: identifier (2), length, first bit of the alive
# counter (255: not protected), cycle in ms (2), timeout in ms (2), first signal, number of signals,
# offset in NAMES (2), CRC after the identifier, signals that are LIMITED, one bit each from the
# first on. Rows are in the order of their identifiers.
ROW = 14
NO_ALIVE = 255
# A signal of SIGNALS, 10 bytes: start bit, bits with SIGNED and LIMITED, minimum (4), maximum (4).
SIGNAL = 10
SIGNED = 0x80
LIMITED = 0x40  # its limits are narrower than its bits
BITS = 0x3F
# NAMES: a message's name, then those of its signals, each with its length before it.

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Signal = tuple[str, int, int, bool, int, int]
    Message = tuple[int, int, int, int, int | None, tuple[Signal, ...]]


def two(data: bytes, at: int) -> int:
    return data[at] | data[at + 1] << 8


def four(data: bytes, at: int, signed: int) -> int:
    value = two(data, at) | two(data, at + 2) << 16
    return value - (1 << 32) if signed and value >> 31 else value


class Messages:
    """The rows by the names of their messages, as a dict would give them; built when asked for.

    name -> (identifier, length, cycle_ms, timeout_ms, alive_start, signals)
    alive_start: first bit of the 4-bit alive counter; None if the message is not protected.
    A protected message has its CRC in the last byte. Neither counter nor CRC is among the signals.
    signals: (name, start bit, bits, signed, minimum, maximum), little endian.
    A message without signals carries raw bytes (ISO-TP).
    """

    def __init__(self, rows: bytes, signals: bytes, names: bytes) -> None:
        self._rows = rows
        self._signals = signals
        self._names = names

    def row(self, name: str) -> int:
        """The offset of a message's row. Raises KeyError."""
        wanted = name.encode()
        for at in range(0, len(self._rows), ROW):
            begin = two(self._rows, at + 10)
            if self._names[begin + 1 : begin + 1 + self._names[begin]] == wanted:
                return at
        raise KeyError(name)

    def name(self, row: int) -> str:
        return self.names(row)[0]

    def names(self, row: int) -> "list[str]":
        """Of the message and its signals."""
        out = []
        begin = two(self._rows, row + 10)
        for _ in range(self._rows[row + 9] + 1):
            end = begin + 1 + self._names[begin]
            out.append(str(self._names[begin + 1 : end], "ascii"))
            begin = end
        return out

    def __len__(self) -> int:
        return len(self._rows) // ROW

    def __iter__(self) -> "Iterator[str]":
        for at in range(0, len(self._rows), ROW):
            yield self.name(at)

    def __contains__(self, name: str) -> bool:
        return name in list(self)

    def __getitem__(self, name: str) -> "Message":
        at = self.row(name)
        rows = self._rows
        alive = None if rows[at + 3] == NO_ALIVE else rows[at + 3]
        first = rows[at + 8]
        names = self.names(at)
        signals = tuple([self._signal(first + i, names[i + 1]) for i in range(rows[at + 9])])
        return two(rows, at), rows[at + 2], two(rows, at + 4), two(rows, at + 6), alive, signals

    def items(self) -> "list[tuple[str, Message]]":
        return [(name, self[name]) for name in self]

    def _signal(self, number: int, name: str) -> "Signal":
        at = number * SIGNAL
        form = self._signals[at + 1]
        signed = form & SIGNED
        minimum = four(self._signals, at + 2, signed)
        maximum = four(self._signals, at + 6, signed)
        return name, self._signals[at], form & BITS, signed != 0, minimum, maximum


class Identifiers:
    """identifier -> name, as a dict would give it."""

    def __init__(self, rows: bytes, messages: Messages) -> None:
        self._rows = rows
        self._messages = messages

    def row(self, identifier: int) -> int:
        """The offset of a message's row, or -1. Allocates nothing."""
        low = 0
        high = len(self._rows) // ROW
        while low < high:
            middle = (low + high) >> 1
            found = two(self._rows, middle * ROW)
            if found == identifier:
                return middle * ROW
            if found < identifier:
                low = middle + 1
            else:
                high = middle
        return -1

    def get(self, identifier: int, default: "str | None" = None) -> "str | None":
        row = self.row(identifier)
        return default if row < 0 else self._messages.name(row)

    def __getitem__(self, identifier: int) -> str:
        row = self.row(identifier)
        if row < 0:
            raise KeyError(identifier)
        return self._messages.name(row)

    def __contains__(self, identifier: int) -> bool:
        return self.row(identifier) >= 0

    def __iter__(self) -> "Iterator[int]":
        for at in range(0, len(self._rows), ROW):
            yield two(self._rows, at)

    def __len__(self) -> int:
        return len(self._rows) // ROW
