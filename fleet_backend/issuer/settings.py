"""Settings of the issuer, read once from a TOML file. Refuses unknown, missing and wrong fields."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from protocol.errors import DecodeError
from protocol.fields import identifier

from .errors import SettingsError


@dataclass(frozen=True)
class IssuerSettings:
    """Paths are absolute after `load_settings`; the key files are read by this process alone."""

    name: str  # the issuer's identifier, under which its statements are chained
    database_url: str
    issuing_key: Path
    statement_key: Path
    journal: Path  # folder of this process alone: what is signed and not yet handed out
    ledger_public: Path
    ledger_policy: Path
    poll_ms: int = 50
    cannot_log_s: int = 10


def load_settings(path: Path) -> IssuerSettings:
    """Read a settings file; relative paths begin at its folder. Raises SettingsError."""
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    known = {field.name: field for field in fields(IssuerSettings)}
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            raise SettingsError(f"{path}: unknown field {name!r}")
        values[name] = _value(path, name, known[name].type, value)
    missing = [n for n in known if n not in values and not hasattr(IssuerSettings, n)]
    if missing:
        raise SettingsError(f"{path}: missing field {missing[0]!r}")
    settings = IssuerSettings(**values)
    _check(path, settings)
    return settings


def _value(path: Path, name: str, kind: object, value: object) -> object:
    wanted = int if kind is int else str
    if not isinstance(value, wanted) or isinstance(value, bool) or value == "":
        raise SettingsError(f"{path}: field {name!r} must be {wanted.__name__}")
    return path.parent.resolve() / str(value) if kind is Path else value


def _check(path: Path, settings: IssuerSettings) -> None:
    try:
        identifier(settings.name, "name")
    except DecodeError as error:
        raise SettingsError(f"{path}: field 'name' is not an identifier") from error
    if not 1 <= settings.poll_ms <= 10_000 or not 1 <= settings.cannot_log_s <= 3600:
        raise SettingsError(f"{path}: poll_ms is 1 to 10000, cannot_log_s is 1 to 3600")
