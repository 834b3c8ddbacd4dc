"""Writes `protocol/can_table.py` from `vehicle.dbc`: `python -m hw.can.generate [--check]`.

Refuses a DBC that the vehicle's codec cannot follow: big endian, scaled, floating or multiplexed
signals, extended identifiers, CAN FD lengths, and a CRC or alive counter in an unusual place.
"""

import sys
from collections.abc import Iterator, Sequence
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
SIGNAL = "tuple[str, int, int, bool, int, int]"
ENTRY = f"tuple[int, int, int, int, int | None, tuple[{SIGNAL}, ...]]"

HEADER = '''"""Generated from hw/can/vehicle.dbc by `python -m hw.can.generate`. Do not edit."""

# MESSAGES: name -> (identifier, length, cycle_ms, timeout_ms, alive_start, signals)
#   alive_start: first bit of the 4-bit alive counter; None if the message is not protected.
#   A protected message has its CRC in the last byte. Neither counter nor CRC is among the signals.
#   signals: (name, start bit, bits, signed, minimum, maximum), little endian.
#   A message without signals carries raw bytes (ISO-TP).
# IDENTIFIERS: identifier -> name.
# The words for numbers are in protocol/lock.py and protocol/refusal.py: the vehicle needs no text.
# fmt: off
'''


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
    low, high = (
        (-(1 << bits - 1), (1 << bits - 1) - 1) if signal.is_signed else (0, (1 << bits) - 1)
    )
    minimum = low if signal.minimum is None else signal.minimum
    maximum = high if signal.maximum is None else signal.maximum
    if minimum != int(minimum) or maximum != int(maximum):
        raise _refuse(message, signal, "has a limit that is not a whole number")
    if not low <= minimum <= maximum <= high:
        raise _refuse(message, signal, f"has limits outside {low} to {high}")
    return Row(signal.name, signal.start, bits, signal.is_signed, int(minimum), int(maximum))


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


def _message_lines(message: Message) -> Iterator[str]:
    identifier, length, cycle_ms, timeout_ms, alive_start, rows = describe(message)
    numbers = f"0x{identifier:X}, {length}, {cycle_ms}, {timeout_ms}, {alive_start}"
    head = f'    "{message.name}": ({numbers}'
    if not rows:
        yield f"{head}, ()),"
        return
    yield f"{head}, ("
    for name, *rest in rows:
        yield f'        ("{name}", {", ".join(map(str, rest))}),'
    yield "    )),"


def table(database: Database) -> str:
    """The text of protocol/can_table.py. Raises DbcError."""
    messages = sorted(database.messages, key=lambda message: message.frame_id)
    lines = ["MESSAGES: dict[", "    str,", f"    {ENTRY},", "] = {"]
    lines += [line for message in messages for line in _message_lines(message)]
    lines += ["}", "", "IDENTIFIERS: dict[int, str] = {"]
    lines += [f'    0x{message.frame_id:X}: "{message.name}",' for message in messages]
    return HEADER + "\n".join([*lines, "}", ""])


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
