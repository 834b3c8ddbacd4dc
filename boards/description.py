"""Reads a board's board.toml: what the chip is, how tools reach it.

Every table and every key of schema.py must be there, and nothing else. What is wrong is named with
file and line. Numbers are checked against each other in checks.py.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from boards.checks import check_description
from boards.errors import DescriptionError
from boards.schema import BoardDescription
from boards.toml_lines import line_of

__all__ = ["BoardDescription", "decode_description", "read_description"]


def decode_description(text: str, where: str) -> BoardDescription:
    """Raises DescriptionError for anything that is not exactly the fields above."""
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DescriptionError(f"{where}: {error}") from error
    place = _Place(text, where)
    found: BoardDescription = _table(BoardDescription, values, "", place)
    check_description(found, place.refuse)
    return found


def read_description(folder: Path) -> BoardDescription:
    path = folder / "board.toml"
    return decode_description(path.read_text(encoding="utf-8"), str(path))


@dataclass(frozen=True)
class _Place:
    text: str
    where: str

    def refuse(self, key: str, why: str) -> None:
        """`key` is "table.name" or "name"."""
        line = line_of(self.text, key)
        raise DescriptionError(f"{self.where}: line {line}: {key}: {why}")


def _table(kind: Any, values: dict[str, Any], prefix: str, place: _Place) -> Any:
    names = [field.name for field in fields(kind)]
    for name in values:
        if name not in names:
            place.refuse(prefix + name, "unknown")
    for name in names:
        if name not in values:
            place.refuse(prefix + name, "missing")
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], values[name], prefix + name, place) for name in names})


def _value(kind: Any, value: Any, key: str, place: _Place) -> Any:
    if kind == dict[str, tuple[str, ...]]:
        if not isinstance(value, dict):
            place.refuse(key, "is not a table")
        return {name: _value(tuple, one, f"{key}.{name}", place) for name, one in value.items()}
    if kind in (str, int, bool):
        if type(value) is not kind:
            place.refuse(key, f"{value!r} is of the wrong kind")
        return value
    if isinstance(kind, type) and kind is not tuple:
        if not isinstance(value, dict):
            place.refuse(key, "is not a table")
        return _table(kind, value, key + ".", place)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        place.refuse(key, f"{value!r} is not a list of texts")
    return tuple(value)
