"""Settings of the API, read once from a TOML file. Refuses unknown, missing and wrong fields.

There is no field for a key on purpose: this process is a courier.
"""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .errors import SettingsError


@dataclass(frozen=True)
class ApiSettings:
    """Paths are absolute after `load_settings`."""

    database_url: str
    operator_token: Path
    ledger_public: Path
    ledger_policy: Path
    mqtt_host: str
    mqtt_port: int
    mqtt_password: Path
    mqtt_username: str = "api"
    command_ttl_s: int = 60  # how long a command may be on its way
    answer_grace_s: int = 10  # how much later the vehicle's answer may still arrive
    poll_ms: int = 50  # how often the database is looked at for events and commands
    body_limit_bytes: int = 65_536
    body_timeout_s: int = 10
    posts_per_minute: int = 120  # of one client address
    posts_burst: int = 40
    max_streams: int = 200
    stream_queue: int = 256  # events that wait for a slow reader before it is dropped
    heartbeat_s: int = 10
    slow_reader_s: int = 20  # a reader that takes nothing for so long is dropped


def load_settings(path: Path) -> ApiSettings:
    """Read a settings file; relative paths begin at its folder. Raises SettingsError."""
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    known = {field.name: field for field in fields(ApiSettings)}
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            raise SettingsError(f"{path}: unknown field {name!r}")
        values[name] = _value(path, name, known[name].type, value)
    missing = [n for n in known if n not in values and not hasattr(ApiSettings, n)]
    if missing:
        raise SettingsError(f"{path}: missing field {missing[0]!r}")
    return ApiSettings(**values)


def _value(path: Path, name: str, kind: object, value: object) -> object:
    wanted = int if kind is int else str
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise SettingsError(f"{path}: field {name!r} must be {wanted.__name__}")
    if not value or (isinstance(value, int) and not 0 < value < 1 << 31):
        raise SettingsError(f"{path}: field {name!r} is out of range")
    return path.parent.resolve() / str(value) if kind is Path else value
