"""The settings of the issuer; `load_settings` refuses what is unknown, missing or out of bounds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fleet_backend.fleet.errors import SettingsError
from fleet_backend.fleet.settings import Bounds, load
from protocol.errors import DecodeError
from protocol.fields import identifier


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
    poll_ms: Annotated[int, Bounds(1, 10_000)] = 50
    cannot_log_s: Annotated[int, Bounds(1, 3_600)] = 10


def load_settings(path: Path) -> IssuerSettings:
    """Raises the fleet's SettingsError, which names file and key."""
    settings = load(path, IssuerSettings)
    try:
        identifier(settings.name, "name")
    except DecodeError as error:
        raise SettingsError(f"{path}: key 'name' must be an identifier of the protocol") from error
    return settings
