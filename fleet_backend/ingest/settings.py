"""The settings of the ingest; `load_settings` refuses what is unknown, missing or out of bounds."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fleet_backend.fleet.errors import SettingsError
from fleet_backend.fleet.metricserver import MetricsSettings
from fleet_backend.fleet.retention import RetentionSettings
from fleet_backend.fleet.settings import Bounds, load
from fleet_backend.ingest.amqp import AmqpSettings
from fleet_backend.ingest.mqtt import MqttSettings
from fleet_backend.ingest.worker import WorkerSettings
from fleet_backend.logstore.lease import LeaseSettings


@dataclass(frozen=True)
class LogSettings:
    """What a writer of the log needs wherever its files lie."""

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


@dataclass(frozen=True, kw_only=True)
class LedgerSettings(LogSettings):
    """A log of one machine, in a folder."""

    directory: Path


@dataclass(frozen=True, kw_only=True)
class WriterSettings(LogSettings):
    """A log that the ledger's own program writes: in a folder, or shared with a standby."""

    # Either the folder of a log of one machine,
    directory: Path | None = None
    # or where the files lie that several machines reach: file:///srv/log, s3://bucket/prefix.
    tiles_url: str | None = None
    # What opens that store, `name = "text"` a line, mode 0600; else its environment variables.
    tiles_options: Path | None = None
    lease: LeaseSettings = field(default_factory=LeaseSettings)


@dataclass(frozen=True)
class LedgerProgramSettings:
    """Of `trifleet backend ledger`. Paths are absolute after `load_ledger_settings`."""

    database: str
    ledger: WriterSettings
    metrics: MetricsSettings = field(default_factory=MetricsSettings)


@dataclass(frozen=True)
class AnswerSettings:
    """The published log, for a worker that answers sightings and does not write it."""

    policy: Path
    # One of the two: the `public` folder, or the URL of the store as above.
    public: Path | None = None
    tiles_url: str | None = None
    tiles_options: Path | None = None


@dataclass(frozen=True)
class IngestSettings:
    """Paths are absolute after `load_settings`.

    With `ledger` the program writes the log, too; without it is a worker, and `answers` lets it
    answer sightings.
    """

    database: str
    ack_key: Path
    # One of the two.
    mqtt: MqttSettings | None = None
    amqp: AmqpSettings | None = None
    ledger: LedgerSettings | None = None
    answers: AnswerSettings | None = None
    # The release repository that gateways get their files from; without it they get none.
    releases: Path | None = None
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)


def load_settings(path: Path) -> IngestSettings:
    """Raises the fleet's SettingsError, which names file and key."""
    settings = load(path, IngestSettings)
    answers = settings.answers
    if answers is not None:
        if settings.ledger is not None:
            raise SettingsError(f"{path}: with 'ledger' there is nothing to say in 'answers'")
        _require_one(path, "answers", "public", answers.public, answers.tiles_url)
    return settings


def load_ledger_settings(path: Path) -> LedgerProgramSettings:
    """The same for the ledger's own program."""
    settings = load(path, LedgerProgramSettings)
    log = settings.ledger
    _require_one(path, "ledger", "directory", log.directory, log.tiles_url)
    return settings


def _require_one(path: Path, table: str, name: str, folder: Path | None, url: str | None) -> None:
    if (folder is None) == (url is None):
        raise SettingsError(f"{path}: '{table}' says where the log lies: {name} or tiles_url")
