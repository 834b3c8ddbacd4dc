"""Reads the flat TOML files of our own programs into frozen dataclasses; strictly."""

import dataclasses
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from trifleet.errors import TrifleetError

T = TypeVar("T")
_NAMES = {str: "a text", int: "a whole number", float: "a number", Path: "a path"}


class SettingsError(TrifleetError):
    """A settings file that cannot be used; says which file, which key, what was expected."""


def load(path: Path, kind: type[T]) -> T:
    """Settings of a dataclass type from a TOML file. Raises SettingsError."""
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    known = {item.name: item for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise SettingsError(f"{path}: unknown key {key!r}")
    values = {key: _value(path, key, known[key].type, value) for key, value in table.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise SettingsError(f"{path}: {error}") from error


def _value(path: Path, key: str, kind: Any, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise SettingsError(f"{path}: {key} must be {_NAMES.get(kind, kind)}")
    return value
