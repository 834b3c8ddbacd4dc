"""The settings of the API; `load_settings` refuses what is unknown, missing or out of bounds.

There is no field for a key on purpose: this process is a courier.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fleet_backend.fleet.errors import SettingsError
from fleet_backend.fleet.mqtt_tls import MqttTls
from fleet_backend.fleet.settings import Bounds, Port, load

_Seconds = Annotated[int, Bounds(1, 3_600)]
_Count = Annotated[int, Bounds(1, 1_000_000)]


@dataclass(frozen=True)
class ApiSettings:
    """Paths are absolute after `load_settings`."""

    database_url: str
    operator_token: Path
    ledger_policy: Path
    mqtt_host: str
    mqtt_port: Port
    # One of the two; a password on loopback alone.
    mqtt_password: Path | None = None
    mqtt_tls: MqttTls | None = None
    mqtt_username: str = "api"  # our name: of the certificate, or beside the password
    # The published log: its `public` folder, or the URL of the store that it lies in.
    ledger_public: Path | None = None
    ledger_url: str | None = None
    ledger_options: Path | None = None  # what opens the store; else its environment variables
    command_ttl_s: _Seconds = 60  # how long a command may be on its way
    answer_grace_s: _Seconds = 10  # how much later the vehicle's answer may still arrive
    # How often the database is looked at for events and commands.
    poll_ms: Annotated[int, Bounds(1, 10_000)] = 50
    body_limit_bytes: Annotated[int, Bounds(1, 1 << 24)] = 65_536
    body_timeout_s: _Seconds = 10
    posts_per_minute: _Count = 120  # of one client address
    posts_burst: _Count = 40
    enrolments_per_minute: _Count = 10  # of one client address
    enrolments_in_all_per_minute: _Count = 60
    max_streams: _Count = 200
    stream_queue: _Count = 256  # events that wait for a slow reader before it is dropped
    heartbeat_s: _Seconds = 10
    slow_reader_s: _Seconds = 20  # a reader that takes nothing for so long is dropped


def load_settings(path: Path) -> ApiSettings:
    """Raises the fleet's SettingsError, which names file and key."""
    settings = load(path, ApiSettings)
    if (settings.ledger_public is None) == (settings.ledger_url is None):
        raise SettingsError(f"{path}: say where the log lies: ledger_public or ledger_url")
    return settings
