"""Writes `protocol/can_table.py` from `vehicle.dbc`: `python -m hw.can.generate [--check]`.

Refuses a DBC that the vehicle's codec cannot follow: big endian, scaled, floating or multiplexed
signals, extended identifiers, CAN FD lengths, and a CRC or alive counter in an unusual place.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cantools
from cantools.database.can import Database, Message, Signal
from cantools.database.errors import Error as CantoolsError
from cantools.database.errors import UnsupportedDatabaseFormatError

from hw.errors import DbcError

DBC = Path(__file__).with_name("vehicle.dbc")
TABLE = Path(__file__).resolve().parents[2] / "protocol" / "can_table.py"

CRC_NAME = "Crc"
ALIVE_NAME = "Alive"
ALIVE_BITS = 4
NO_ALIVE = 255
MOST_SIGNALS = 255
MOST_BITS = 32

HEADER = '''"""Generated from hw/can/vehicle.dbc by `python -m hw.can.generate`. Do not edit."""

# The form is described in protocol/can_rows.py; MESSAGES and IDENTIFIERS show it as tuples.
# The words for numbers are in protocol/lock.py and protocol/refusal.py: the vehicle needs no text.
from protocol.can_rows import Identifiers, Messages

# fmt: off
'''
FOOTER = """MESSAGES = Messages(ROWS, SIGNALS, NAMES)
IDENTIFIERS = Identifiers(ROWS, MESSAGES)
"""


class Row(NamedTuple):
    """One signal as the codec sees it."""

    name: str
    start: int
    bits: int
    signed: bool
    minimum: int
    maximum: int


def load(path: Path) -> Database:
    """The DBC, parsed and strict. Raises DbcError, naming the file, for one that is not a DBC."""
    try:
        database = cantools.database.load_file(path)
    except (CantoolsError, UnsupportedDatabaseFormatError) as error:
        raise DbcError(f"{path.name}: {error}") from error
    if not isinstance(database, Database):
        raise DbcError(f"{path.name}: not a CAN database")
    return database


def attribute(message: Message, name: str) -> int:
    """A whole-number attribute of a message (BA_), 0 where the DBC gives none."""
    given = message.dbc.attributes.get(name) if message.dbc else None
    return int(given.value) if given is not None else 0


def _refuse(message: Message, signal: Signal | None, why: str) -> DbcError:
    where = f"{message.name}.{signal.name}" if signal else message.name
    return DbcError(f"{where}: {why}")


def _row(message: Message, signal: Signal) -> Row:
    if signal.byte_order != "little_endian":
        raise _refuse(message, signal, "is big endian")
    if signal.conversion.is_float:
        raise _refuse(message, signal, "is a floating-point number")
    if signal.scale != 1 or signal.offset != 0:
        raise _refuse(message, signal, f"is scaled ({signal.scale}, {signal.offset})")
    if signal.is_multiplexer or signal.multiplexer_ids:
        raise _refuse(message, signal, "is multiplexed")
    bits = signal.length
    low, high = _bounds(bits, signal.is_signed)
    minimum = low if signal.minimum is None else signal.minimum
    maximum = high if signal.maximum is None else signal.maximum
    if minimum != int(minimum) or maximum != int(maximum):
        raise _refuse(message, signal, "has a limit that is not a whole number")
    if not low <= minimum <= maximum <= high:
        raise _refuse(message, signal, f"has limits outside {low} to {high}")
    return Row(signal.name, signal.start, bits, signal.is_signed, int(minimum), int(maximum))


def _bounds(bits: int, signed: bool) -> tuple[int, int]:
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


def _alive_start(message: Message, rows: dict[str, Row]) -> int | None:
    """First bit of the alive counter; None for a message that has neither counter nor CRC."""
    crc, alive = rows.get(CRC_NAME), rows.get(ALIVE_NAME)
    if crc is None and alive is None:
        return None
    if crc is None or alive is None:
        raise _refuse(message, None, "has only one of Alive and Crc")
    if (crc.start, crc.bits, crc.signed, message.length) != (56, 8, False, 8):
        raise _refuse(message, message.get_signal_by_name(CRC_NAME), "is not byte 7 of 8")
    if alive.bits != ALIVE_BITS or alive.signed:
        raise _refuse(message, message.get_signal_by_name(ALIVE_NAME), "is not 4 bits, unsigned")
    return alive.start


def _is_raw(message: Message) -> bool:
    return len(message.signals) == 1 and message.signals[0].length == 64


def describe(message: Message) -> tuple[int, int, int, int, int | None, list[Row]]:
    """One entry of MESSAGES. Raises DbcError for what the codec cannot do."""
    if message.is_extended_frame:
        raise _refuse(message, None, "has an extended identifier")
    if message.is_fd or message.length > 8:
        raise _refuse(message, None, "is longer than a classic CAN frame")
    rows = {signal.name: _row(message, signal) for signal in message.signals}
    alive_start = _alive_start(message, rows)
    cycle_ms, timeout_ms = (
        attribute(message, "GenMsgCycleTime"),
        attribute(message, "GenMsgTimeout"),
    )
    if cycle_ms and timeout_ms <= cycle_ms:
        raise _refuse(message, None, f"timeout {timeout_ms} ms is not longer than its cycle")
    plain = [] if _is_raw(message) else [row for row in rows.values() if not _protects(row)]
    return message.frame_id, message.length, cycle_ms, timeout_ms, alive_start, plain


def _protects(row: Row) -> bool:
    return row.name in (CRC_NAME, ALIVE_NAME)


def _literal(data: bytes) -> str:
    return 'b"' + "".join(f"\\x{byte:02x}" for byte in data) + '"'


def _signal_line(message: Message, row: Row) -> str:
    if row.bits > MOST_BITS:
        raise _refuse(message, message.get_signal_by_name(row.name), f"has over {MOST_BITS} bits")
    form = bytes([row.start, row.bits | _is_limited(row) << 6 | row.signed << 7])
    limits = [value.to_bytes(4, "little", signed=row.signed) for value in row[4:]]
    return f"    {_literal(form + b''.join(limits))}  # {row.name}"


def _is_limited(row: Row) -> bool:
    return (row.minimum, row.maximum) != _bounds(row.bits, row.signed)


def crc8(data: bytes, crc: int = 0xFF) -> int:
    """CRC-8 SAE J1850 before its final XOR."""
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x1D if crc & 0x80 else crc << 1) & 0xFF
    return crc


def _names(message: Message, rows: list[Row]) -> list[str]:
    return [message.name, *(row.name for row in rows)]


def _row_line(message: Message, first: int, names_at: int) -> str:
    identifier, length, cycle_ms, timeout_ms, alive_start, rows = describe(message)
    alive = NO_ALIVE if alive_start is None else alive_start
    limited = sum(_is_limited(row) << number for number, row in enumerate(rows))
    if limited > 255:
        raise _refuse(message, None, "has a limit on a signal after the eighth")
    if first + len(rows) > MOST_SIGNALS:
        raise _refuse(message, None, f"is beyond {MOST_SIGNALS} signals")
    data = (
        identifier.to_bytes(2, "little")
        + bytes([length, alive])
        + cycle_ms.to_bytes(2, "little")
        + timeout_ms.to_bytes(2, "little")
        + bytes([first, len(rows)])
        + names_at.to_bytes(2, "little")
        + bytes([crc8(identifier.to_bytes(2, "little")), limited])
    )
    return f"    {_literal(data)}  # 0x{identifier:X} {message.name}"


def table(database: Database) -> str:
    """The text of protocol/can_table.py. Raises DbcError."""
    rows: list[str] = []
    signals: list[str] = []
    names: list[str] = []
    names_at = 0
    for message in sorted(database.messages, key=lambda message: message.frame_id):
        described = describe(message)[5]
        rows.append(_row_line(message, len(signals), names_at))
        signals += [_signal_line(message, row) for row in described]
        words = _names(message, described)
        names_at += sum(1 + len(word) for word in words)
        names.append('    b"' + "".join(f"\\x{len(word):02x}{word}" for word in words) + '"')
    parts = (("ROWS", rows), ("SIGNALS", signals or ['    b""']), ("NAMES", names))
    blocks = [f"{name} = (\n" + "\n".join(lines) + "\n)\n" for name, lines in parts]
    return HEADER + "\n".join(blocks) + "\n" + FOOTER


def main(arguments: Sequence[str], dbc: Path = DBC, target: Path = TABLE) -> int:
    """Writes the table, or with --check only compares. Returns the exit status."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m hw.can.generate [--check]", file=sys.stderr)
        return 2
    try:
        text = table(load(dbc))
    except DbcError as error:
        print(error, file=sys.stderr)
        return 1
    if not arguments:
        target.write_text(text, encoding="utf-8")
        return 0
    if target.is_file() and target.read_text(encoding="utf-8") == text:
        return 0
    print(
        f"{target.name} is not what {dbc.name} says: run `python -m hw.can.generate`",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
