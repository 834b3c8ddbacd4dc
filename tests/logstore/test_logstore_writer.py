"""A log whose order lies in the database: grows, fails at each step and goes on, never forks."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from logstore_stand import (
    KEY,
    ORIGIN,
    FaultError,
    Growing,
    Memory,
    Pristine,
    Site,
    fault_at,
    make_fleet,
    store_statements,
    whole,
)
from logstore_stores import Open
from obstore.store import MemoryStore
from sqlalchemy import delete, text, update

from fleet_backend.fleet import counters
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.schema import bodies, ledger_heads
from fleet_backend.fleet.schema import statements as table
from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.errors import (
    ConfigError,
    LedgerError,
    LockLostError,
    LogCorruptError,
    StorageError,
    WriterStoppedError,
)
from fleet_backend.ledger.keys import log_signer
from fleet_backend.ledger.note import add_signatures
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.storage import CHECKPOINT, PENDING
from fleet_backend.ledger.writer import LedgerWriter, WriterSettings
from fleet_backend.logstore.checkpoints import SqlCheckpoints
from fleet_backend.logstore.objects import ObjectTiles
from fleet_backend.logstore.place import create_shared_log, shared_place
from tests.fleet.engines import POSTGRES, SQLITE, database_url

WITNESS = Cosigner("witness.example/one", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
COSIGNED = WriterSettings(
    policy=parse_policy(
        f"log {log_signer(ORIGIN, KEY).verifier.vkey}\n"
        f"witness one {WITNESS.verifier.vkey}\nquorum one\n".encode()
    )
)


@pytest.fixture
def site(database: Database) -> Site:
    store = MemoryStore()
    made = Site(database, lambda: ObjectTiles(store))
    made.create()
    return made


@pytest.fixture(scope="module")
def pristine_file(tmp_path_factory: pytest.TempPathFactory) -> Pristine:
    return Pristine(tmp_path_factory.mktemp("pristine"), 254)


@pytest.fixture(params=[SQLITE, pytest.param(POSTGRES, marks=pytest.mark.faults)])
def pristine(
    request: pytest.FixtureRequest, pristine_file: Pristine, tmp_path: Path
) -> Iterator[Pristine | Growing]:
    """A log at the edge of a tile, as often as it is wanted; or one that grows, on a server."""
    if request.param == SQLITE:
        yield pristine_file
    else:
        database = make_fleet(database_url(POSTGRES, tmp_path))
        yield Growing(database)
        database.close()


def _grow(site: Site, writer: LedgerWriter, *counts: int) -> None:
    for count in counts:
        site.put(count)
        writer.append(site.waiting())


@pytest.mark.parametrize("engine", [SQLITE], indirect=True, scope="module")
def test_a_log_grows_over_any_store(database: Database, opens: Open) -> None:
    site = Site(database, opens)
    site.create()
    _check_growth(site)


def test_a_log_grows_and_every_writer_goes_on(site: Site) -> None:
    _check_growth(site)


def _check_growth(site: Site) -> None:
    with site.writer() as writer:
        _grow(site, writer, 1, 254, 1, 300)
    with site.writer() as writer:
        assert writer.size == 556
        _grow(site, writer, 5)
        assert writer.signed_root().update()
        assert not writer.reader().audit().faults
    site.check()
    with site.database.read() as connection:
        assert counters.values(connection)["ledger_entries"] == 561


def test_a_log_is_not_begun_twice_nor_over_another(site: Site, database: Database) -> None:
    site.create()  # an interrupted call, repeated
    with site.writer() as writer:
        _grow(site, writer, 3)
    with pytest.raises(ConfigError, match="knows 3 entries"):
        site.create()
    with database.begin() as connection:
        connection.execute(update(table).values(leaf_index=None))
    with pytest.raises(ConfigError, match="store of the tiles holds a log"):
        site.create()
    with pytest.raises(ConfigError, match="database holds a log"):
        create_shared_log(database, ObjectTiles(MemoryStore()), ORIGIN, KEY)


def test_opening_never_begins_a_log(database: Database) -> None:
    store = ObjectTiles(MemoryStore())
    with pytest.raises(LogCorruptError, match="knows no log"):
        LedgerWriter.open_at(shared_place(database, store, ORIGIN), ORIGIN, KEY)
    create_shared_log(database, store, ORIGIN, KEY)
    with pytest.raises(LogCorruptError, match="knows no log"):
        place = shared_place(database, store, "another.example/log")
        LedgerWriter.open_at(place, "another.example/log", KEY)


@pytest.mark.parametrize("after", [False, True], ids=["failed", "failed-but-done"])
@pytest.mark.parametrize("settings", [None, COSIGNED], ids=["alone", "cosigned"])
def test_a_fault_at_each_change_leaves_a_log_that_goes_on(
    pristine: Pristine | Growing, after: bool, settings: WriterSettings | None
) -> None:
    """Across the end of a tile, until a growth without a fault shows that all were hit."""
    due = 0
    while True:
        due += 1
        site = pristine.copy()
        site.memory.hook = fault_at(due, after)
        failed = _grow_until_it_fails(site, settings)
        if settings is None:
            whole(site).close()
            site.check()
        else:
            site.memory.hook = Memory().hook
            with site.writer(settings) as writer:
                while waiting := site.waiting():
                    writer.append(waiting)
                _cosign(writer)
            site.check()
        site.close()
        if not failed:
            break
    assert due > (12 if settings is None else 16)


def _grow_until_it_fails(site: Site, settings: WriterSettings | None) -> bool:
    try:
        with site.writer(settings) as writer:
            for count in (1, 1, 1):
                _grow(site, writer, count)
                if settings is not None:
                    _cosign(writer)
    except FaultError:
        # A writer that failed is of no use, and says so.
        if "writer" in locals():
            with pytest.raises(WriterStoppedError):
                writer.append([b"x"])
        return True
    return False


def _cosign(writer: LedgerWriter) -> None:
    newest = writer.checkpoint
    writer.publish(add_signatures(newest.note, [WITNESS.cosign(newest.text, 1_800_000_000)]))


@pytest.mark.parametrize("kind", ["look", "grow"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_another_writer_at_any_moment_makes_one_history(
    pristine: Pristine | Growing, after: bool, kind: str
) -> None:
    """Both believe that it is their turn: a lease that is wrong. The first stands still at one
    change, the second takes over (and logs what waits), the first wakes up. It stops, or was done.
    """
    due, overtaken = 0, 0
    while True:
        due += 1
        site = pristine.copy()
        met: list[str] = []

        def hook(call: str, number: int, is_after: bool, due=due, met=met, site=site) -> None:
            if (number, is_after) != (due, after) or met:
                return
            met.append(call)
            site.memory.hook = Memory().hook
            if kind == "grow":
                site.put(3)
                whole(site).close()
            else:
                site.writer().close()

        site.memory.hook = hook
        try:
            with site.writer() as first:
                _grow(site, first, 1, 1, 1)
        except LockLostError:
            overtaken += 1
        whole(site).close()
        site.check()
        site.close()
        if not met:
            break
    assert due > 12
    assert overtaken >= due - 4  # all but those at the very beginning, and the run without


def test_a_writer_that_was_overtaken_stops_for_good(site: Site) -> None:
    first = site.writer()
    _grow(site, first, 2)
    second = site.writer()
    site.put(1)
    with pytest.raises(LockLostError, match="took the log over"):
        first.append(site.waiting())
    with pytest.raises(WriterStoppedError):
        first.append(site.waiting())
    _grow(site, second, 1)
    site.check()


def test_two_rows_of_one_database_are_two_logs(database: Database) -> None:
    for origin in ("a.example/log", "b.example/log"):
        SqlCheckpoints(database, origin).create(b"first of " + origin.encode())
    first, second = (SqlCheckpoints(database, name) for name in ("a.example/log", "b.example/log"))
    assert first.take() == b"first of a.example/log"
    assert second.take() == b"first of b.example/log"
    with first.hold(b"first of a.example/log"):
        first.swap(b"first of a.example/log", b"next")
        with pytest.raises(LockLostError):
            first.swap(b"first of a.example/log", b"fork")
    with second.hold(b"first of b.example/log"):
        second.keep_cosigned(b"c")
        assert second.cosigned() == b"c"
    assert first.cosigned() is None


def test_cosignatures_outlive_a_store_that_lost_the_checkpoint(site: Site) -> None:
    with site.writer(COSIGNED) as writer:
        _grow(site, writer, 2)
        assert site.opens().fetch(PENDING) == writer.checkpoint.note
        _cosign(writer)
        published = site.opens().fetch(CHECKPOINT)
    site.opens()._store.delete(CHECKPOINT)  # type: ignore[attr-defined]
    with site.writer(COSIGNED) as writer:
        assert site.opens().fetch(CHECKPOINT) == published
        assert writer.is_published
    with pytest.raises(ConfigError, match="give its policy"):
        site.writer()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("UPDATE statements SET leaf_index = 9 WHERE leaf_index = 4", "knows no entry 4"),
        ("UPDATE statements SET leaf_index = NULL WHERE leaf_index = 4", "order ends at 4, not"),
        ("UPDATE ledger_heads SET note = CAST('none' AS {bytes})", "not of this log and key"),
        ("DELETE FROM ledger_heads", "knows no log"),
    ],
)
def test_a_database_that_tells_another_story_is_refused(
    site: Site, database: Database, spoil: str, words: str
) -> None:
    with site.writer() as writer:
        _grow(site, writer, 3, 2)
    with database.begin() as connection:
        kind = "bytea" if connection.dialect.name == POSTGRES else "blob"
        connection.execute(text(spoil.format(bytes=kind)))
    site.put(1)
    with pytest.raises(LogCorruptError, match=words):
        whole(site)


def test_an_older_database_beside_newer_tiles_is_refused(site: Site, database: Database) -> None:
    """A back-up of the database that was restored: signing on would fork the log."""
    with site.writer() as writer:
        _grow(site, writer, 3)
        older = writer.checkpoint.note
        _grow(site, writer, 2)
    with database.begin() as connection:
        connection.execute(update(table).where(table.c.leaf_index >= 3).values(leaf_index=None))
        connection.execute(update(ledger_heads).values(note=older, appended=0))
    with pytest.raises(LogCorruptError, match="older than the published checkpoint"):
        site.writer()
    site.opens()._store.delete(CHECKPOINT)  # type: ignore[attr-defined]
    with pytest.raises(LogCorruptError, match="older than the data"):
        site.writer()


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (lambda waiting: [*waiting, b"stranger"], "no statement of the database"),
        (lambda waiting: waiting * 2, "one statement twice"),
        (lambda waiting: [*waiting, b"statement 0"], "stands at 0 already"),
    ],
    ids=["stranger", "twice", "again"],
)
def test_only_a_stored_statement_gets_a_place_and_one(
    site: Site, entries: Callable[[list[bytes]], list[bytes]], words: str
) -> None:
    writer = site.writer()
    _grow(site, writer, 1)
    site.put(2)
    with pytest.raises(LogCorruptError, match=words):
        writer.append(entries(site.waiting()))
    whole(site).close()
    site.check()


def test_a_database_that_goes_away_gives_a_named_error(site: Site, database: Database) -> None:
    writer = site.writer()
    site.put(1)
    waiting = site.waiting()
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE ledger_heads RENAME TO elsewhere"))
    with pytest.raises(
        StorageError, match="looking for the newest checkpoint: the database refused"
    ):
        writer.append(waiting)
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO ledger_heads"))
    whole(site).close()
    site.check()


def test_a_statement_that_was_lost_from_the_order_is_missed(site: Site, database: Database) -> None:
    with site.writer() as writer:
        _grow(site, writer, 2)
        with database.begin() as connection:
            connection.execute(delete(bodies))
            connection.execute(delete(table).where(table.c.leaf_index == 1))
        store_statements(database, 2, 1)
        with pytest.raises(LedgerError, match="order ends at 1, not at 2"):
            writer.append(site.waiting())
