"""Runs the ingest program in a process of its own, which a test may kill: `ingest_child.py F`."""

import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from fleet_backend.ingest.main import run
from fleet_backend.ingest.settings import load_settings


def main() -> None:
    """Until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    run(load_settings(Path(sys.argv[1])), stop)


main()
