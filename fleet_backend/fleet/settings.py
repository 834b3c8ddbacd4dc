"""Settings of a program: one TOML file, read once into a frozen dataclass.

The dataclass is the schema: a field without a default must be there, a nested dataclass is a table.
Refuses what is unknown, missing, of another type or out of bounds. Relative paths begin at the
file's folder.
"""

import tomllib
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from fleet_backend.fleet.errors import SettingsError


@dataclass(frozen=True)
class Bounds:
    """The least and the greatest value of a number: `Annotated[int, Bounds(1, 500)]`."""

    least: float
    most: float


Port = Annotated[int, Bounds(1, 65_535)]

T = TypeVar("T")
_WORDS = {
    str: "a line of text",
    Path: "a path",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}
# What TOML gives for each type; `type() is`, because a bool is an int to `isinstance`.
_GIVEN = {str: (str,), Path: (str,), bool: (bool,), int: (int,), float: (float, int)}
_64_BITS = Bounds(-(1 << 63), (1 << 63) - 1)


def load(path: Path, kind: type[T]) -> T:
    """The file as an instance of `kind`. Raises SettingsError: which file, which key, what then."""
    try:
        with path.open("rb") as file:
            found = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, too long, too deep
        raise SettingsError(f"{path} is not TOML: {error}") from error
    settings: T = _table(path, kind, found, "")
    return settings


def _table(path: Path, kind: Any, found: dict[str, object], prefix: str) -> Any:
    hints = get_type_hints(kind, include_extras=True)
    for name in found:
        if name not in hints:
            known = ", ".join(hints)
            raise SettingsError(f"{path}: key {prefix + name!r} is unknown; known are {known}")
    for field in fields(kind):
        is_optional = field.default is not MISSING or field.default_factory is not MISSING
        if field.name not in found and not is_optional:
            due = _due(*_parts(hints[field.name]))
            raise SettingsError(f"{path}: key {prefix + field.name!r} is missing: {due}")
    values = {name: _value(path, hints[name], found[name], prefix + name) for name in found}
    return kind(**values)


def _value(path: Path, hint: Any, found: Any, key: str) -> Any:
    kind, bounds = _parts(hint)
    if is_dataclass(kind) and isinstance(found, dict):
        return _table(path, kind, found, key + ".")
    if type(found) not in _GIVEN.get(kind, ()) or not _is_good(found, bounds):
        # The value itself is not repeated: it may be a secret in the wrong place.
        raise SettingsError(f"{path}: key {key!r} must be {_due(kind, bounds)}")
    if kind is Path:
        return path.parent.resolve() / found
    return float(found) if kind is float else found


def _is_good(found: Any, bounds: Bounds) -> bool:
    if isinstance(found, str):
        return found != "" and found.isprintable()
    return bool(bounds.least <= found <= bounds.most)  # not so for nan


def _parts(hint: Any) -> tuple[Any, Bounds]:
    if isinstance(hint, UnionType):  # `Path | None`: a key that is not there is None
        hint = get_args(hint)[0]
    if get_origin(hint) is Annotated:
        kind, bounds = get_args(hint)
        return kind, bounds
    return hint, _64_BITS


def _due(kind: Any, bounds: Bounds) -> str:
    words = _WORDS.get(kind, "a table")
    return words if bounds is _64_BITS else f"{words} from {bounds.least} to {bounds.most}"
