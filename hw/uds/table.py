"""Reads `diagnosis.toml` strictly: every key, range and name; numbers come once. Raises TableError.

Trouble codes have the form of SAE J2012-DA: a letter, four digits, the failure type.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.errors import TableError

TABLE = Path(__file__).with_name("diagnosis.toml")
TYPES = {"u8": 1, "u16": 2, "u32": 4, "s16": 2, "text": 0}
NODES = ("VCU", "MC", "BMS", "CHG", "HMI", "GNSS", "GW")  # numbered from 1
# By the names of protocol/fault.py; a test compares. REPORTED stands for any code of the node.
FAULTS = {
    "SILENT": 0x1_0000,
    "BUS_OFF": 0x1_0001,
    "FLASH": 0x1_0002,
    "CONFIG_MISSING": 0x1_0003,
    "CONFIG_UNREADABLE": 0x1_0004,
    "GNSS_SPOOFED": 0x1_0010,
    "WHEELS_ON_STAND": 0x1_0011,
    "GNSS_LEAP": 0x1_0012,
    "CLOCK_JUMP": 0x1_0013,
    "ODOMETER_DRIFT": 0x1_0014,
    "REPORTED": 0,
}
_CODE = re.compile(r"([PCBU])([0-3])([0-9A-F]{3})-([0-9A-F]{2})")
_NAME = re.compile(r"[a-z][a-z0-9_]{1,30}")
_LETTERS = "PCBU"


@dataclass(frozen=True)
class Datum:
    """One data identifier."""

    number: int
    name: str
    type: str
    meaning: str
    unit: str = ""
    freeze: bool = False


@dataclass(frozen=True)
class Routine:
    number: int
    name: str
    meaning: str


@dataclass(frozen=True)
class Trouble:
    """One trouble code; `node` and `fault` are the names of the fault that it stands for."""

    code: str
    node: str
    fault: str
    en: str
    fr: str
    do: str

    @property
    def number(self) -> int:
        """The three bytes on the wire. Raises TableError."""
        return trouble_number(self.code)


@dataclass(frozen=True)
class Table:
    data: tuple[Datum, ...]
    routines: tuple[Routine, ...]
    troubles: tuple[Trouble, ...]


def trouble_number(code: str) -> int:
    """U0110-87 as its three bytes. Raises TableError."""
    found = _CODE.fullmatch(code)
    if found is None:
        raise TableError(f"{code}: not a letter of PCBU, four digits and a failure type")
    letter, first, rest, kind = found.groups()
    high = _LETTERS.index(letter) << 14 | int(first) << 12 | int(rest, 16)
    return high << 8 | int(kind, 16)


def load(path: Path = TABLE) -> Table:
    """The whole table. Raises TableError, which names what is wrong."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TableError(f"{path.name}: {error}") from error
    if set(found) != {"data", "routine", "trouble"}:
        raise TableError(f"{path.name}: sections are data, routine and trouble")
    table = Table(
        tuple(_made(Datum, entry) for entry in found["data"]),
        tuple(_made(Routine, entry) for entry in found["routine"]),
        tuple(_made(Trouble, entry) for entry in found["trouble"]),
    )
    _check(table)
    return table


def _made(kind: Any, entry: dict[str, Any]) -> Any:
    fields = kind.__dataclass_fields__
    unknown = set(entry) - set(fields)
    if unknown:
        raise TableError(f"{entry}: unknown {', '.join(sorted(unknown))}")
    for name, value in entry.items():
        if type(value) is not fields[name].type:
            raise TableError(f"{entry}: {name} is not of the right type")
    try:
        return kind(**entry)
    except TypeError as error:
        raise TableError(f"{entry}: {error}") from error


def _check(table: Table) -> None:
    named = [(datum.number, datum.name) for datum in table.data]
    named += [(routine.number, routine.name) for routine in table.routines]
    for number, name in named:
        if not 0 < number <= 0xFFFF or not _NAME.fullmatch(name):
            raise TableError(f"{name} {number:#x}: number or name out of range")
    for datum in table.data:
        if datum.type not in TYPES or (datum.freeze and datum.type == "text"):
            raise TableError(f"{datum.name}: no such type, or a text in a freeze frame")
    for trouble in table.troubles:
        if trouble.node not in NODES or trouble.fault not in FAULTS:
            raise TableError(f"{trouble.code}: no such node or fault")
    _once("data", [datum.number for datum in table.data])
    _once("data", [datum.name for datum in table.data])
    _once("routine", [routine.number for routine in table.routines])
    _once("trouble", [trouble.number for trouble in table.troubles])
    _once("trouble", [(trouble.node, trouble.fault) for trouble in table.troubles])


def _once(section: str, values: list[Any]) -> None:
    twice = {str(value) for value in values if values.count(value) > 1}
    if twice:
        raise TableError(f"{section}: {', '.join(sorted(twice))} comes twice")
