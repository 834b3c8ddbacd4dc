"""The ingest program: a worker over one database and one broker connection.

Where its settings have a ledger it writes the log as well, in threads of its own.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack

from prometheus_client import CollectorRegistry

from fleet_backend.fleet.collector import spare_the_collector
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.fleet.keys import load_ed25519
from fleet_backend.fleet.metricserver import serving
from fleet_backend.ingest.adapter import Adapter
from fleet_backend.ingest.adapters import open_adapter
from fleet_backend.ingest.answers import Answers
from fleet_backend.ingest.ledgerthreads import start_threads
from fleet_backend.ingest.metering import measure_log, watch_queue
from fleet_backend.ingest.meters import IngestMeters
from fleet_backend.ingest.patience import patiently
from fleet_backend.ingest.publishing import read_policy
from fleet_backend.ingest.releasefiles import Question, ReleaseFiles
from fleet_backend.ingest.sequencer import Sequencer
from fleet_backend.ingest.settings import IngestSettings, LedgerSettings
from fleet_backend.ingest.sightings import Asked
from fleet_backend.ingest.worker import Worker
from fleet_backend.ledger.keys import load_log_key, log_signer
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.logstore.opening import published_log
from fleet_backend.tracing.tracer import from_environment

_LOG = logging.getLogger("fleet_backend.ingest")


def run(settings: IngestSettings, stop: threading.Event) -> None:
    """Until `stop` is set. Raises what ends the program: it is then started again as a whole.

    IngestError, FleetError, LedgerError, and the database driver's own errors.
    """
    spare_the_collector()
    ack_key = load_ed25519(settings.ack_key)
    meters, tracer = IngestMeters(), from_environment("ingest")
    with ExitStack() as ends:
        ends.callback(tracer.close)
        database = patiently(lambda: _open(settings.database), stop, settings.worker.patience_max_s)
        if database is None:
            return
        ends.callback(database.close)
        committed: Callable[[], None] = _nothing
        if settings.ledger is not None:
            committed = _write_log(database, settings.ledger, stop, ends, meters.registry)
        adapter = open_adapter(settings.mqtt, settings.amqp)
        ends.callback(adapter.close)
        answers = _answers(settings, adapter)
        if answers is not None:
            answers.start()
            ends.callback(answers.stop)
        questions: Callable[[Iterable[Question]], None] = _no_releases
        if settings.releases is not None:
            files = ReleaseFiles(settings.releases, adapter.send)
            files.start()
            ends.callback(files.stop)
            questions = files.ask
        worker = Worker(
            database,
            adapter,
            ack_key,
            settings.worker,
            retention=settings.retention,
            committed=committed,
            asked=_unanswered if answers is None else answers.ask,
            questions=questions,
            meters=meters,
            tracer=tracer,
        )
        ends.callback(worker.close)
        watch_queue(meters, adapter)
        ends.enter_context(serving(settings.metrics, meters.registry))
        _LOG.info("ready")
        worker.run(stop)
    _LOG.info("ended")


def _open(url: str) -> Database:
    database = open_database(url)
    database.create_schema()
    return database


def _write_log(
    database: Database,
    ledger: LedgerSettings,
    stop: threading.Event,
    ends: ExitStack,
    registry: CollectorRegistry,
) -> Callable[[], None]:
    """Write the log in this process, too. Returns what tells it that there is work."""
    policy = read_policy(ledger.policy)
    opened = Sequencer.open(database, ledger.directory, ledger.origin, ledger.key_files, policy)
    measured = measure_log(opened, registry)
    return start_threads(opened, policy, ledger, stop.set, ends, told=measured.cosigned).wake


def _answers(settings: IngestSettings, adapter: Adapter) -> Answers | None:
    if settings.ledger is not None:
        ledger = settings.ledger
        keys = map(load_log_key, ledger.key_files)
        logs = [log_signer(ledger.origin, key).verifier for key in keys]
        return Answers(FolderFetch(ledger.directory / "public"), logs, adapter.send)
    if settings.answers is not None:
        where = settings.answers
        policy = read_policy(where.policy)
        fetch = published_log(where.public, where.tiles_url, where.tiles_options)
        return Answers(fetch, policy.logs, adapter.send)
    return None


def _nothing() -> None:
    """Nobody in this process waits for what was committed."""


def _unanswered(asked: Iterable[Asked]) -> None:
    """Sightings are kept; another worker, or nobody, answers them."""


def _no_releases(questions: Iterable[Question]) -> None:
    """This worker was given no repository; gateways ask again, and get no answer."""
