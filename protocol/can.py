"""CAN frames by the table generated from hw/can/vehicle.dbc: pack, unpack, CRC, alive counter.

`check`, `value`, `put`, `decode_into` and `encode_into` allocate nothing: they are for the cycle of
the vehicle. `encode` and `decode` speak of signals by name.
"""

from protocol.can_rows import BITS, LIMITED, NO_ALIVE, SIGNAL, SIGNED, four, two
from protocol.can_table import IDENTIFIERS, MESSAGES, ROWS, SIGNALS
from protocol.errors import DecodeError, EncodeError

# What `check` finds.
RIGHT, WRONG_LENGTH, WRONG_CRC, WRONG_RANGE = range(4)
_NAMES = ("", "can-length", "can-crc", "can-range")

# A handle says where a signal lies: its first bit in 11 bits, its width in 6, its sign in one. The
# first bit may be counted from the beginning of a buffer with many frames, 64 bits for each.
HANDLE_START = 0x7FF
_WIDTH_AT = 11
_SIGN_AT = 17
# Small integers have 31 bits on small machines, and a value may begin 7 bits into its first byte.
# A wider signal costs an allocation there when it is read, and may be given as bytes for sending.
SMALL_BITS = 23
# Added to the handle of a wide signal, and put beside its start: all but 16 bits of it, and these.
_UPPER = 16 - (16 << _WIDTH_AT)
_LOWER = 16 << _WIDTH_AT


def crc8(identifier: int, data: "bytes | bytearray | memoryview") -> int:
    """CRC-8 SAE J1850 over the identifier (little endian) and the first seven bytes."""
    crc = _CRC_TABLE[0xFF ^ identifier & 0xFF]
    crc = _CRC_TABLE[crc ^ identifier >> 8]
    for i in range(7):
        crc = _CRC_TABLE[crc ^ data[i]]
    return crc ^ 0xFF


def _crc_table() -> bytes:
    out = bytearray(256)
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = (crc << 1) ^ 0x1D if crc & 0x80 else crc << 1
        out[value] = crc & 0xFF
    return bytes(out)


_CRC_TABLE = _crc_table()
_EMPTY = bytes(8)


# --- without allocation: a row is the offset of a message in ROWS ---


def identifier_of(row: int) -> int:
    return two(ROWS, row)


def cycle_ms(row: int) -> int:
    return two(ROWS, row + 4)


def timeout_ms(row: int) -> int:
    return two(ROWS, row + 6)


def is_protected(row: int) -> bool:
    """Has it a CRC and an alive counter?"""
    return ROWS[row + 3] != NO_ALIVE


def alive_of(row: int, data: "bytes | bytearray | memoryview") -> int:
    """The alive counter of a protected message."""
    start = ROWS[row + 3]
    return data[start >> 3] >> (start & 7) & 15


def check(row: int, data: "bytes | bytearray | memoryview", length: int) -> int:
    """RIGHT, or what is wrong with the first `length` bytes of `data` as this message."""
    if length != ROWS[row + 2]:
        return WRONG_LENGTH
    if ROWS[row + 3] != NO_ALIVE and crc8(two(ROWS, row), data) != data[7]:
        return WRONG_CRC
    at = ROWS[row + 8] * SIGNAL
    end = at + ROWS[row + 9] * SIGNAL
    while at < end:
        if SIGNALS[at + 1] & LIMITED and not _is_within(data, at):
            return WRONG_RANGE
        at += SIGNAL
    return RIGHT


def _is_within(data: "bytes | bytearray | memoryview", at: int) -> bool:
    signed = SIGNALS[at + 1] & SIGNED
    if SIGNALS[at + 1] & BITS > SMALL_BITS:
        return _is_wide_within(data, at, signed)
    found = value(data, _handle(at))
    return _limit(at + 2, 8, signed) <= found <= _limit(at + 6, 8, signed)


def _is_wide_within(data: "bytes | bytearray | memoryview", at: int, signed: int) -> bool:
    # The upper part decides, and the lower 16 bits where the upper parts are the same.
    high = value(data, _handle(at) + _UPPER)
    low = value(data, SIGNALS[at] | _LOWER)
    limit = _limit(at + 4, 0, signed)
    if high < limit or (high == limit and low < two(SIGNALS, at + 2)):
        return False
    limit = _limit(at + 8, 0, signed)
    return high < limit or (high == limit and low <= two(SIGNALS, at + 6))


def _limit(at: int, more_bits: int, signed: int) -> int:
    # 16 or 24 bits of a limit, which is all of it where the signal is not wider.
    found = two(SIGNALS, at)
    if more_bits:
        found |= SIGNALS[at + 2] << 16
    sign = 1 << (15 + more_bits)
    return found - 2 * sign if signed and found & sign else found


def _handle(at: int) -> int:
    form = SIGNALS[at + 1]
    return SIGNALS[at] | (form & BITS) << _WIDTH_AT | (form >> 7) << _SIGN_AT


def value(data: "bytes | bytearray | memoryview", handle: int) -> int:
    """The number at a handle."""
    bits = handle >> _WIDTH_AT & BITS
    at = (handle & HANDLE_START) >> 3
    have = 8 - (handle & 7)
    word = data[at] >> (handle & 7)
    while have < bits:
        at += 1
        word |= data[at] << have
        have += 8
    word &= (1 << bits) - 1
    return word - (1 << bits) if handle >> _SIGN_AT and word >> (bits - 1) else word


def put(data: "bytearray | memoryview", handle: int, number: int) -> None:
    """Writes a number at a handle; its bits must be 0 before."""
    bits = handle >> _WIDTH_AT & BITS
    at = (handle & HANDLE_START) >> 3
    shift = handle & 7
    number &= (1 << bits) - 1
    while number:
        data[at] |= number << shift & 0xFF
        number >>= 8 - shift
        shift = 0
        at += 1


def decode_into(
    row: int, data: "bytes | bytearray | memoryview", values: "list[int] | memoryview"
) -> None:
    """The signals of a frame that `check` found right, in the table's order."""
    first = ROWS[row + 8]
    for i in range(ROWS[row + 9]):
        values[i] = value(data, _handle((first + i) * SIGNAL))


def encode_into(row: int, values: "list[int | bytes]", alive: int, data: bytearray) -> None:
    """Fills the 8 bytes of `data`; `values` in the table's order. Raises EncodeError.

    A signal of 32 bits may be given as its four bytes, little endian.
    """
    data[:] = _EMPTY
    _put_all(row, values, data)
    _seal(row, alive, data)


def _put_all(row: int, values: "list[int | bytes]", data: bytearray) -> None:
    i = 0
    at = ROWS[row + 8] * SIGNAL
    while i < ROWS[row + 9]:
        _put_signal(row, at, values[i], data)
        at += SIGNAL
        i += 1


def _put_signal(row: int, at: int, number: "int | bytes", data: bytearray) -> None:
    if isinstance(number, bytes):
        _put_bytes(data, at, number)
    else:
        _require_within(row, at, number)
        put(data, _handle(at), number)


def _put_bytes(data: bytearray, at: int, number: bytes) -> None:
    start = SIGNALS[at]
    if SIGNALS[at + 1] & BITS != 32 or len(number) != 4 or start & 7:
        raise EncodeError("only a whole signal of 32 bits can be given as bytes")
    for i in range(4):
        data[(start >> 3) + i] = number[i]


def _require_within(row: int, at: int, number: int) -> None:
    signed = SIGNALS[at + 1] & SIGNED
    if SIGNALS[at + 1] & BITS <= SMALL_BITS:
        least = _limit(at + 2, 8, signed)
        most = _limit(at + 6, 8, signed)
    else:
        least = four(SIGNALS, at + 2, signed)
        most = four(SIGNALS, at + 6, signed)
    if number < least or number > most:
        _refuse(row, at, number)


def _refuse(row: int, at: int, number: int) -> None:
    message = MESSAGES.name(row)
    name, _, _, _, least, most = MESSAGES[message][5][at // SIGNAL - ROWS[row + 8]]
    raise EncodeError(f"{message}.{name}: {number} is outside {least} to {most}")


def _seal(row: int, alive: int, data: bytearray) -> None:
    start = ROWS[row + 3]
    if start != NO_ALIVE:
        data[start >> 3] |= (alive & 15) << (start & 7)
        data[7] = crc8(two(ROWS, row), data)


# --- by names ---


def handle(name: str, signal: str) -> int:
    """Of a signal of a message. Raises KeyError."""
    row = MESSAGES.row(name)
    return _handle((ROWS[row + 8] + signal_number(name, signal)) * SIGNAL)


def signal_number(name: str, signal: str) -> int:
    """Its place among the signals of a message. Raises KeyError."""
    names = MESSAGES.names(MESSAGES.row(name))
    for i in range(1, len(names)):
        if names[i] == signal:
            return i - 1
    raise KeyError(signal)


def encode(name: str, values: "dict[str, int]", alive: int = 0) -> bytes:
    """A frame's data. Signals that `values` leaves out are 0. Raises EncodeError."""
    row = MESSAGES.row(name)
    names = MESSAGES.names(row)
    data = bytearray(8)
    seen = 0
    for i in range(1, len(names)):
        number = values.get(names[i], 0)
        seen += names[i] in values
        _put_signal(row, (ROWS[row + 8] + i - 1) * SIGNAL, number, data)
    if seen != len(values):
        raise EncodeError(f"{name} has no such signal among {sorted(values)}")
    _seal(row, alive, data)
    return bytes(data[: ROWS[row + 2]])


def decode(identifier: int, data: bytes) -> "tuple[str, dict[str, int], int]":
    """(message, signals, alive counter). Raises DecodeError: unknown, length, crc or range."""
    row = IDENTIFIERS.row(identifier)
    if row < 0:
        raise DecodeError("can-unknown", hex(identifier))
    names = MESSAGES.names(row)
    found = check(row, data, len(data))
    if found != RIGHT:
        where = names[0]
        if found == WRONG_RANGE:
            where += "." + names[_first_outside(row, data)]
        raise DecodeError(_NAMES[found], where)
    return names[0], read(row, data, 0), alive_of(row, data) if is_protected(row) else 0


def read(row: int, data: "bytes | bytearray | memoryview", base: int) -> "dict[str, int]":
    """The signals by name of the frame that begins at the bit `base`."""
    names = MESSAGES.names(row)
    first = ROWS[row + 8]
    return {
        names[i]: value(data, base + _handle((first + i - 1) * SIGNAL))
        for i in range(1, len(names))
    }


def _first_outside(row: int, data: bytes) -> int:
    number = 0
    while SIGNALS[(ROWS[row + 8] + number) * SIGNAL + 1] & LIMITED == 0 or _is_within(
        data, (ROWS[row + 8] + number) * SIGNAL
    ):
        number += 1
    return number + 1
