"""Opening, refusing, and two processes at once, on both engines."""

import multiprocessing
import secrets
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, update

from fleet_backend.fleet import engine, events, gateways, statements
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.fleet.errors import (
    DatabaseError,
    DatabaseRefusedError,
    ExistsError,
    SchemaVersionError,
)
from fleet_backend.fleet.schema import MEASURED, VERSION, schema_version
from fleet_backend.fleet.sqlite import connect
from protocol import bodies, record

ROUNDS = 60


def test_a_newer_schema_is_refused(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(update(schema_version).values(version=VERSION + 1))
    for open_it in (database.check_schema, database.create_schema):
        with pytest.raises(SchemaVersionError, match="no way back"):
            open_it()


def test_what_is_measured_is_what_a_sample_holds() -> None:
    names = [name for name, _ in bodies.BODIES[record.TELEMETRY]]
    assert list(MEASURED) == names


def test_a_database_without_a_schema_is_refused_by_who_does_not_make_it(url: str) -> None:
    with closing(open_database(url)) as database:
        with pytest.raises(DatabaseError, match="no schema"):
            database.check_schema()
        database.create_schema()
        database.create_schema()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "no url",
        "mysql://host/db",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://host",
        "postgresql+pg8000://host/db",
    ],
)
def test_urls_that_are_not_supported_are_refused_by_name(url: str) -> None:
    with pytest.raises(DatabaseError):
        open_database(url)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fleet.db").write_bytes(b"something else entirely" * 100)
    with pytest.raises(DatabaseError, match="cannot open"):
        open_database(f"sqlite:///{tmp_path}/fleet.db")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="cannot open"):
        open_database(f"sqlite:///{tmp_path}/absent/fleet.db")


@pytest.mark.usefixtures("only_sqlite")
def test_the_file_is_private_and_durable(database: Database, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "fleet.db").stat().st_mode) == 0o600
    with database.begin() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": connect.BUSY_TIMEOUT_MS,
    }


def test_a_reader_cannot_write(database: Database) -> None:
    with (
        pytest.raises(DatabaseRefusedError, match=r"read-?only"),
        database.read() as connection,
    ):
        events.append(connection, [events.NewEvent("vehicle", "v", {})], 1)


def test_a_reader_sees_one_moment(database: Database) -> None:
    with database.read() as reading:
        assert events.newest_id(reading) == 0
        with database.begin() as connection:
            events.append(connection, [events.NewEvent("vehicle", "v", {})], 1)
        assert events.newest_id(reading) == 0
    with database.read() as reading:
        assert events.newest_id(reading) == 1


def test_who_polls_is_told_of_commits_and_of_nothing_else(database: Database) -> None:
    with closing(database.changes()) as changes:
        assert changes.any()  # nothing was read yet
        assert not changes.any()
        with database.begin() as connection:
            connection.execute(update(schema_version).values(version=VERSION))
            assert not changes.any()
        assert changes.any()
        assert not changes.any()
        with database.read() as connection:
            connection.execute(select(schema_version)).all()
        assert not changes.any()
        with pytest.raises(KeyError), database.begin() as connection:
            connection.execute(update(schema_version).values(version=VERSION))
            raise KeyError
        assert not changes.any()
    assert changes.any()  # in doubt


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    with pytest.raises(KeyError), database.begin() as connection:
        events.append(connection, [events.NewEvent("vehicle", "v", {})], 1)
        raise KeyError
    with database.read() as connection:
        assert events.newest_id(connection) == 0


def test_a_batch_with_a_stored_statement_is_refused_whole(database: Database) -> None:
    row = ("gw-1", 0, bytes(32), bytes(32), 1, 1, 1, b"s", False)
    with database.begin() as connection:
        gateways.register(connection, "gw-1", bytes(32), gateways.GATEWAY, 1)
        batch = engine.batch(connection)
        batch.insert_statements(connection, [(1, *row)])
    other = ("gw-1", 1, secrets.token_bytes(32), bytes(32), 1, 1, 1, b"s", False)
    with pytest.raises(ExistsError), database.begin() as connection:
        batch.insert_statements(connection, [(2, *other), (3, *row)])
    with database.read() as connection:
        assert statements.count(connection) == (1, 0)


def test_a_name_with_every_kind_of_character_stays_what_it_is(database: Database) -> None:
    """Batches travel in forms of their own: nothing in a text is a sign to them."""
    names = ['{"a",\\N}', "a'b;--", "é\u2028\U0001f6b2", "", "NULL", "%s\t\n{}"]
    rows = [("t", name, '{"n": "\\u00e9"}', number) for number, name in enumerate(names)]
    with database.begin() as connection:
        engine.batch(connection).insert_events(connection, rows)
    with database.read() as connection:
        found = events.since(connection, 0)
    assert [(one.subject, one.data) for one in found] == [(name, {"n": "é"}) for name in names]


def _write_rounds(url: str, name: str, start: "multiprocessing.synchronize.Event") -> None:
    """A writer that reads before it writes: on SQLite the classic way to `database is locked`."""
    database = open_database(url)
    start.wait(30)
    for number in range(ROUNDS):
        with database.begin() as connection:
            newest = events.newest_id(connection)
            data = {"number": number, "saw": newest}
            events.append(connection, [events.NewEvent("vehicle", name, data)], number)
        with database.read() as connection:
            events.since(connection, newest, 5)
    database.close()


def test_processes_write_at_once_without_errors_and_in_turn(url: str) -> None:
    database = open_database(url)
    database.create_schema()
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Event()
    writers = [
        spawn.Process(target=_write_rounds, args=(url, f"p-{number}", start)) for number in range(2)
    ]
    for writer in writers:
        writer.start()
    start.set()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    with database.read() as connection:
        found = events.since(connection, 0, 10 * ROUNDS)
    assert len(found) == 2 * ROUNDS
    # Nobody wrote on top of what it had not seen.
    assert [one.data["saw"] for one in found] == [one.id - 1 for one in found]
    for name in ("p-0", "p-1"):
        numbers = [one.data["number"] for one in found if one.subject == name]
        assert numbers == list(range(ROUNDS))
    database.close()
