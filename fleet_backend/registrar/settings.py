"""The settings of the registrar; `load_settings` refuses what is unknown or out of bounds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fleet_backend.fleet.errors import SettingsError
from fleet_backend.fleet.settings import Bounds, Port, load


@dataclass(frozen=True)
class BrokerAddress:
    """Where gateways find the broker, and the name in its certificate."""

    host: str
    port: Port
    server_name: str


@dataclass(frozen=True)
class RegistrarSettings:
    """Paths are absolute after `load_settings`; both folders are this process's alone."""

    database_url: str
    invitations: Path
    authority: Path
    ack_public_key: str  # 64 hexadecimal digits, of the ingest
    ledger_policy: Path  # names the logs that gateways follow
    broker: BrokerAddress
    poll_ms: Annotated[int, Bounds(1, 10_000)] = 200

    @property
    def ack_key(self) -> bytes:
        """The public key, 32 bytes."""
        return bytes.fromhex(self.ack_public_key)


def load_settings(path: Path) -> RegistrarSettings:
    """Raises the fleet's SettingsError, which names file and key."""
    settings = load(path, RegistrarSettings)
    try:
        good = len(settings.ack_key) == 32
    except ValueError:
        good = False
    if not good:
        raise SettingsError(f"{path}: key 'ack_public_key' must be 64 hexadecimal digits")
    return settings
