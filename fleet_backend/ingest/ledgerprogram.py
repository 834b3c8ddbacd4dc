"""The ledger's own program: takes what workers stored into the log, alone or with a standby.

It speaks to the database and to the store of the tiles, to witnesses, and to no broker: the machine
that holds the log's key takes no message from outside. A standby waits for the lease; what stops
two writers is the checkpoint's row in the database.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from prometheus_client import CollectorRegistry

from fleet_backend.fleet.database import Database, open_database
from fleet_backend.fleet.metricserver import serving
from fleet_backend.ingest.ledgerthreads import start_threads
from fleet_backend.ingest.metering import measure_log
from fleet_backend.ingest.patience import patiently
from fleet_backend.ingest.publishing import read_policy
from fleet_backend.ingest.sequencer import Sequencer
from fleet_backend.ingest.settings import LedgerProgramSettings, WriterSettings
from fleet_backend.ledger.errors import ConfigError, LedgerError, StorageError
from fleet_backend.ledger.keys import load_log_key
from fleet_backend.logstore.lease import Lease
from fleet_backend.logstore.moving import move_log
from fleet_backend.logstore.opening import open_tiles
from fleet_backend.logstore.place import create_shared_log

_LOG = logging.getLogger("fleet_backend.ingest")
_PATIENCE_S = 0.5  # at most between two tries of a database that is away


def create(settings: LedgerProgramSettings) -> None:
    """Begin a shared log, once. Raises ConfigError where there is one, FleetError, LedgerError."""
    log = settings.ledger
    if log.tiles_url is None:
        raise ConfigError("only a log with 'tiles_url' is begun by this program")
    with closing(open_database(settings.database)) as database:
        database.create_schema()
        tiles = open_tiles(log.tiles_url, log.tiles_options)
        create_shared_log(database, tiles, log.origin, load_log_key(log.key_file))


def move(settings: LedgerProgramSettings, folder: Path) -> None:
    """Take on the log of a folder that no program writes. As `create`."""
    log = settings.ledger
    if log.tiles_url is None:
        raise ConfigError("a log is moved to where 'tiles_url' says")
    keys = [load_log_key(file) for file in log.key_files]
    with closing(open_database(settings.database)) as database:
        database.create_schema()
        tiles = open_tiles(log.tiles_url, log.tiles_options)
        size = move_log(database, tiles, folder, log.origin, keys, read_policy(log.policy))
    _LOG.info("moved: the log has %d entries", size)


def run(settings: LedgerProgramSettings, stop: threading.Event) -> None:
    """Until `stop` is set. Raises what ends the program: it is then started again as a whole.

    IngestError, FleetError, LedgerError (LockLostError: another writer took over), and the database
    driver's own errors.
    """
    log = settings.ledger
    policy = read_policy(log.policy)
    with ExitStack() as ends:
        database = patiently(lambda: _open(settings.database), stop, _PATIENCE_S)
        if database is None:
            return
        ends.callback(database.close)
        if log.tiles_url is None:
            opened = _open_folder(database, log)
        else:
            if not _wait_for_turn(database, log, stop, ends):
                return
            tiles = open_tiles(log.tiles_url, log.tiles_options)
            opened = Sequencer.open_shared(database, tiles, log.origin, log.key_files, policy)
        changes = database.changes()
        ends.callback(changes.close)
        meters = measure_log(opened, CollectorRegistry())
        start_threads(opened, policy, log, stop.set, ends, changes.any, meters.cosigned)
        ends.enter_context(serving(settings.metrics, meters.registry))
        _LOG.info("ready: the log has %d entries", opened.writer.size)
        stop.wait()
    _LOG.info("ended")


def _open(url: str) -> Database:
    database = open_database(url)
    try:
        database.create_schema()
    except Exception:
        database.close()
        raise
    return database


def _open_folder(database: Database, log: WriterSettings) -> Sequencer:
    if log.directory is None:
        raise ConfigError("the settings do not say where the log lies")
    policy = read_policy(log.policy)
    return Sequencer.open(database, log.directory, log.origin, log.key_files, policy)


def _wait_for_turn(
    database: Database, log: WriterSettings, stop: threading.Event, ends: ExitStack
) -> bool:
    """Stand by until the lease is ours, and keep it. False where `stop` came first."""
    lease = patiently(lambda: Lease(database, f"ledger {log.origin}", log.lease), stop, _PATIENCE_S)
    if lease is None:
        return False
    _LOG.info("standing by")
    # A database that is away is waited for here: who has watched the row since before it went
    # knows at once, when it is back, that the holder was silent meanwhile.
    while not patiently(lease.take, stop, _PATIENCE_S):
        if stop.wait(log.lease.look_s):
            return False
    keeper = LeaseKeeper(lease, log.lease.renew_s, log.lease.lease_s, failed=stop.set)
    ends.callback(keeper.stop)
    keeper.start()
    return True


class LeaseKeeper:
    """Renews a lease in a thread; ends the program where that fails for the lease's time."""

    def __init__(
        self, lease: Lease, renew_s: float, patience_s: float, failed: Callable[[], None]
    ) -> None:
        self._lease = lease
        self._renew_s = renew_s
        self._patience_s = patience_s
        self._failed = failed
        self._stop = threading.Event()
        self._error: LedgerError | None = None
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Give the turn up, and raise what went wrong. The log must be closed already."""
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error
        self._lease.release()

    def _run(self) -> None:
        renewed = time.monotonic()
        while not self._stop.wait(self._renew_s):
            try:
                self._lease.renew()
            except StorageError as error:
                if time.monotonic() - renewed < self._patience_s:
                    continue
                self._fail(error)
                return
            except LedgerError as error:
                self._fail(error)
                return
            renewed = time.monotonic()

    def _fail(self, error: LedgerError) -> None:
        _LOG.error("the lease is lost: %s", error)
        self._error = error
        self._failed()
