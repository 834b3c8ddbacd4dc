"""The configuration of the ingest: one TOML file, read once; unknown keys are refused."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet_backend.ingest.errors import SettingsError
from fleet_backend.ingest.mqtt import MqttSettings
from fleet_backend.ingest.worker import WorkerSettings


@dataclass(frozen=True)
class LedgerSettings:
    directory: Path
    origin: str
    key_file: Path
    # New statements are in the ledger after at most this, and at once when there is little to do.
    integrate_s: float = 0.1


@dataclass(frozen=True)
class IngestSettings:
    database: str
    ack_key: Path
    mqtt: MqttSettings
    ledger: LedgerSettings
    worker: WorkerSettings


# key -> (check, whether it must be there); tables are dictionaries of the same form.
_Check = Callable[[object, str], Any]


def load_settings(path: Path) -> IngestSettings:
    """Raises SettingsError, which names the key."""
    try:
        with path.open("rb") as file:
            found = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    return read_settings(found)


def read_settings(found: Mapping[str, object]) -> IngestSettings:
    """Settings of a parsed file. Raises SettingsError."""
    top = _table(found, "", _TOP, required=("database", "ack_key", "mqtt", "ledger"))
    mqtt = _table(top["mqtt"], "mqtt.", _MQTT, ("host", "port", "user", "password_file"))
    ledger = _table(top["ledger"], "ledger.", _LEDGER, ("directory", "origin", "key_file"))
    worker = _table(top.get("worker", {}), "worker.", _WORKER, ())
    return IngestSettings(
        top["database"],
        top["ack_key"],
        MqttSettings(**mqtt),
        LedgerSettings(**ledger),
        WorkerSettings(**worker),
    )


def _table(
    found: object, where: str, checks: Mapping[str, _Check], required: tuple[str, ...]
) -> dict[str, Any]:
    values = _mapping(found, where.rstrip(".") or "the file")
    for key in values:
        if key not in checks:
            raise SettingsError(f"unknown key {where}{key}")
    for key in required:
        if key not in values:
            raise SettingsError(f"key {where}{key} is missing")
    return {key: checks[key](value, where + key) for key, value in values.items()}


def _mapping(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where} is not a table")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{where} is not a text")
    return value


def _path(value: object, where: str) -> Path:
    return Path(_text(value, where))


def _count(low: int, high: int) -> _Check:
    def check(value: object, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise SettingsError(f"{where} is not a whole number from {low} to {high}")
        return value

    return check


def _seconds(low: float, high: float) -> _Check:
    def check(value: object, where: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SettingsError(f"{where} is not a number of seconds")
        if not low <= value <= high:
            raise SettingsError(f"{where} is not from {low} to {high} seconds")
        return float(value)

    return check


_TOP: dict[str, _Check] = {
    "database": _text,
    "ack_key": _path,
    "mqtt": _mapping,
    "ledger": _mapping,
    "worker": _mapping,
}
_MQTT: dict[str, _Check] = {
    "host": _text,
    "port": _count(1, 65_535),
    "user": _text,
    "password_file": _path,
    "client_id": _text,
    "keepalive_s": _count(5, 3_600),
    "queue_messages": _count(1, 65_535),
    "reconnect_max_s": _count(1, 600),
}
_LEDGER: dict[str, _Check] = {
    "directory": _path,
    "origin": _text,
    "key_file": _path,
    "integrate_s": _seconds(0.01, 10),
}
_WORKER: dict[str, _Check] = {
    "batch_messages": _count(1, 5_000),
    "gather_s": _seconds(0, 1),
    "wait_s": _seconds(0.01, 10),
    "housekeeping_s": _seconds(0.1, 60),
}
