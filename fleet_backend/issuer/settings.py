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
    ledger_policy: Path
    # The published log: its `public` folder, or the URL of the store that it lies in.
    ledger_public: Path | None = None
    ledger_url: str | None = None
    ledger_options: Path | None = None  # what opens the store; else its environment variables
    poll_ms: Annotated[int, Bounds(1, 10_000)] = 50
    cannot_log_s: Annotated[int, Bounds(1, 3_600)] = 10


def load_settings(path: Path) -> IssuerSettings:
    """Raises the fleet's SettingsError, which names file and key."""
    settings = load(path, IssuerSettings)
    try:
        identifier(settings.name, "name")
    except DecodeError as error:
        raise SettingsError(f"{path}: key 'name' must be an identifier of the protocol") from error
    if (settings.ledger_public is None) == (settings.ledger_url is None):
        raise SettingsError(f"{path}: say where the log lies: ledger_public or ledger_url")
    return settings
