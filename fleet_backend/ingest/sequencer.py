"""The only writer of the ledger: gives every stored statement its place, exactly once.

A crash between the ledger and the database leaves entries whose places are not written down; they
are found again by their hash before anything else is added.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Self

from fleet_backend.fleet import counters, statements
from fleet_backend.fleet.database import Database
from fleet_backend.ingest.errors import LedgerMismatchError, SequencerError
from fleet_backend.ingest.meters import LedgerMeters
from fleet_backend.ingest.patience import patiently
from fleet_backend.ledger.contracts import TileStore
from fleet_backend.ledger.errors import UntrustedDataError
from fleet_backend.ledger.keys import load_log_key, log_signer
from fleet_backend.ledger.policy import Policy
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.signedroot import SignedRoot, SignedRootFile
from fleet_backend.ledger.writer import LedgerWriter, WriterSettings
from fleet_backend.logstore.place import shared_place

_LOG = logging.getLogger("fleet_backend.ingest")
MAX_BATCH = 1_000
# A step costs some ten writes to the disk, however little it logs. So the next one begins no
# sooner than this after the last one began, and what comes in between comes along.
GATHER_S = 0.1
# Between two tries while the database is away.
MOST_S = 5.0


class Sequencer:
    """Holds the ledger's writer. One thread."""

    def __init__(
        self, database: Database, writer: LedgerWriter, root: SignedRoot, *, is_shared: bool = False
    ) -> None:
        self._database = database
        self._writer = writer
        self._root = root
        self._is_shared = is_shared
        self._complaint = ""
        # The ledger may hold entries whose places the database does not know.
        self._in_doubt = False
        self.meters = LedgerMeters()

    @classmethod
    def open(
        cls,
        database: Database,
        directory: Path,
        origin: str,
        key_files: Path | Sequence[Path],
        policy: Policy | None = None,
    ) -> Self:
        """Open the ledger and heal what a crash left. Raises LedgerMismatchError, LedgerError.

        `key_files`: the log's key, or its new and its former one while it changes.
        """
        files = [key_files] if isinstance(key_files, Path) else key_files
        keys = [load_log_key(file) for file in files]
        settings = WriterSettings(policy=policy)
        with ExitStack() as unless_healed:
            opened = LedgerWriter.open(directory, origin, keys, settings)
            writer = unless_healed.enter_context(opened)
            # At the newest signed checkpoint: the published one may wait for cosignatures.
            _heal(database, writer.size, writer.reader())
            signers = [log_signer(origin, key) for key in keys]
            root = SignedRootFile(directory / "public", *signers)
            root.update()
            unless_healed.pop_all()
        return cls(database, writer, root)

    @classmethod
    def open_shared(
        cls,
        database: Database,
        tiles: TileStore,
        origin: str,
        key_files: Sequence[Path],
        policy: Policy | None = None,
    ) -> Self:
        """The same for a log whose order and checkpoint lie in `database`, its files in `tiles`.

        From now on any earlier writer of the log is refused.
        """
        keys = [load_log_key(file) for file in key_files]
        place = shared_place(database, tiles, origin)
        with ExitStack() as unless_whole:
            opened = LedgerWriter.open_at(place, origin, keys, WriterSettings(policy=policy))
            writer = unless_whole.enter_context(opened)
            with database.read() as connection:
                _require_same(statements.next_leaf(connection), writer.size)
            root = writer.signed_root()
            root.update()
            unless_whole.pop_all()
        return cls(database, writer, root, is_shared=True)

    @property
    def writer(self) -> LedgerWriter:
        """For the publisher, which may use it beside this thread."""
        return self._writer

    def step(self) -> int:
        """Log up to `MAX_BATCH` statements; returns how many."""
        self._sign_root()  # the checkpoint may have been published since: witnesses take time
        with self._database.read() as connection:
            waiting = statements.unlogged(connection, MAX_BATCH)
        if not waiting:
            return 0
        with self.meters.append(len(waiting)):
            first = self._writer.append([one.statement for one in waiting])
        if not self._is_shared:
            # Power goes here: the entries are in the ledger and have no place in the database;
            # `_heal` finds them by their hash. A shared log has their places from the beginning.
            places = [(one.id, leaf) for leaf, one in enumerate(waiting, first)]
            _assign(self._database, places)
        self._sign_root()
        return len(waiting)

    def _sign_root(self) -> None:
        """For COSE receipts. Somebody's hand in the public folder is no reason to log no more."""
        try:
            self._root.update()
        except UntrustedDataError as error:
            if str(error) != self._complaint:
                _LOG.error("no root is signed for COSE receipts: %s", error)
            self._complaint = str(error)

    def run(
        self,
        stop: threading.Event,
        wake: threading.Event,
        interval_s: float,
        changed: Callable[[], bool] = lambda: True,
    ) -> None:
        """Until `stop` is set: at once when `wake` is, or a moment after the last time, and every
        `interval_s` for others' work, if `changed` says that there may be some.

        A database that is away is waited for; of a shared log it holds order and checkpoint, and
        what a lost commit came to is found out by opening the log anew.
        """
        step = self.step if self._is_shared else partial(patiently, self._healed_step, stop, MOST_S)
        while not stop.is_set():
            begun = time.monotonic()
            if changed():
                while step() == MAX_BATCH and not stop.is_set():
                    pass
            else:
                self._sign_root()
            wake.wait(interval_s)
            stop.wait(max(0.0, begun + GATHER_S - time.monotonic()))
            wake.clear()
        self._healed_step()

    def _healed_step(self) -> int:
        """A step after one that may have broken off anywhere."""
        if self._in_doubt:
            _heal(self._database, self._writer.size, self._writer.reader())
        self._in_doubt = not self._is_shared
        logged = self.step()
        self._in_doubt = False
        return logged

    def close(self) -> None:
        self._writer.close()


class SequencerThread:
    """Runs a sequencer beside the worker; its failure ends the program (see `check`)."""

    def __init__(
        self,
        sequencer: Sequencer,
        failed: Callable[[], None],
        changed: Callable[[], bool] = lambda: True,
    ) -> None:
        """`changed`: whether it is worth looking for work that other programs brought."""
        self._sequencer = sequencer
        self._failed = failed
        self._changed = changed
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None

    def start(self, interval_s: float) -> None:
        self._thread = threading.Thread(
            target=self._run, args=(interval_s,), name="sequencer", daemon=True
        )
        self._thread.start()

    def wake(self) -> None:
        """There is work."""
        self._wake.set()

    def stop(self, before_close: Callable[[], None] = lambda: None) -> None:
        """Log what is stored, close the ledger, and raise what went wrong."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        before_close()
        self._sequencer.close()
        self.check()

    def check(self) -> None:
        """Raises SequencerError if the thread has failed."""
        if self._error is not None:
            raise SequencerError(f"the sequencer failed: {self._error}") from self._error

    def _run(self, interval_s: float) -> None:
        try:
            self._sequencer.run(self._stop, self._wake, interval_s, self._changed)
        except Exception as error:
            # Whatever it was: without this thread nothing is logged any more, and nobody is told.
            _LOG.exception("the sequencer failed")
            self._error = error
            self._failed()


def _heal(database: Database, size: int, reader: LedgerReader) -> None:
    """Write down the places of entries that were logged and whose places are not known."""
    with database.read() as connection:
        known = statements.next_leaf(connection)
    if known > size:
        _require_same(known, size)
    for start in range(known, size, MAX_BATCH):
        entries = list(reader.entries(start, min(start + MAX_BATCH, size)))
        _assign(database, _places(database, start, entries))
    if size > known:
        _LOG.info("found %d statements again in the ledger", size - known)


def _require_same(known: int, size: int) -> None:
    if known != size:
        raise LedgerMismatchError(
            f"the database knows {known} entries of the ledger, which holds {size}"
        )


def _places(database: Database, start: int, entries: Sequence[bytes]) -> list[tuple[int, int]]:
    hashes = [statements.hash_of(entry) for entry in entries]
    with database.read() as connection:
        ids = statements.ids_of(connection, hashes)
    places = []
    for leaf, name in enumerate(hashes, start):
        if name not in ids:
            raise LedgerMismatchError(f"entry {leaf} of the ledger is not in the database")
        places.append((ids[name], leaf))
    return places


def _assign(database: Database, places: Sequence[tuple[int, int]]) -> None:
    with database.begin() as connection:
        statements.assign_leaves(connection, places)
        counters.add(connection, {"ledger_entries": len(places)})
