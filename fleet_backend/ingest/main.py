"""The ingest program: worker and sequencer over one database and one broker connection."""

import gc
import logging
import threading
from contextlib import ExitStack, closing

from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.keys import load_ed25519
from fleet_backend.fleet.metricserver import serving
from fleet_backend.ingest.adapter import Adapter
from fleet_backend.ingest.adapters import open_adapter
from fleet_backend.ingest.answers import Answers
from fleet_backend.ingest.metering import measure_log, watch_queue
from fleet_backend.ingest.meters import IngestMeters
from fleet_backend.ingest.publishing import PublisherThread, read_policy
from fleet_backend.ingest.sequencer import Sequencer, SequencerThread
from fleet_backend.ingest.settings import IngestSettings, LedgerSettings
from fleet_backend.ingest.worker import Worker
from fleet_backend.ledger.keys import load_log_key, log_signer
from tracing.tracer import from_environment

_LOG = logging.getLogger("fleet_backend.ingest")


_YOUNG_OBJECTS = 20_000


def spare_the_collector() -> None:
    """Batches are thousands of small tuples and no cycles: looking for cycles costs 3 % of a core.

    What the imports made is not looked at again either.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)


def run(settings: IngestSettings, stop: threading.Event) -> None:
    """Until `stop` is set. Raises what ends the program: it is then started again as a whole.

    IngestError, FleetError, LedgerError, and the database driver's own errors.
    """
    spare_the_collector()
    ack_key = load_ed25519(settings.ack_key)
    database = open_database(settings.database)
    database.create_schema()
    ledger = settings.ledger
    policy = read_policy(ledger.policy)
    opened = Sequencer.open(database, ledger.directory, ledger.origin, ledger.key_files, policy)
    meters, tracer = IngestMeters(), from_environment("ingest")
    told = measure_log(opened, meters.registry).cosigned
    publisher = PublisherThread(opened.writer, policy, ledger.cosign_s, stop.set, told)
    sequencer = SequencerThread(opened, failed=stop.set)
    try:
        publisher.start()
        sequencer.start(ledger.integrate_s)
        adapter = open_adapter(settings.mqtt, settings.amqp)
        try:
            answers = _start_answers(ledger, adapter)
            try:
                worker = Worker(
                    database,
                    adapter,
                    ack_key,
                    settings.worker,
                    retention=settings.retention,
                    committed=sequencer.wake,
                    asked=answers.ask,
                    meters=meters,
                    tracer=tracer,
                )
                watch_queue(meters, adapter)
                with closing(worker), serving(settings.metrics, meters.registry):
                    _LOG.info("ready")
                    worker.run(stop)
            finally:
                answers.stop()
        finally:
            adapter.close()
    finally:
        with ExitStack() as ends:
            ends.callback(tracer.close)
            ends.callback(database.close)
            ends.callback(publisher.check)
            ends.callback(sequencer.stop, publisher.stop)
    _LOG.info("ended")


def _start_answers(ledger: LedgerSettings, adapter: Adapter) -> Answers:
    keys = map(load_log_key, ledger.key_files)
    logs = [log_signer(ledger.origin, key).verifier for key in keys]
    answers = Answers(ledger.directory / "public", logs, adapter.send)
    answers.start()
    return answers
