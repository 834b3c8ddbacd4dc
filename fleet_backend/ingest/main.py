"""The ingest program: worker and sequencer over one database and one broker connection."""

import gc
import logging
import threading

from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.keys import load_ed25519
from fleet_backend.ingest.answers import Answers
from fleet_backend.ingest.mqtt import MqttAdapter
from fleet_backend.ingest.sequencer import Sequencer, SequencerThread
from fleet_backend.ingest.settings import IngestSettings, LedgerSettings
from fleet_backend.ingest.worker import Worker
from fleet_backend.ledger.keys import load_log_key, log_signer

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
    opened = Sequencer.open(database, ledger.directory, ledger.origin, ledger.key_file)
    sequencer = SequencerThread(opened, failed=stop.set)
    try:
        sequencer.start(ledger.integrate_s)
        adapter = MqttAdapter(settings.mqtt)
        try:
            answers = _start_answers(ledger, adapter)
            try:
                wake, ask = sequencer.wake, answers.ask
                worker = Worker(
                    database, adapter, ack_key, settings.worker, committed=wake, asked=ask
                )
                _LOG.info("ready")
                worker.run(stop)
            finally:
                answers.stop()
        finally:
            adapter.close()
    finally:
        sequencer.stop()
        database.close()
    _LOG.info("ended")


def _start_answers(ledger: LedgerSettings, adapter: MqttAdapter) -> Answers:
    log = log_signer(ledger.origin, load_log_key(ledger.key_file)).verifier
    answers = Answers(ledger.directory / "public", log, adapter.send)
    answers.start()
    return answers
