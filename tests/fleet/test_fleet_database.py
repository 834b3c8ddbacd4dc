"""Opening, refusing, and two processes at once."""

import multiprocessing
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_mock_engine, inspect, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateIndex, CreateTable

from fleet_backend.fleet import events, gateways, sqlite, statements
from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.errors import DatabaseError, ExistsError, SchemaVersionError
from fleet_backend.fleet.schema import (
    ADDED_IN_4,
    INDEXES_OF_4,
    MEASURED,
    MEASURED_IN_1,
    MEASURED_IN_2,
    VERSION,
    metadata,
    schema_version,
    telemetry,
    vehicle_state,
)
from protocol import bodies, record

ROUNDS = 80


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / 'fleet.db'}"


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    database = open_database(_url(tmp_path))
    database.create_schema()
    with database.begin() as connection:
        connection.execute(update(schema_version).values(version=VERSION + 1))
    for open_it in (database.check_schema, database.create_schema):
        with pytest.raises(SchemaVersionError, match="version"):
            open_it()
    database.close()


@pytest.mark.parametrize(
    ("version", "measured"), [(1, MEASURED_IN_1), (2, MEASURED_IN_2), (3, len(MEASURED))]
)
def test_an_older_database_gets_what_it_lacks(tmp_path: Path, version: int, measured: int) -> None:
    database = open_database(_url(tmp_path))
    database.create_schema()
    with database.begin() as connection:
        for table in (telemetry.name, vehicle_state.name):
            for name in MEASURED[measured:]:
                connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {name}"))
        for index in INDEXES_OF_4:
            index.drop(connection)
        for added in ADDED_IN_4:
            added.drop(connection)
        connection.execute(update(schema_version).values(version=version))
    with pytest.raises(SchemaVersionError):
        database.check_schema()
    database.create_schema()
    database.create_schema()
    database.check_schema()
    with database.read() as connection:
        for made in (telemetry, vehicle_state, *ADDED_IN_4):
            found = [column["name"] for column in inspect(connection).get_columns(made.name)]
            assert found == [column.name for column in made.columns]
        for index in INDEXES_OF_4:
            made_again = inspect(connection).get_indexes(index.table.name)
            assert index.name in [found["name"] for found in made_again]
    database.close()


def test_what_is_measured_is_what_a_sample_holds() -> None:
    names = [name for name, _ in bodies.BODIES[record.TELEMETRY]]
    assert list(MEASURED) == names


def test_a_database_without_a_schema_is_refused_by_who_does_not_make_it(tmp_path: Path) -> None:
    database = open_database(_url(tmp_path))
    with pytest.raises(DatabaseError, match="no schema"):
        database.check_schema()
    database.create_schema()
    database.create_schema()
    database.close()


@pytest.mark.parametrize(
    "url", ["", "no url", "postgresql://host/db", "sqlite://", "sqlite:///:memory:"]
)
def test_urls_that_are_not_supported_are_refused_by_name(url: str) -> None:
    with pytest.raises(DatabaseError):
        open_database(url)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fleet.db").write_bytes(b"something else entirely" * 100)
    with pytest.raises(DatabaseError, match="cannot open"):
        open_database(_url(tmp_path))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="cannot open"):
        open_database(_url(tmp_path / "absent"))


def test_the_file_is_private_and_durable(tmp_path: Path) -> None:
    database = open_database(_url(tmp_path))
    database.create_schema()
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
        "busy_timeout": sqlite.BUSY_TIMEOUT_MS,
    }
    database.close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    database = open_database(_url(tmp_path))
    database.create_schema()
    with pytest.raises(OperationalError, match="readonly"), database.read() as connection:
        events.append(connection, [events.NewEvent("vehicle", "v", {})], 1)
    database.close()


def test_who_polls_is_told_of_commits_and_of_nothing_else(tmp_path: Path) -> None:
    with closing(open_database(_url(tmp_path))) as database:
        database.create_schema()
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
        assert changes.any()  # in doubt


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    database = open_database(_url(tmp_path))
    database.create_schema()
    with pytest.raises(KeyError), database.begin() as connection:
        events.append(connection, [events.NewEvent("vehicle", "v", {})], 1)
        raise KeyError
    with database.read() as connection:
        assert events.newest_id(connection) == 0
    database.close()


def test_the_tables_are_valid_for_postgresql() -> None:
    dialect = postgresql.dialect()
    for table in metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=dialect))
    made: list[str] = []
    engine = create_mock_engine(
        "postgresql+psycopg://", lambda sql, *rest: made.append(str(sql.compile(dialect=dialect)))
    )
    metadata.create_all(engine, checkfirst=False)
    assert any("BIGSERIAL" in sql for sql in made)


def test_a_batch_with_a_stored_statement_is_refused_whole(tmp_path: Path) -> None:
    database = open_database(_url(tmp_path))
    database.create_schema()
    row = ("gw-1", 0, bytes(32), bytes(32), 1, 1, 1, b"s", False)
    with database.begin() as connection:
        gateways.register(connection, "gw-1", bytes(32), gateways.GATEWAY, 1)
        sqlite.insert_statements(connection, [(1, *row)])
    other = ("gw-1", 1, bytes([1]) * 32, bytes(32), 1, 1, 1, b"s", False)
    with pytest.raises(ExistsError), database.begin() as connection:
        sqlite.insert_statements(connection, [(2, *other), (3, *row)])
    with database.read() as connection:
        assert statements.count(connection) == (1, 0)
    database.close()


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


def test_processes_write_at_once_without_errors_and_in_turn(tmp_path: Path) -> None:
    database = open_database(_url(tmp_path))
    database.create_schema()
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Event()
    writers = [
        spawn.Process(target=_write_rounds, args=(_url(tmp_path), f"p-{number}", start))
        for number in range(2)
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
