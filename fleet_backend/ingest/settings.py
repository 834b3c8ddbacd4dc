"""The settings of the ingest; `load_settings` refuses what is unknown, missing or out of bounds."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fleet_backend.fleet.metricserver import MetricsSettings
from fleet_backend.fleet.retention import RetentionSettings
from fleet_backend.fleet.settings import Bounds, load
from fleet_backend.ingest.amqp import AmqpSettings
from fleet_backend.ingest.mqtt import MqttSettings
from fleet_backend.ingest.worker import WorkerSettings


@dataclass(frozen=True)
class LedgerSettings:
    directory: Path
    origin: str
    key_file: Path
    # New statements are in the ledger after at most this, and at once when there is little to do.
    integrate_s: Annotated[float, Bounds(0.01, 10)] = 0.1
    # Who cosigns before a checkpoint is published, and where they are asked. Without it, or with
    # `quorum none`, nobody does.
    policy: Path | None = None
    # Between two checkpoints that are sent to the witnesses.
    cosign_s: Annotated[float, Bounds(0.05, 60)] = 0.2
    # The log's former key, which signs beside the new one while the log changes its key.
    old_key_file: Path | None = None

    @property
    def key_files(self) -> list[Path]:
        """The newest first."""
        return [self.key_file] + ([self.old_key_file] if self.old_key_file else [])


@dataclass(frozen=True)
class IngestSettings:
    """Paths are absolute after `load_settings`."""

    database: str
    ack_key: Path
    ledger: LedgerSettings
    # One of the two.
    mqtt: MqttSettings | None = None
    amqp: AmqpSettings | None = None
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)


def load_settings(path: Path) -> IngestSettings:
    """Raises the fleet's SettingsError, which names file and key."""
    return load(path, IngestSettings)
