"""Checked tables of TOML: known keys only, each with a check, and every fault named by its key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_gateway.errors import SettingsError
from protocol import fields
from protocol.errors import DecodeError

Check = Callable[["Place", object], object]


@dataclass(frozen=True)
class Place:
    """Where in which file a value stands."""

    file: Path
    key: str

    def fails(self, expected: str) -> SettingsError:
        return SettingsError(self.file, self.key, expected)


def table(
    place: Place,
    value: object,
    checks: Mapping[str, Check],
    defaults: Mapping[str, object],
) -> dict[str, object]:
    """Checked values of a table: known keys only, all of them present or with a default."""
    if not isinstance(value, dict):
        raise place.fails("a table")
    prefix = f"{place.key}." if place.key else ""
    for key in value:
        if key not in checks:
            raise Place(place.file, prefix + key).fails(f"no such key; known: {', '.join(checks)}")
    given = {**defaults, **value}
    out = {}
    for key, check in checks.items():
        if key not in given:
            raise Place(place.file, prefix + key).fails("missing")
        out[key] = check(Place(place.file, prefix + key), given[key])
    return out


def numbers(file: Path, key: str, value: object, most: Mapping[str, int]) -> dict[str, int]:
    """A table of positive integers with a maximum each; what is left out keeps its default."""
    place = Place(file, key)
    if not isinstance(value, dict):
        raise place.fails("a table")
    for name, number in value.items():
        at = Place(file, f"{key}.{name}")
        if name not in most:
            raise at.fails(f"no such key; known: {', '.join(most)}")
        if type(number) is not int or not 1 <= number <= most[name]:
            raise at.fails(f"an integer from 1 to {most[name]}")
    return dict(value)


def identifier(place: Place, value: object) -> str:
    try:
        return fields.identifier(value, place.key)
    except DecodeError as error:
        raise place.fails("1 to 32 characters of a-z 0-9 -, no hyphen at either end") from error


def text(place: Place, value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise place.fails("a text")
    return value


def path(place: Place, value: object) -> Path:
    return place.file.parent / text(place, value)


def port(place: Place, value: object) -> int:
    if type(value) is not int or not 1 <= value <= 65535:
        raise place.fails("a port from 1 to 65535")
    return value


def flag(place: Place, value: object) -> bool:
    if not isinstance(value, bool):
        raise place.fails("true or false")
    return value


def anything(_: Place, value: object) -> object:
    return value
