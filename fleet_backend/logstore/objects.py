"""The log's files in an object store (S3, Google, Azure, memory), through obstore.

Tiles are created and never replaced; the checkpoint is replaced only by one that is no smaller, in
one step where the store has a conditional put. Errors name what was done, never an address: it may
hold a secret.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    NotSupportedError,
    PreconditionError,
)
from obstore.store import ObjectStore

from fleet_backend.ledger.errors import LockLostError, LogCorruptError, MissingError, StorageError
from fleet_backend.ledger.storage import CHECKPOINT, MAX_FILE_BYTES, PENDING, SIGNED_ROOT
from fleet_backend.ledger.tile import Tile, parse_path
from fleet_backend.ledger.treefiles import Fetch
from fleet_backend.logstore.notes import size_of

_LOG = logging.getLogger("fleet_backend.logstore")
CONNECTIONS = 8
# On top of the client's own attempts, which leave out a write whose answer was lost.
TRIES = 3
PAUSE_S = 0.2
T = TypeVar("T")


@contextmanager
def store_errors(what: str) -> Iterator[None]:
    """Name what was being done and the kind of error; the client's words may hold addresses."""
    try:
        yield
    except (BaseError, OSError, NotImplementedError) as error:
        kind = type(error).__name__.removesuffix("Error")
        raise StorageError(f"{what}: the object store refused ({kind})") from None


def tried(call: Callable[[], T]) -> T:
    """Its result, after another try where the client gave up. Only for what may happen twice."""
    for number in range(1, TRIES):
        try:
            return call()
        except GenericError:
            time.sleep(PAUSE_S * number)
    return call()


class ObjectFetch:
    """`fetch` of a log in a store, for any thread."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def __call__(self, path: str) -> bytes:
        if path not in (CHECKPOINT, PENDING, SIGNED_ROOT):
            parse_path(path)
        return self.tagged(path)[0]

    def tagged(self, path: str) -> tuple[bytes, str | None]:
        """The bytes and the store's tag for them. Raises MissingError, StorageError."""
        with store_errors(f"reading {path}"):
            try:
                return tried(lambda: self._get(path))
            except FileNotFoundError as error:
                raise MissingError(f"no {path} in the log") from error

    def _get(self, path: str) -> tuple[bytes, str | None]:
        found = obstore.get(self._store, path)
        if found.meta["size"] > MAX_FILE_BYTES:
            raise StorageError(f"{path} is larger than any file of a log")
        return bytes(found.bytes()), found.meta["e_tag"]


class ObjectTiles:
    """The writer's side. One thread; other writers may be at work on the same store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._fetch = ObjectFetch(store)
        self._added: list[tuple[str, bytes]] = []
        self._tag: str | None = None  # of the checkpoint that this writer saw last
        self._warned = False

    @property
    def fetch(self) -> Fetch:
        return self._fetch

    def prepare(self) -> None:
        self._added.clear()
        self._tag = None

    def add(self, tile: Tile, data: bytes) -> None:
        self._added.append((tile.path, data))

    def sync(self) -> None:
        added, self._added = self._added, []
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            for done in [threads.submit(self._create, *one) for one in added]:
                done.result()

    def publish(self, note: bytes) -> None:
        with store_errors("publishing the checkpoint"):
            for _ in range(TRIES + 1):
                if self._tag is None and self._is_published(note):
                    return
                try:
                    self._tag = tried(lambda: self._replace(note))
                except (PreconditionError, AlreadyExistsError):
                    self._tag = None  # another writer, or our own put whose answer was lost
                else:
                    return
        raise LockLostError("another writer keeps publishing checkpoints of this log")

    def show_pending(self, note: bytes | None) -> None:
        with store_errors("showing the pending checkpoint"):
            if note is None:
                self._delete(PENDING)
            else:
                tried(lambda: obstore.put(self._store, PENDING, note))

    def put_signed_root(self, data: bytes) -> None:
        with store_errors("publishing the signed root"):
            tried(lambda: obstore.put(self._store, SIGNED_ROOT, data))

    def drop_partials(self, full: Tile) -> None:
        with store_errors(f"dropping partial tiles of {full.full.path}"):
            widths = self.partial_widths(full)
            if widths and self.has(full.full):
                for width in widths:
                    self._delete(Tile(full.level, full.index, width).path)

    def partial_widths(self, tile: Tile) -> Sequence[int]:
        folder = tile.full.path + ".p"
        with store_errors(f"listing {folder}"):
            found = tried(lambda: obstore.list(self._store, folder).collect())
        names = [str(one["path"]).rpartition("/")[2] for one in found]
        return [int(name) for name in names if name.isdecimal()]

    def has(self, tile: Tile) -> bool:
        with store_errors(f"looking for {tile.path}"):
            try:
                tried(lambda: obstore.head(self._store, tile.path))
            except FileNotFoundError:
                return False
        return True

    def _create(self, path: str, data: bytes) -> None:
        """If-None-Match: two writers never replace each other's bytes, equal as they should be."""
        with store_errors(f"writing {path}"):
            try:
                tried(lambda: obstore.put(self._store, path, data, mode="create"))
            except AlreadyExistsError:
                if self._fetch.tagged(path)[0] != data:
                    raise LogCorruptError(f"{path} is there with other bytes") from None

    def _is_published(self, note: bytes) -> bool:
        """Look at what readers see, and remember its tag. Raises LockLostError if it is larger."""
        try:
            there, self._tag = self._fetch.tagged(CHECKPOINT)
        except MissingError:
            self._tag = ""
            return False
        if size_of(there) > size_of(note):
            raise LockLostError("another writer published a larger checkpoint")
        return there == note

    def _replace(self, note: bytes) -> str | None:
        """If-Match, or If-None-Match for the first one. Returns the new tag."""
        try:
            if not self._tag:
                done = obstore.put(self._store, CHECKPOINT, note, mode="create")
            else:
                done = obstore.put(self._store, CHECKPOINT, note, mode={"e_tag": self._tag})
        except (NotImplementedError, NotSupportedError):
            # No conditional put. Two writers at work within this very moment could show readers an
            # older checkpoint until the next one; which is the log's is not decided here.
            if not self._warned:
                _LOG.warning("the store replaces checkpoints without looking (no If-Match)")
            self._warned = True
            obstore.put(self._store, CHECKPOINT, note)
            return None
        return done["e_tag"]

    def _delete(self, path: str) -> None:
        try:
            tried(lambda: obstore.delete(self._store, path))
        except FileNotFoundError:
            return
