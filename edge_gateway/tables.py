"""Checked tables of TOML: known keys only, each with a check, and every fault named by its key.

A check says what it demands as JSON Schema too (`shape`), so the schema and the program agree.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edge_gateway.errors import SettingsError
from protocol import fields
from protocol.errors import DecodeError

Check = Callable[["Place", object], object]
_Any = TypeVar("_Any")
_AnyCheck = TypeVar("_AnyCheck", bound=Callable[..., object])
_SHAPES: dict[Callable[..., object], Mapping[str, object]] = {}


@dataclass(frozen=True)
class Place:
    """Where in which file a value stands."""

    file: Path
    key: str

    def fails(self, expected: str) -> SettingsError:
        return SettingsError(self.file, self.key, expected)


class Faults:
    """Collects faults, so that all are told and not the first alone."""

    def __init__(self) -> None:
        self._found: list[SettingsError] = []

    def of(self, read: Callable[[], _Any]) -> _Any | None:
        """What `read` returns; None, its faults noted, where it raises SettingsError."""
        try:
            return read()
        except SettingsError as error:
            self._found.extend(error.faults)
            return None

    def add(self, fault: SettingsError) -> None:
        self._found.append(fault)

    def raise_any(self) -> None:
        """Raises SettingsError with everything that was noted."""
        if self._found:
            raise SettingsError.of(self._found)


def shaped(**shape: object) -> Callable[[_AnyCheck], _AnyCheck]:
    """Says what a check demands, in the words of JSON Schema."""

    def note(check: _AnyCheck) -> _AnyCheck:
        _SHAPES[check] = shape
        return check

    return note


def shape(check: Check) -> Mapping[str, object]:
    """What is known of a check's demands; nothing where it did not say."""
    return _SHAPES.get(check, {})


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
    faults = Faults()
    for key in value:
        if key not in checks:
            at = Place(place.file, prefix + key)
            faults.add(at.fails(f"no such key; {_known(key, checks)}"))
    given = {**defaults, **value}
    out = {}
    for key, check in checks.items():
        at = Place(place.file, prefix + key)
        out[key] = faults.of(
            lambda key=key, check=check, at=at: (  # type: ignore[misc]
                check(at, given[key]) if key in given else _raise(at.fails("missing"))
            )
        )
    faults.raise_any()
    return out


def numbers(file: Path, key: str, value: object, most: Mapping[str, int]) -> dict[str, int]:
    """A table of positive integers with a maximum each; what is left out keeps its default."""
    checks = {name: number(1, limit) for name, limit in most.items()}
    given = value if isinstance(value, dict) else {}
    wanted = {name: check for name, check in checks.items() if name in given}
    try:
        found = table(Place(file, key), value, wanted, {})
    except SettingsError as error:
        # The keys that may be there are all of them, not those that are.
        raise SettingsError.of([_named(fault, file, checks) for fault in error.faults]) from error
    return {name: number for name, number in found.items() if isinstance(number, int)}


def number(least: int, most: int) -> Check:
    """An integer within bounds, both included."""

    @shaped(type="integer", minimum=least, maximum=most)
    def check(place: Place, value: object) -> object:
        if type(value) is not int or not least <= value <= most:
            raise place.fails(f"an integer from {least} to {most}")
        return value

    return check


def one_of(*names: str) -> Check:
    """One of a few words."""

    @shaped(enum=list(names))
    def check(place: Place, value: object) -> object:
        if value not in names:
            raise place.fails(" or ".join(names))
        return value

    return check


def list_of(item: Check, least: int, most: int) -> Check:
    """So many values, each checked."""

    @shaped(type="array", minItems=least, maxItems=most, items=dict(shape(item)))
    def check(place: Place, value: object) -> object:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise place.fails(f"a list of {least} to {most}")
        return [item(place, one) for one in value]

    return check


@shaped(type="string", pattern="^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$")
def identifier(place: Place, value: object) -> str:
    try:
        return fields.identifier(value, place.key)
    except DecodeError as error:
        raise place.fails("1 to 32 characters of a-z 0-9 -, no hyphen at either end") from error


@shaped(type="string", minLength=1)
def text(place: Place, value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise place.fails("a text")
    return value


@shaped(type="string", minLength=1)
def path(place: Place, value: object) -> Path:
    return place.file.parent / text(place, value)


@shaped(type="integer", minimum=1, maximum=65535)
def port(place: Place, value: object) -> int:
    if type(value) is not int or not 1 <= value <= 65535:
        raise place.fails("a port from 1 to 65535")
    return value


@shaped(type="boolean")
def flag(place: Place, value: object) -> bool:
    if not isinstance(value, bool):
        raise place.fails("true or false")
    return value


def anything(_: Place, value: object) -> object:
    return value


def _known(key: str, checks: Mapping[str, Check]) -> str:
    close = [name for name in checks if sorted(name) == sorted(key) or name in key or key in name]
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(checks)}"


def _named(fault: SettingsError, file: Path, checks: Mapping[str, Check]) -> SettingsError:
    if not fault.expected.startswith("no such key"):
        return fault
    key = fault.key.rpartition(".")[2]
    return SettingsError(file, fault.key, f"no such key; {_known(key, checks)}")


def _raise(error: SettingsError) -> object:
    raise error
