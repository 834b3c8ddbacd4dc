"""A vehicle's numbers, read from `hw/vehicles/<name>.toml`; what they may be: `vehicle_schema.py`.

Refuses unknown and missing keys, other types, values outside of what such a vehicle can have, and
numbers that contradict each other. Every error names file and line.
"""

import re
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from hw.errors import ConfigError
from hw.toml_lines import Document, Table, Value, scan
from hw.vehicle_checks import BRAKING_MPS2, DRIVING_MPS2, centre_of_mass, check
from hw.vehicle_schema import LAYOUTS, LISTS, MOST, SECTIONS, VehicleConfig

__all__ = [
    "BRAKING_MPS2",
    "DRIVING_MPS2",
    "FOLDER",
    "VehicleConfig",
    "centre_of_mass",
    "load_vehicle",
    "parse_vehicle",
    "vehicle_names",
]

FOLDER = Path(__file__).with_name("vehicles")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_BOARD = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?")

Part = TypeVar("Part")


def vehicle_names() -> list[str]:
    """The vehicles that come with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_vehicle(name: str | Path) -> VehicleConfig:
    """A vehicle by its name in `hw/vehicles`, or by the path of a file. Raises ConfigError."""
    path = name if isinstance(name, Path) else FOLDER / f"{name}.toml"
    if not isinstance(name, Path) and name not in vehicle_names():
        raise ConfigError(f"vehicle {name!r}: expected one of {', '.join(vehicle_names())}")
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}: cannot be read: {error}") from error
    return parse_vehicle(text, path.name)


def parse_vehicle(text: str, file: str) -> VehicleConfig:
    """A configuration from its text; `file` is what errors name. Raises ConfigError."""
    document = scan(text, file)
    top = document.top
    _known(document, {"name", "layout"})
    _exact_keys(document, top, ["name", "layout"], "")
    name, layout = top.values["name"], top.values["layout"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        words = f"name: expected 1 to 32 of a-z 0-9 -, got {name!r}"
        raise document.refuse(top.line_of("name"), words)
    if layout not in LAYOUTS:
        words = f"layout: expected delta or tadpole, got {layout!r}"
        raise document.refuse(top.line_of("layout"), words)
    sections = {key: _section(document, key) for key in SECTIONS}
    config = VehicleConfig(
        name=name,
        layout=cast('Literal["delta", "tadpole"]', layout),
        motors=_several(document, "motor"),
        packs=_several(document, "pack"),
        **sections,
    )
    check(config, document)
    return config


def _known(document: Document, keys: Collection[str]) -> None:
    """Every section is one of ours, in its own form."""
    expected = ", ".join([*SECTIONS, *LISTS])
    for key, tables in [
        *((key, [table]) for key, table in document.sections.items()),
        *document.lists.items(),
    ]:
        several = key in document.lists
        if key not in (LISTS if several else SECTIONS):
            form = f"expected [[{key}]]" if key in LISTS else f"expected [{key}]"
            known = key in LISTS or key in SECTIONS
            words = form if known else f"is unknown; expected one of {expected}"
            raise document.refuse(tables[0].line, f"{key}: {words}")
    for key, line in document.top.lines.items():
        if key in SECTIONS or key in LISTS:
            got = document.top.values[key]
            raise document.refuse(line, f"{key}: expected a section, got {got!r}")
        if key not in keys:
            raise document.refuse(line, f"{key}: is unknown; expected name or layout here")


def _section(document: Document, key: str) -> Any:
    table = document.sections.get(key)
    if table is None:
        raise document.refuse(1, f"{key}: the section [{key}] is missing")
    return _part(document, table, SECTIONS[key], key)


def _several(document: Document, key: str) -> Any:
    tables = document.lists.get(key, [])
    if not tables:
        raise document.refuse(1, f"{key}: the section [[{key}]] is missing; expected one or two")
    if len(tables) > MOST:
        raise document.refuse(tables[MOST].line, f"{key}[{MOST + 1}]: expected {MOST} at most")
    return tuple(
        _part(document, table, LISTS[key], f"{key}[{number}]")
        for number, table in enumerate(tables, 1)
    )


def _part(document: Document, table: Table, kind: type[Part], where: str) -> Part:
    """One section as its dataclass."""
    specification = fields(cast(Any, kind))
    _exact_keys(document, table, [one.name for one in specification], f"{where}.")
    values = {}
    for one in specification:
        value, wrong = _value(one, table.values[one.name])
        if wrong:
            raise document.refuse(table.line_of(one.name), f"{where}.{one.name}: {wrong}")
        values[one.name] = value
    return kind(**values)


def _value(one: Any, value: Value) -> tuple[Value, str]:
    """One value of a section, and what is wrong with it."""
    if one.type is bool:
        return value, "" if isinstance(value, bool) else f"expected true or false, got {value!r}"
    if one.type is str:
        return value, _wrong_word(one, value)
    low, high = one.metadata["low"], one.metadata["high"]
    what = f"expected {'a whole number' if one.type is int else 'a number'} from {low} to {high}"
    allowed = (int,) if one.type is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed):
        return value, f"{what}, got {value!r}"
    if not low <= value <= high:
        side = f"is below {low}" if value < low else f"is above {high}"
        return value, f"{value!r} {side}; {what}" if value == value else f"{what}, got nan"
    return (value if one.type is int else float(value)), ""


def _wrong_word(one: Any, value: Value) -> str:
    words = one.metadata.get("words")
    if words is not None:
        return "" if value in words else f"expected {' or '.join(words)}, got {value!r}"
    if isinstance(value, str) and _BOARD.fullmatch(value):
        return ""
    return f"expected the name of a folder of boards/, got {value!r}"


def _exact_keys(document: Document, table: Table, expected: list[str], where: str) -> None:
    for key, line in table.lines.items():
        if key not in expected:
            words = f"{where}{key}: is unknown; expected one of {', '.join(expected)}"
            raise document.refuse(line, words)
    for key in expected:
        if key not in table.values:
            raise document.refuse(table.line, f"{where}{key}: is missing; add it below this line")
