"""CAN frames by the table generated from hw/can/vehicle.dbc: pack, unpack, CRC, alive counter.

`check`, `value`, `put`, `seal`, `decode_into` and `encode_into` allocate nothing: they are for the
cycle of the vehicle. `encode` and `decode` speak of signals by name.
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
    return _crc(_CRC_TABLE[crc ^ identifier >> 8], data)


def _crc(crc: int, data: "bytes | bytearray | memoryview") -> int:
    table = _CRC_TABLE
    crc = table[table[table[crc ^ data[0]] ^ data[1]] ^ data[2]]
    return table[table[table[table[crc ^ data[3]] ^ data[4]] ^ data[5]] ^ data[6]] ^ 0xFF


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


def alive_start(row: int) -> int:
    """The first bit of its alive counter, or NO_ALIVE."""
    return ROWS[row + 3]


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
    if ROWS[row + 3] != NO_ALIVE and _crc(ROWS[row + 12], data) != data[7]:
        return WRONG_CRC
    limited = ROWS[row + 13]
    at = ROWS[row + 8] * SIGNAL
    while limited:
        if limited & 1 and not _is_within(data, at):
            return WRONG_RANGE
        limited >>= 1
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


def plan(row: int) -> "list[int]":
    """For encode_into: least, most and handle of each signal, made once."""
    out = []
    for i in range(ROWS[row + 9]):
        at = (ROWS[row + 8] + i) * SIGNAL
        signed = SIGNALS[at + 1] & SIGNED
        out += [four(SIGNALS, at + 2, signed), four(SIGNALS, at + 6, signed), _handle(at)]
    return out


def encode_into(
    row: int, ways: "list[int]", values: "list[int | bytes]", alive: int, data: bytearray
) -> None:
    """Fills the 8 bytes of `data`; `values` in the table's order, `ways` from plan(row). Raises
    EncodeError.

    A signal of 32 bits may be given as its four bytes, little endian.
    """
    data[:] = _EMPTY
    wrong = _put_all(ways, values, data)
    if wrong >= 0:
        _refuse(row, wrong, values[wrong])
    seal(row, alive, data)


def _put_all(ways: "list[int]", values: "list[int | bytes]", data: bytearray) -> int:
    # The first signal whose value does not fit, or -1. In parts, for the sake of their size.
    i = 0
    while i < len(values):
        if not _put_signal(ways, 3 * i, values[i], data):
            return i
        i += 1
    return -1


def _put_signal(ways: "list[int]", i: int, number: "int | bytes", data: bytearray) -> bool:
    if isinstance(number, bytes):
        _put_bytes(data, ways[i + 2], number)
        return True
    if not ways[i] <= number <= ways[i + 1]:
        return False
    if number:
        put(data, ways[i + 2], number)
    return True


def _put_bytes(data: bytearray, way: int, number: bytes) -> None:
    if way >> _WIDTH_AT & BITS != 32 or len(number) != 4 or way & 7:
        raise EncodeError("only a whole signal of 32 bits can be given as bytes")
    for i in range(4):
        data[((way & HANDLE_START) >> 3) + i] = number[i]


def _refuse(row: int, signal: int, number: "int | bytes") -> None:
    message = MESSAGES.name(row)
    name, _, _, _, least, most = MESSAGES[message][5][signal]
    raise EncodeError(f"{message}.{name}: {number!r} is outside {least} to {most}")


def seal(row: int, alive: int, data: bytearray) -> None:
    """Gives a frame of 8 bytes its alive counter and CRC; nothing to do if it has none."""
    start = ROWS[row + 3]
    if start != NO_ALIVE:
        at = start >> 3
        start &= 7
        data[at] = data[at] & ~(15 << start) | (alive & 15) << start
        data[7] = _crc(ROWS[row + 12], data)


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
    ways = plan(row)
    data = bytearray(8)
    numbers: "list[int | bytes]" = [values.get(signal, 0) for signal in MESSAGES.names(row)[1:]]
    if any(signal not in MESSAGES.names(row)[1:] for signal in values):
        raise EncodeError(f"{name} has no such signal among {sorted(values)}")
    encode_into(row, ways, numbers, alive, data)
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
