"""The only writer of a log: order of writes, recovery with the same code, refusal on any doubt.

An acknowledged entry is durable, in the tree and published. After any failure the writer is of no
use: open the log again, and the write-ahead file brings it to a whole state.
"""

import fcntl
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .bundle import MAX_ENTRY_BYTES
from .checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint, sign_checkpoint
from .edge import RightEdge
from .errors import (
    CheckpointError,
    ConfigError,
    EntryError,
    LedgerError,
    LockLostError,
    LogCorruptError,
    MissingError,
    NoteError,
    UntrustedDataError,
    WriterStoppedError,
)
from .keys import log_signer
from .lockdb import LockDatabase
from .merkle import EMPTY_ROOT, leaf_hash
from .note import Verifier
from .storage import CHECKPOINT, LogFolder, storage_errors, sync_folder
from .tile import ENTRIES, WIDTH, Tile, filled_tiles
from .treefiles import bundle_files, load_edge, load_last_bundle, read_back
from .wal import Batch, WriteAheadFile

MAX_BATCH_ENTRIES = 65_536


@dataclass(frozen=True)
class WriterSettings:
    """How a writer keeps house."""

    wal_max_bytes: int = 8 * 1024 * 1024


def create_ledger(directory: Path, origin: str, signing_key: Ed25519PrivateKey) -> None:
    """Begin an empty log. Raises ConfigError where there is one already.

    Apart from `LedgerWriter.open`, because a folder that a missing mount left empty would otherwise
    become a second history under the same key. An interrupted call may be repeated.
    """
    signer = log_signer(origin, signing_key)
    if any((directory / name).exists() for name in ("wal", "public/tile", "public/checkpoint")):
        raise ConfigError(f"{directory} holds a log already")
    note = sign_checkpoint(Checkpoint(origin, 0, EMPTY_ROOT), signer).note
    with storage_errors("creating the log"):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        LockDatabase.create(directory / "lock.db", origin, note)
        sync_folder(directory)
        sync_folder(directory.parent)
    LedgerWriter.open(directory, origin, signing_key).close()


class LedgerWriter:
    """Appends batches. Not for several threads at once."""

    def __init__(
        self, directory: Path, origin: str, key: Ed25519PrivateKey, settings: WriterSettings
    ) -> None:
        self._signer = log_signer(origin, key)
        self._folder = LogFolder(directory)
        self._stopped: str | None = None
        self._signed: SignedCheckpoint  # set by `open`, the only way to a usable writer
        self._edge = RightEdge()
        self._bundle: list[bytes] = []
        self._exclusive = _lock_folder(directory)
        try:
            self._lock = LockDatabase(directory / "lock.db", origin)
        except LedgerError:
            os.close(self._exclusive)
            raise
        self._wal = WriteAheadFile(directory / "wal", settings.wal_max_bytes)

    @classmethod
    def open(
        cls,
        directory: Path,
        origin: str,
        signing_key: Ed25519PrivateKey,
        settings: WriterSettings | None = None,
    ) -> Self:
        """Open a log that `create_ledger` made, and bring it to a whole state.

        Raises LockLostError (another writer is there), LogCorruptError (refuse to sign),
        StorageError, ConfigError.
        """
        writer = cls(directory, origin, signing_key, settings or WriterSettings())
        with ExitStack() as undo:
            undo.callback(writer.close)
            writer._recover()
            undo.pop_all()
        return writer

    @property
    def size(self) -> int:
        """Entries of the log: the index that the next one will have."""
        return self._signed.size

    @property
    def checkpoint(self) -> SignedCheckpoint:
        """The newest checkpoint, signed and published."""
        return self._signed

    def append(self, entries: Sequence[bytes]) -> int:
        """Add entries in this order and return the index of the first.

        When it returns they are durable and published. Raises EntryError (nothing happened, the
        writer goes on); after any other LedgerError the writer is stopped and the entries may or
        may not be in the log: open it again and look.
        """
        batch = Batch(self.size, _checked(entries))
        self._require_running()
        if not batch.entries:
            return self.size
        # Nothing is retried: after whatever goes wrong from here on, only recovery knows.
        self._stopped = "an append failed"
        self._commit(batch, is_new=True)
        with self._lock.hold(self._signed.note):
            self._finish(batch.first)
            # Power goes here: batches that are in the log, which recovery leaves alone.
            self._wal.trim()
        self._stopped = None
        return batch.first

    def close(self) -> None:
        """Give the log free. Nothing is lost by not calling it."""
        self._stopped = "closed"
        self._wal.close()
        self._lock.close()
        if self._exclusive >= 0:
            os.close(self._exclusive)
            self._exclusive = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _commit(self, batch: Batch, *, is_new: bool) -> None:
        """Steps 1 to 4; recovery runs the same code from step 2 on."""
        entries = [*self._bundle, *batch.entries]
        edge = self._edge.copy()
        # Nobody else writes anywhere in this folder while we hold the lock database's row.
        with self._lock.hold(self._signed.note):
            # 1. Power goes before the fsync: the batch never was. After it: recovery adds it with
            #    the same indices, and no other entry can get them.
            if is_new:
                self._wal.append(batch)
            # 2. Power goes here: files beyond the signed size, which recovery writes again with
            #    the same bytes. No checkpoint speaks of them, so no reader asks for them.
            tiles = [
                *bundle_files(batch.first // WIDTH, entries),
                *edge.extend(list(map(leaf_hash, batch.entries))),
            ]
            for tile, data in tiles:
                self._folder.add(tile, data)
            self._folder.sync()
            # 3. Power goes here: as before. What is signed was computed from the files' bytes.
            root = read_back(self._folder.fetch, [tile for tile, _ in tiles], self._edge, batch.end)
            if root != edge.root():
                raise LogCorruptError(f"tiles at size {batch.end} read back with another root")
            checkpoint = Checkpoint(self._signer.name, batch.end, root)
            signed = sign_checkpoint(checkpoint, self._signer)
            # 4. Power goes here: the old row or the new one. With the new one the log has grown,
            #    its files are durable, and recovery publishes the checkpoint.
            self._lock.swap(self._signed.note, signed.note)
        self._signed, self._edge = signed, edge
        self._bundle = entries[len(entries) - batch.end % WIDTH :]

    def _finish(self, since: int) -> None:
        """Step 6, within `LockDatabase.hold`: an overtaken writer must not publish an older one."""
        # 6. Power goes here: readers see the old checkpoint, all of whose tiles are still there.
        self._folder.publish(self._signed.note)
        # Power goes here: some partial tiles stay; they are dropped at the next start.
        self._drop_partials(since)

    def _drop_partials(self, since: int) -> None:
        """Drop the partial tiles of every tile that was filled after size `since`.

        Whoever reads at an older checkpoint finds the full tile, of which the partial one is the
        beginning.
        """
        for tile in filled_tiles(since, self.size):
            self._folder.drop_partials(tile)

    def _recover(self) -> None:
        """Check the right edge, publish what was signed, and add what the write-ahead file holds.

        The data may be ahead of the lock database by the one batch that the file holds, never
        behind it, and never ahead by anything else.
        """
        note = self._lock.take()
        self._signed = _open_own(note, (self._signer.verifier,), "lock database")
        with self._lock.hold(note):
            pending = self._settle()
        for batch in pending:
            self._commit(batch, is_new=False)
            with self._lock.hold(self._signed.note):
                self._finish(batch.first)

    def _settle(self) -> list[Batch]:
        """Everything up to the signed size made whole; returns the batches that come after it."""
        self._folder.prepare()
        self._check_published()
        self._load_edge()
        batches = self._wal.read()
        pending = [batch for batch in batches if batch.end > self.size]
        _require_continuous(self.size, pending)
        self._check_nothing_beyond(pending[-1].end if pending else self.size)
        self._finish(batches[0].first if batches else self.size)
        # The batches reach the disk anew: had their fsync failed, the kernel might hold pages that
        # it takes for written.
        self._wal.rewrite(pending)
        return pending

    def _check_published(self) -> None:
        try:
            note = self._folder.fetch(CHECKPOINT)
        except MissingError:
            return
        published = _open_own(note, (self._signer.verifier,), "published checkpoint")
        if published.size > self.size:
            raise LogCorruptError("the lock database is older than the published checkpoint")
        if published.size == self.size and published.root != self._signed.root:
            raise LogCorruptError("the published checkpoint and the lock database disagree")

    def _load_edge(self) -> None:
        """Right edge at the signed size, tied to the signed root."""
        try:
            self._edge = load_edge(self._folder.fetch, self.size)
            self._bundle = load_last_bundle(self._folder.fetch, self.size)
        except (MissingError, UntrustedDataError) as error:
            raise LogCorruptError(f"data is older than the lock database: {error}") from error
        if self._edge.root() != self._signed.root:
            raise LogCorruptError("the tiles do not give the root that was signed last")
        if list(map(leaf_hash, self._bundle)) != list(self._edge.hashes(0)):
            raise LogCorruptError("the last bundle does not hash to its tile")

    def _check_nothing_beyond(self, end: int) -> None:
        """A full tile is never deleted, and a partial one only for a full one: two looks do."""
        for level in (ENTRIES, 0):
            place, width = Tile(level, end // WIDTH), end % WIDTH
            widths = self._folder.partial_widths(place)
            if self._folder.has(place) or any(found > width for found in widths):
                raise LogCorruptError("the lock database is older than the data")

    def _require_running(self) -> None:
        if self._stopped is not None:
            raise WriterStoppedError(f"writer is stopped ({self._stopped}): open the log again")


def _open_own(note: bytes, keys: tuple[Verifier, ...], what: str) -> SignedCheckpoint:
    try:
        return open_checkpoint(note, keys)
    except (NoteError, CheckpointError) as error:
        raise LogCorruptError(f"{what} is not of this log and key: {error}") from error


def _require_continuous(size: int, pending: Sequence[Batch]) -> None:
    for batch in pending:
        if batch.first != size:
            raise LogCorruptError(
                f"write-ahead file goes on at {batch.first}, the lock database at {size}"
            )
        size = batch.end


def _checked(entries: Sequence[bytes]) -> tuple[bytes, ...]:
    if len(entries) > MAX_BATCH_ENTRIES:
        raise EntryError(f"batch of {len(entries)} entries; at most {MAX_BATCH_ENTRIES} fit")
    for number, entry in enumerate(entries):
        if not isinstance(entry, bytes) or len(entry) > MAX_ENTRY_BYTES:
            raise EntryError(f"entry {number} is not bytes of at most {MAX_ENTRY_BYTES}")
    return tuple(entries)


def _lock_folder(directory: Path) -> int:
    """Keep a second writer of this machine out; the kernel lets go when the process ends."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigError(f"no log in {directory}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise LockLostError(f"another writer has {directory} open") from error
    return descriptor
