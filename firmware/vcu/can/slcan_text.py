"""Numbers and frames in slcan's ASCII, without allocation."""

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from vcu.can.shape import Data

_RTR, _EXTENDED = 1, 2  # machine.CAN's flags
_LETTERS = b"tTrR"  # extended counts 1 here, remote 2
_HEX = b"0123456789ABCDEF"
_END = 13


def kind_of(letter: int) -> int:
    """-1 for a letter that begins no frame."""
    for kind in range(4):
        if _LETTERS[kind] == letter:
            return kind
    return -1


def number(line: bytearray, begin: int, end: int) -> int:
    """Of hexadecimal digits; -1 if one is none."""
    value = 0
    for i in range(begin, end):
        digit = line[i]
        if 48 <= digit <= 57:
            digit -= 48
        elif 65 <= digit & 0xDF <= 70:
            digit = (digit & 0xDF) - 55
        else:
            return -1
        value = value << 4 | digit
    return value


def put_frame(out: bytearray, identifier: int, data: "Data", flags: int) -> int:
    """The line of a frame with its end; returns its length."""
    out[0] = _LETTERS[(flags & _EXTENDED) >> 1 | (flags & _RTR) << 1]
    at = 9 if flags & _EXTENDED else 4
    for i in range(at - 1):
        out[at - 1 - i] = _HEX[identifier >> 4 * i & 15]
    out[at] = 48 + len(data)
    at += 1
    if not flags & _RTR:
        at = _put_data(out, at, data)
    out[at] = _END
    return at + 1


def _put_data(out: bytearray, at: int, data: "Data") -> int:
    for i in range(len(data)):
        out[at] = _HEX[data[i] >> 4]
        out[at + 1] = _HEX[data[i] & 15]
        at += 2
    return at
