"""One worker in a process of its own, which a test may kill: `worker_child.py SETTINGS`.

The settings are the program's own, without a ledger: the test holds that.
"""

import signal
import sys
import threading
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.keys import load_ed25519
from fleet_backend.fleet.settings import load
from fleet_backend.ingest.adapters import open_adapter
from fleet_backend.ingest.amqp import AmqpSettings
from fleet_backend.ingest.mqtt import MqttSettings
from fleet_backend.ingest.patience import patiently
from fleet_backend.ingest.worker import Worker, WorkerSettings


@dataclass(frozen=True)
class ChildSettings:
    database: str
    ack_key: Path
    mqtt: MqttSettings | None = None
    amqp: AmqpSettings | None = None
    worker: WorkerSettings = field(default_factory=WorkerSettings)


def main() -> None:
    """Until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    settings = load(Path(sys.argv[1]), ChildSettings)
    adapter = open_adapter(settings.mqtt, settings.amqp)
    key = load_ed25519(settings.ack_key)
    with closing(adapter):
        database = patiently(lambda: open_database(settings.database), stop, 0.5)
        if database is None:
            return
        with closing(database):
            worker = patiently(lambda: Worker(database, adapter, key, settings.worker), stop, 0.5)
            if worker is not None:
                with closing(worker):
                    worker.run(stop)


main()
