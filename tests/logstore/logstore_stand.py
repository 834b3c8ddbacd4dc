"""A shared log for tests: statements in a database, and writers over one store.

`Recorder` stands between a writer and its place. It fails a call, or lets something happen in the
middle of it, and it remembers: no name ever gets two contents, no published checkpoint shrinks.
"""

import shutil
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from obstore.store import MemoryStore
from sqlalchemy import select

from fleet_backend.fleet import gateways, keys, statements
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.fleet.schema import statements as table
from fleet_backend.ledger.checkpoint import SignedCheckpoint, open_checkpoint
from fleet_backend.ledger.contracts import LogPlace, TileStore
from fleet_backend.ledger.errors import StorageError
from fleet_backend.ledger.keys import log_signer
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import CHECKPOINT
from fleet_backend.ledger.tile import Tile
from fleet_backend.ledger.writer import LedgerWriter, WriterSettings
from fleet_backend.logstore.objects import ObjectTiles
from fleet_backend.logstore.place import create_shared_log, shared_place

ORIGIN = "log.example/shared"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LOG = log_signer(ORIGIN, KEY).verifier
GATEWAY = "gw-1"
EMPTY = zlib.compress(b"")
Hook = Callable[[str, int, bool], None]


def make_fleet(url: str) -> Database:
    """A database with one gateway."""
    database = open_database(url)
    database.create_schema()
    with database.begin() as connection:
        public = keys.public_bytes(KEY)
        gateways.register(connection, GATEWAY, public, gateways.GATEWAY, 1_790_000_000)
    return database


def store_statements(database: Database, first: int, count: int) -> list[bytes]:
    """As a worker does; what they say does not matter here. Returns them."""
    made = [b"statement %d" % number for number in range(first, first + count)]
    with database.begin() as connection:
        for seq, one in enumerate(made, first):
            name = statements.hash_of(one)
            new = statements.NewStatement(GATEWAY, seq, name, bytes(32), 1, seq, one, b"s", EMPTY)
            statements.insert_one(connection, new, seq)
    return made


@dataclass
class Memory:
    """What all writers of one log did, and what happens at which of their changes."""

    contents: dict[str, bytes] = field(default_factory=dict)
    published: list[bytes] = field(default_factory=list)
    hook: Hook = lambda call, number, after: None


class Recorder:
    """The three contracts around real implementations; `hook` is called around each change."""

    def __init__(self, memory: Memory, place: LogPlace) -> None:
        self._memory = memory
        self._tiles, self._lock, self._order = place.tiles, place.lock, place.order
        self._number = 0
        for name in ("prepare", "show_pending", "put_signed_root", "drop_partials"):
            setattr(self, name, self._around(name, getattr(place.tiles, name)))
        for name in ("take", "swap", "keep_cosigned"):
            setattr(self, name, self._around(name, getattr(place.lock, name)))
        for name in ("hold", "cosigned"):
            setattr(self, name, getattr(place.lock, name))
        self._append = self._around("append", place.order.append)
        self._sync = self._around("sync", place.tiles.sync)
        self._publish = self._around("publish", place.tiles.publish)
        for name in ("read", "rewrite", "trim"):
            setattr(self, name, getattr(place.order, name))
        for name in ("partial_widths", "has", "fetch"):
            setattr(self, name, getattr(place.tiles, name))

    def append(self, batch) -> None:
        self._append(batch)

    def add(self, tile: Tile, data: bytes) -> None:
        assert self._memory.contents.setdefault(tile.path, data) == data, f"{tile.path} changes"
        self._tiles.add(tile, data)

    def sync(self) -> None:
        self._sync()

    def publish(self, note: bytes) -> None:
        self._publish(note)
        self._memory.published.append(self.fetch(CHECKPOINT))

    def close(self) -> None:
        """The place is the test's."""

    def place(self) -> LogPlace:
        return LogPlace(self, self, self)

    def _around(self, name: str, call: Callable) -> Callable:
        def done(*values):
            self._number += 1
            number = self._number
            self._memory.hook(name, number, False)
            result = call(*values)
            self._memory.hook(name, number, True)
            return result

        return done


class FaultError(StorageError):
    """Made by a test."""


def fault_at(due: int, after: bool) -> Hook:
    """Fails the `due`-th change: before it was done, or done all the same."""

    def hook(call: str, number: int, is_after: bool) -> None:
        if (number, is_after) == (due, after):
            raise FaultError(f"{call} failed {'after' if after else 'before'} it was done")

    return hook


@dataclass
class Site:
    """One shared log. `opens` gives one more writer's side of the store."""

    database: Database
    opens: Callable[[], TileStore]
    entries: list[bytes] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)

    def create(self) -> None:
        create_shared_log(self.database, self.opens(), ORIGIN, KEY)

    def put(self, count: int) -> list[bytes]:
        made = store_statements(self.database, len(self.entries), count)
        self.entries += made
        return made

    def waiting(self) -> list[bytes]:
        with self.database.read() as connection:
            return [one.statement for one in statements.unlogged(connection, 1_000)]

    def writer(self, settings: WriterSettings | None = None) -> LedgerWriter:
        place = Recorder(self.memory, shared_place(self.database, self.opens(), ORIGIN)).place()
        return LedgerWriter.open_at(place, ORIGIN, KEY, settings)

    def reader(self) -> LedgerReader:
        tiles = self.opens()
        return LedgerReader(tiles.fetch, LOG)

    def check(self) -> None:
        """The published log is whole and holds every statement once, at the place in the database;
        every checkpoint that was ever published is of this log, and none came after a larger one.
        """
        reader = self.reader()
        size = reader.audit().checkpoint.size
        assert size == len(self.entries)
        found = list(reader.entries(0, size))
        assert sorted(found) == sorted(self.entries)
        with self.database.read() as connection:
            columns = table.c.leaf_index, table.c.statement
            rows = connection.execute(select(*columns).order_by(table.c.leaf_index)).all()
        assert [tuple(row) for row in rows] == list(enumerate(found))
        seen: Sequence[SignedCheckpoint]
        seen = [open_checkpoint(note, (LOG,)) for note in self.memory.published]
        assert [one.size for one in seen] == sorted(one.size for one in seen)
        for one in seen:
            assert reader.root_at(one.size) == one.root


def whole(site: Site) -> AbstractContextManager[LedgerWriter]:
    """Go on with everything that waits, as the next program does."""
    site.memory.hook = lambda call, number, after: None
    writer = site.writer()
    while waiting := site.waiting():
        writer.append(waiting)
    return writer


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'fleet.db'}"


class Pristine:
    """A shared log of some entries, to be copied: for tests that spoil many."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._copies = 0
        self._store = MemoryStore()
        database = make_fleet(f"sqlite:///{folder}/pristine.db")
        site = Site(database, lambda: ObjectTiles(self._store))
        site.create()
        site.put(size)
        whole(site).close()
        self._entries = site.entries
        database.close()
        with closing(sqlite3.connect(folder / "pristine.db")) as driver:
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def copy(self) -> Site:
        """To be closed: its database."""
        self._copies += 1
        name = str(self._copies)
        shutil.copy(self._folder / "pristine.db", self._folder / f"{name}.db")
        store = MemoryStore()
        for path in (str(one["path"]) for one in self._store.list().collect()):
            store.put(path, bytes(self._store.get(path).bytes()))
        database = open_database(f"sqlite:///{self._folder}/{name}.db")
        return Site(database, lambda: ObjectTiles(store), list(self._entries))
