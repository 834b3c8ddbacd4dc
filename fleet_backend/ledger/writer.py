"""The only writer of a log: order of writes, recovery with the same code, refusal on any doubt.

An acknowledged entry is durable, in the tree and signed; it is published at once, or with the
cosignatures that the policy asks for (`publish`). After any failure the writer is of no use: open
the log again, and the write-ahead file brings it to a whole state.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .checkpoint import Checkpoint, SignedCheckpoint, sign_checkpoint
from .contracts import LogPlace
from .edge import RightEdge
from .errors import (
    ConfigError,
    LogCorruptError,
    MissingError,
    UntrustedDataError,
    WriterStoppedError,
)
from .keys import log_signer
from .lockdb import LockDatabase
from .logplace import folder_place
from .merkle import EMPTY_ROOT, leaf_hash
from .policy import Policy
from .publication import Publication
from .reader import LedgerReader
from .recovery import Keys
from .settling import settle
from .signedroot import SignedRoot
from .storage import CHECKPOINT, storage_errors, sync_folder
from .tile import WIDTH
from .treefiles import bundle_files, read_back
from .wal import Batch, checked_entries

SigningKeys = Ed25519PrivateKey | Sequence[Ed25519PrivateKey]


@dataclass(frozen=True)
class WriterSettings:
    """How a writer keeps house, and who has to cosign before a checkpoint is published.

    Without a policy everything is published at once; a log that was cosigned before is refused
    then, so that nobody drops its witnesses by leaving a setting out.
    """

    wal_max_bytes: int = 8 * 1024 * 1024
    policy: Policy | None = None


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
    """Appends batches. One thread appends; another one may `publish` meanwhile."""

    def __init__(
        self, place: LogPlace, origin: str, keys: SigningKeys, settings: WriterSettings
    ) -> None:
        held = [keys] if isinstance(keys, Ed25519PrivateKey) else list(keys)
        self._signers = [log_signer(origin, key) for key in held]
        self._keys = Keys.of([signer.verifier for signer in self._signers], settings.policy)
        self._origin = origin
        self._turn = threading.RLock()
        self._stopped: str | None = None
        self._signed: SignedCheckpoint  # set by `open_at`, the only way to a usable writer
        self._edge = RightEdge()
        self._bundle: list[bytes] = []
        self._place = place
        self._folder, self._lock, self._wal = place.tiles, place.lock, place.order
        self._public = Publication(self._folder, self._lock, self._keys, settings.policy)

    @classmethod
    def open(
        cls,
        directory: Path,
        origin: str,
        signing_key: SigningKeys,
        settings: WriterSettings | None = None,
    ) -> Self:
        """Open a log that `create_ledger` made, and bring it to a whole state.

        Several keys, the new one first, sign side by side while a log changes its key; the newest
        checkpoint is signed by just these when this returns. Raises LockLostError (another writer
        is there), LogCorruptError (refuse to sign), StorageError, ConfigError.
        """
        settings = settings or WriterSettings()
        place = folder_place(directory, origin, settings.wal_max_bytes)
        return cls.open_at(place, origin, signing_key, settings)

    @classmethod
    def open_at(
        cls,
        place: LogPlace,
        origin: str,
        signing_key: SigningKeys,
        settings: WriterSettings | None = None,
    ) -> Self:
        """The same for a log whose files, order and checkpoint lie elsewhere. Closes `place`."""
        with ExitStack() as undo:
            undo.callback(place.close)
            writer = cls(place, origin, signing_key, settings or WriterSettings())
            writer._recover()
            undo.pop_all()
        return writer

    @property
    def size(self) -> int:
        """Entries of the log: the index that the next one will have."""
        return self._signed.size

    @property
    def checkpoint(self) -> SignedCheckpoint:
        """The newest checkpoint that was signed."""
        return self._signed

    @property
    def published(self) -> SignedCheckpoint | None:
        """The checkpoint that readers see. None: no quorum has cosigned one yet."""
        return self._public.seen

    def signed_root(self) -> SignedRoot:
        """What keeps the COSE form of the published checkpoint in step with this writer."""
        return SignedRoot(self._public.seen_note, self._folder.put_signed_root, *self._signers)

    def fetch(self, path: str) -> bytes:
        """A file of the log as readers get it, for any thread. Raises MissingError."""
        return self._folder.fetch(path)

    def reader(self) -> LedgerReader:
        """Reader at the newest signed checkpoint, published or not; `update` follows the writer."""

        def fetch(path: str) -> bytes:
            return self._signed.note if path == CHECKPOINT else self._folder.fetch(path)

        return LedgerReader(fetch, *self._keys.logs)

    def append(self, entries: Sequence[bytes]) -> int:
        """Add entries in this order and return the index of the first.

        When it returns they are durable and signed, and published unless that waits for
        cosignatures. Raises EntryError (nothing happened, the writer goes on); after any other
        LedgerError the writer is stopped and the entries may or may not be in the log: open it
        again and look.
        """
        checked = checked_entries(entries)
        with self._turn:
            self._require_running()
            batch = Batch(self.size, checked)
            if batch.entries:
                with self._or_stop("an append failed"):
                    self._commit(batch, is_new=True)
                    with self._lock.hold(self._signed.note):
                        self._public.follow(self._signed, batch.first)
                        # Power goes here: batches that are in the log; recovery leaves them alone.
                        self._wal.trim()
            return batch.first

    @property
    def is_published(self) -> bool:
        """Whether readers see the newest checkpoint, with all that the policy asks for."""
        return self._public.is_newest(self._signed)

    def publish(self, note: bytes) -> None:
        """Publish a checkpoint of this log with its cosignatures (step 6).

        One that is older than what readers see changes nothing. Raises PolicyError (no quorum),
        NoteError or CheckpointError (not of this log), after which the writer goes on.
        """
        with self._turn:
            self._require_running()
            cosigned = self._public.open_cosigned(note, self._signed)
            with self._or_stop("publishing failed"):
                self._public.publish(cosigned, self._signed)

    def close(self) -> None:
        """Give the log free. Nothing is lost by not calling it."""
        with self._turn:
            self._stopped = "closed"
            self._place.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _or_stop(self, what: str) -> Iterator[None]:
        """Nothing is retried: after whatever goes wrong inside, only recovery knows."""
        self._stopped = what
        with self._unless_overtaken():
            yield
        self._stopped = None

    @contextmanager
    def _unless_overtaken(self) -> Iterator[None]:
        """What does not fit is no damage where another writer took over meanwhile and made it."""
        try:
            yield
        except (LogCorruptError, MissingError, UntrustedDataError):
            with self._lock.hold(self._signed.note):
                raise

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
            signed = sign_checkpoint(Checkpoint(self._origin, batch.end, root), *self._signers)
            # 4. Power goes here: the old row or the new one. With the new one the log has grown,
            #    its files are durable, and recovery shows or publishes the checkpoint.
            self._lock.swap(self._signed.note, signed.note)
        self._signed, self._edge = signed, edge
        self._bundle = entries[len(entries) - batch.end % WIDTH :]

    def _recover(self) -> None:
        """Check the right edge, publish what was signed, and add what the write-ahead file holds.

        The data may be ahead of the lock database by the one batch that the file holds, never
        behind it, and never ahead by anything else.
        """
        note = self._lock.take()
        self._signed = self._keys.open(note, "lock database")
        with self._unless_overtaken():
            with self._lock.hold(note):
                settled = settle(self._place, self._keys, self._public, self._signed)
            self._edge, self._bundle, pending = settled
            for batch in pending:
                self._commit(batch, is_new=False)
                with self._lock.hold(self._signed.note):
                    self._public.follow(self._signed, batch.first)
            self._sign_with_all_keys()

    def _sign_with_all_keys(self) -> None:
        """The same tree, signed by the keys that the log is opened with."""
        tree = Checkpoint(self._origin, self.size, self._signed.root)
        signed = sign_checkpoint(tree, *self._signers)
        if signed.note == self._signed.note:
            return
        with self._lock.hold(self._signed.note):
            # Power goes here: the old row or the new one, both of the same tree.
            self._lock.swap(self._signed.note, signed.note)
        self._signed = signed
        with self._lock.hold(signed.note):
            self._public.follow(signed, self.size)

    def _require_running(self) -> None:
        if self._stopped is not None:
            raise WriterStoppedError(f"writer is stopped ({self._stopped}): open the log again")
