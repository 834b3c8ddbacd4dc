"""CAN frames by the table generated from hw/can/vehicle.dbc: pack, unpack, CRC, alive counter."""

from protocol.can_table import IDENTIFIERS, MESSAGES
from protocol.errors import DecodeError, EncodeError


def crc8(identifier: int, data: bytes | bytearray) -> int:
    """CRC-8 SAE J1850 over the identifier (little endian) and the first seven bytes."""
    crc = 0xFF
    for byte in (identifier & 0xFF, identifier >> 8):
        crc = _CRC_TABLE[crc ^ byte]
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


def encode(name: str, values: dict[str, int], alive: int = 0) -> bytes:
    """A frame's data. Signals that `values` leaves out are 0. Raises EncodeError."""
    identifier, length, _, _, alive_start, signals = MESSAGES[name]
    word = 0
    seen = 0
    for signal, start, bits, _, minimum, maximum in signals:
        value = values.get(signal, 0)
        seen += signal in values
        if not minimum <= value <= maximum:
            raise EncodeError(f"{name}.{signal}: {value} is outside {minimum} to {maximum}")
        word |= (value & ((1 << bits) - 1)) << start
    if seen != len(values):
        raise EncodeError(f"{name} has no such signal among {sorted(values)}")
    if alive_start is None:
        return word.to_bytes(length, "little")
    word |= (alive & 15) << alive_start
    data = bytearray(word.to_bytes(length, "little"))
    data[7] = crc8(identifier, data)
    return bytes(data)


def decode(identifier: int, data: bytes) -> tuple[str, dict[str, int], int]:
    """(message, signals, alive counter). Raises DecodeError: unknown, length, crc or range."""
    name = IDENTIFIERS.get(identifier)
    if name is None:
        raise DecodeError("can-unknown", hex(identifier))
    _, length, _, _, alive_start, signals = MESSAGES[name]
    if len(data) != length:
        raise DecodeError("can-length", name)
    if alive_start is not None and crc8(identifier, data) != data[7]:
        raise DecodeError("can-crc", name)
    word = int.from_bytes(data, "little")
    values = {}
    for signal, start, bits, signed, minimum, maximum in signals:
        value = word >> start & ((1 << bits) - 1)
        if signed and value >> (bits - 1):
            value -= 1 << bits
        if not minimum <= value <= maximum:
            raise DecodeError("can-range", name + "." + signal)
        values[signal] = value
    return name, values, 0 if alive_start is None else word >> alive_start & 15
