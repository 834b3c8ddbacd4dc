"""A server that goes away, waits or refuses: an error of ours says what to do."""

import os
import secrets
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import create_mock_engine, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from fleet_backend.fleet import events
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.fleet.errors import (
    DatabaseError,
    DatabaseLostError,
    DatabaseRefusedError,
    ValueRefusedError,
)
from fleet_backend.fleet.postgres import connect, scrub
from fleet_backend.fleet.schema import metadata, partitioned_telemetry
from tests.fleet.engines import POSTGRES, database_url, shared_server
from trifleet import postgres
from trifleet.ports import free_port
from trifleet.postgres import PostgresServer, ServerSettings


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(database_url(POSTGRES, tmp_path))) as opened:
        yield opened


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server of the test's own, to be killed."""
    root = Path(tempfile.mkdtemp(prefix="trifleet-pg-"))
    made = postgres.initialise(root, free_port(), ServerSettings(shared_buffers_mb=32))
    made.start()
    yield made
    postgres.remove(made)


def append(database: Database, number: int = 1) -> None:
    with database.begin() as connection:
        events.append(connection, [events.NewEvent("vehicle", "v", {"n": number})], number)


def settings_of(database: Database, *, writes: bool) -> dict[str, str]:
    names = (
        "synchronous_commit", "transaction_isolation", "transaction_read_only", "lock_timeout",
        "statement_timeout", "idle_in_transaction_session_timeout",
    )  # fmt: skip
    with database.begin() if writes else database.read() as connection:
        return {name: str(connection.execute(text(f"SHOW {name}")).scalar_one()) for name in names}


@pytest.mark.parametrize("kept", ["off", "local", "on", "remote_apply"])
def test_a_commit_is_durable_whatever_the_server_says(database: Database, kept: str) -> None:
    with database.begin() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = '{kept}'"))
    with closing(open_database(shared_server().url(name))) as again:
        found = settings_of(again, writes=True)
    assert found["synchronous_commit"] == (kept if kept == "remote_apply" else "on")


def test_writers_and_readers_have_their_settings(database: Database) -> None:
    bounds = {
        "lock_timeout": "15s", "statement_timeout": "2min", "synchronous_commit": "on",
    }  # fmt: skip
    idle = "idle_in_transaction_session_timeout"
    assert settings_of(database, writes=True) == {
        **bounds, idle: "10s",
        "transaction_isolation": "read committed", "transaction_read_only": "off",
    }  # fmt: skip
    assert settings_of(database, writes=False) == {
        **bounds, idle: "1min",
        "transaction_isolation": "repeatable read", "transaction_read_only": "on",
    }  # fmt: skip


def test_a_password_is_in_no_error() -> None:
    password = secrets.token_urlsafe(16)
    place = f"127.0.0.1:{shared_server().port}/postgres"
    for url in (
        f"postgresql://trifleet:{password}@{place}",
        f"postgresql://trifleet:{password}@127.0.0.1:1/postgres",
        f"postgresql://trifleet:{password}@127.0.0.1:none/postgres",
        f"postgresql+psycopg2://trifleet:{password}@{place}",
    ):
        with pytest.raises(DatabaseError) as found:
            open_database(url)
        assert password not in "".join(traceback.format_exception(found.value))


def test_a_server_that_is_not_there_is_lost() -> None:
    with pytest.raises(DatabaseLostError, match="refused"):
        open_database(f"postgresql://trifleet@127.0.0.1:{free_port()}/fleet")


def test_a_transaction_that_breaks_off_is_lost_and_the_next_one_works(database: Database) -> None:
    append(database)
    with pytest.raises(DatabaseLostError), database.begin() as connection:
        mine = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        shared_server().sql(f"SELECT pg_terminate_backend({mine})")
        events.append(connection, [events.NewEvent("vehicle", "v", {})], 2)
    with pytest.raises(DatabaseLostError), database.read() as connection:
        mine = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        shared_server().sql(f"SELECT pg_terminate_backend({mine})")
        events.newest_id(connection)
    append(database)
    with database.read() as connection:
        assert len(events.since(connection, 0)) == 2


def test_idle_connections_that_the_server_closed_cost_nobody_an_error(database: Database) -> None:
    append(database)
    with database.read() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
    with closing(database.changes()) as changes:
        assert changes.any() and not changes.any()
        shared_server().sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            f" WHERE datname = '{name}'"
        )
        append(database)
        with database.read() as connection:
            assert len(events.since(connection, 0)) == 2
        assert changes.any()  # in doubt
        assert changes.any()  # on a new connection: nothing is known yet
        assert not changes.any()


def test_who_waits_too_long_for_his_turn_is_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.begin() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        monkeypatch.setattr(connect, "LOCK_MS", 100)
        with (
            closing(open_database(shared_server().url(name))) as hasty,
            pytest.raises(DatabaseRefusedError, match="lock timeout"),
        ):
            append(hasty)


def test_writers_take_turns_and_readers_do_not_wait(database: Database) -> None:
    order: list[str] = []

    def second() -> None:
        append(database, 2)
        order.append("second")

    with database.begin() as connection:
        events.append(connection, [events.NewEvent("vehicle", "v", {"n": 1})], 1)
        waiting = threading.Thread(target=second)
        waiting.start()
        while not _is_anybody_waiting(database):
            time.sleep(0.005)
        order.append("first")
    waiting.join(30)
    assert order == ["first", "second"]
    with database.read() as connection:
        assert [one.data["n"] for one in events.since(connection, 0)] == [1, 2]


def _is_anybody_waiting(database: Database) -> bool:
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with database.read() as connection:
        mine = f"{waits} AND datname = current_database()"
        return connection.execute(text(mine)).scalar_one() > 0


def test_a_commit_that_no_standby_confirmed_is_no_commit(server: PostgresServer) -> None:
    """Somebody ends the wait for the standby: the server says COMMIT, we must not believe it."""
    with closing(open_database(server.url())) as database:
        database.create_schema()
        server.sql("ALTER SYSTEM SET synchronous_standby_names = 'absent'")
        server.sql("SELECT pg_reload_conf()")
        failures: list[Exception] = []

        def write() -> None:
            try:
                append(database)
            except DatabaseLostError as error:
                failures.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        cancel = (
            "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity"
            " WHERE wait_event = 'SyncRep'"
        )
        end = time.monotonic() + 30
        while writer.is_alive() and time.monotonic() < end:
            server.sql(cancel)
            writer.join(0.05)
        assert [str(error) for error in failures] == [
            "a commit was not confirmed by the standby: its wait was ended"
        ]
        server.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
        server.sql("SELECT pg_reload_conf()")
        append(database)  # the connection is as good as before


def test_nothing_that_was_acknowledged_is_lost_when_the_primary_dies(
    server: PostgresServer,
) -> None:
    """kill -9 of the primary under load, the standby is promoted, writers wait and go on."""
    root = Path(tempfile.mkdtemp(prefix="trifleet-pg-"))
    second = postgres.standby(server, root, free_port(), "second")
    second.start()
    server.require_standby("second")
    hosts = f"host=127.0.0.1:{server.port}&host=127.0.0.1:{second.port}"
    url = f"postgresql://trifleet@/fleet?{hosts}&passfile={second.passfile}"
    kept: list[int] = []
    stop = threading.Event()
    try:
        with closing(open_database(url)) as database:
            database.create_schema()

            def write() -> None:
                number = 0
                while not stop.is_set():
                    number += 1
                    with suppress(DatabaseLostError):
                        append(database, number)
                        kept.append(number)

            writer = threading.Thread(target=write)
            writer.start()
            _wait_for(lambda: len(kept) >= 50)
            server.kill()
            before = len(kept)
            second.promote()
            _wait_for(lambda: len(kept) >= before + 20)
            stop.set()
            writer.join(30)
            with database.read() as connection:
                found = [one.data["n"] for one in events.since(connection, 0, 1_000_000)]
        assert set(kept) <= set(found)
        assert found == sorted(found)
        assert len(found) == len(set(found))
    finally:
        stop.set()
        postgres.remove(second)


def test_a_start_waits_for_what_a_killed_server_left_behind(server: PostgresServer) -> None:
    """Its processes end when they notice; one that stands still holds the memory of all."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    left = int(children[-1])
    os.kill(left, signal.SIGSTOP)
    server.kill()
    going_on = threading.Timer(1.0, os.kill, (left, signal.SIGCONT))
    going_on.start()
    try:
        server.start()
    finally:
        going_on.join()
    assert server.sql("SELECT 1") == "1"
    told = (server.root / "server.log").read_text()
    assert "pre-existing shared memory block" in told


def _wait_for(what: "object") -> None:
    end = time.monotonic() + 60
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_tables_are_valid_for_postgresql() -> None:
    dialect = postgresql.dialect()
    for table in (*metadata.sorted_tables, partitioned_telemetry):
        assert str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=dialect))
    made: list[str] = []
    engine = create_mock_engine(
        "postgresql+psycopg://", lambda sql, *rest: made.append(str(sql.compile(dialect=dialect)))
    )
    metadata.create_all(engine, checkfirst=False)
    assert any("BIGSERIAL" in sql for sql in made)


def test_what_a_reader_may_still_see_is_not_scrubbed_behind_his_back(database: Database) -> None:
    append(database)
    with database.read() as connection:
        assert events.newest_id(connection) == 1
        with database.begin() as writing:
            writing.execute(text("DELETE FROM events"))
        with pytest.raises(DatabaseRefusedError, match="older moment"):
            scrub.rewrite(database._link.writers, wait_s=0.1)
    database.scrub()
    append(database)


def test_a_text_that_no_column_holds_is_their_fault(database: Database) -> None:
    with pytest.raises(ValueRefusedError), database.begin() as connection:
        events.append(connection, [events.NewEvent("vehicle", "a\0b", {})], 1)
    append(database)
