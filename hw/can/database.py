"""Frames of `vehicle.dbc` by cantools, with the CRC and alive counter that it does not know.

It shares no code and no table with the vehicle's own codec: a running system checks both.
Refuses unknown identifiers, wrong lengths, wrong CRCs and values outside their limits.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

from cantools.database.can import Database, Message
from cantools.database.errors import Error as CantoolsError

from hw.can.generate import ALIVE_NAME, CRC_NAME, DBC, attribute, describe, load
from hw.errors import CrcError, LengthError, UnknownFrameError, ValueRangeError

CRC_POLYNOMIAL = 0x1D
ALIVE_MODULUS = 16
REMEMBERED = 4096  # frames, with each value of their alive counter


def _crc_step(crc: int) -> int:
    for _ in range(8):
        crc = (crc << 1) ^ CRC_POLYNOMIAL if crc & 0x80 else crc << 1
    return crc & 0xFF


_CRC_STEPS = bytes(_crc_step(value) for value in range(256))


def crc8(identifier: int, data: bytes) -> int:
    """CRC-8 SAE J1850 over the identifier, two bytes little endian, and bytes 0 to 6."""
    crc = 0xFF
    for byte in identifier.to_bytes(2, "little") + data[:7]:
        crc = _CRC_STEPS[crc ^ byte]
    return crc ^ 0xFF


class VehicleBus:
    """The messages of one DBC: encode, decode, cycle times."""

    def __init__(self, database: Database) -> None:
        self._by_name: dict[str, Message] = {}
        self._by_identifier: dict[int, Message] = {}
        self._limits: dict[str, tuple[tuple[str, int, int], ...]] = {}
        self._protected: dict[str, bool] = {}
        self._cycle_ms: dict[str, int] = {}
        self._timeout_ms: dict[str, int] = {}
        for message in database.messages:
            *_, alive_start, rows = describe(message)
            self._by_name[message.name] = message
            self._by_identifier[message.frame_id] = message
            self._limits[message.name] = tuple((r.name, r.minimum, r.maximum) for r in rows)
            self._protected[message.name] = alive_start is not None
            self._cycle_ms[message.name] = attribute(message, "GenMsgCycleTime")
            self._timeout_ms[message.name] = attribute(message, "GenMsgTimeout")
        # Most frames say what they said before.
        self._pack = lru_cache(REMEMBERED)(self._packed)
        self._unpack = lru_cache(REMEMBERED)(self._unpacked)

    def identifier(self, name: str) -> int:
        """The identifier of a message. Raises UnknownFrameError."""
        return self._message(name).frame_id

    def cycle_ms(self, name: str) -> int:
        """How often a message is sent; 0 for one that is sent on events."""
        return self._cycle_ms[self._message(name).name]

    def timeout_ms(self, name: str) -> int:
        """The age at which a receiver takes a message for missing; 0 for none."""
        return self._timeout_ms[self._message(name).name]

    def encode(self, name: str, values: Mapping[str, int], alive: int = 0) -> bytes:
        """A frame's data; `values` has every signal but Alive and Crc. Raises FrameError."""
        message = self._message(name)
        if not self._protected[name]:
            return self._pack(message, tuple(values.items()))
        given = {**values, ALIVE_NAME: alive % ALIVE_MODULUS, CRC_NAME: 0}
        data = self._pack(message, tuple(given.items()))
        return data[:7] + bytes([crc8(message.frame_id, data)])

    def decode(self, identifier: int, data: bytes) -> tuple[str, dict[str, int]]:
        """(name, signals with Alive, without Crc); none for ISO-TP data. Raises FrameError."""
        message = self._by_identifier.get(identifier)
        if message is None:
            raise UnknownFrameError(f"no message has the identifier 0x{identifier:X}")
        name = message.name
        if len(data) != message.length:
            raise LengthError(f"{name}: {len(data)} bytes, not {message.length}")
        if self._protected[name] and crc8(identifier, data) != data[7]:
            raise CrcError(f"{name}: CRC 0x{data[7]:02X}, not 0x{crc8(identifier, data):02X}")
        if not self._limits[name]:
            return name, {}
        return name, dict(self._unpack(message, bytes(data)))

    def _message(self, name: str) -> Message:
        message = self._by_name.get(name)
        if message is None:
            raise UnknownFrameError(f"no message is called {name}")
        return message

    def _packed(self, message: Message, values: tuple[tuple[str, int], ...]) -> bytes:
        try:
            return bytes(message.encode(dict(values), scaling=False, strict=True))
        except CantoolsError as error:
            raise ValueRangeError(f"{message.name}: {error}") from error

    def _unpacked(self, message: Message, data: bytes) -> dict[str, int]:
        """The decoded numbers, as whole numbers within their limits."""
        name = message.name
        values = message.decode_simple(data, decode_choices=False, scaling=False)
        numbers = {key: value for key, value in values.items() if isinstance(value, int)}
        numbers.pop(CRC_NAME, None)
        for signal, minimum, maximum in self._limits[name]:
            if not minimum <= numbers[signal] <= maximum:
                raise ValueRangeError(
                    f"{name}.{signal}: {numbers[signal]} is outside {minimum} to {maximum}"
                )
        return numbers


@cache
def vehicle_bus(path: Path = DBC) -> VehicleBus:
    """The bus of `vehicle.dbc`, parsed once a process."""
    return VehicleBus(load(path))
