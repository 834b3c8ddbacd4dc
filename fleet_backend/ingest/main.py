"""The ingest program: worker and sequencer over one database and one broker connection."""

import logging
import threading

from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.keys import load_ed25519
from fleet_backend.ingest.mqtt import MqttAdapter
from fleet_backend.ingest.sequencer import Sequencer, SequencerThread
from fleet_backend.ingest.settings import IngestSettings
from fleet_backend.ingest.worker import Worker

_LOG = logging.getLogger("fleet_backend.ingest")


def run(settings: IngestSettings, stop: threading.Event) -> None:
    """Until `stop` is set. Raises what ends the program: it is then started again as a whole.

    IngestError, FleetError, LedgerError, and the database driver's own errors.
    """
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
            worker = Worker(database, adapter, ack_key, settings.worker, committed=sequencer.wake)
            _LOG.info("ready")
            worker.run(stop)
        finally:
            adapter.close()
    finally:
        sequencer.stop()
        database.close()
    _LOG.info("ended")
