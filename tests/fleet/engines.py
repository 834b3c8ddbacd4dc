"""One database of a test on either engine: a file, or one of a server that the process shares.

The server is started by the first test that needs it and stopped when the tests end. Its databases
are copies of one that has the schema: making the tables anew would take longer than most tests.
"""

import atexit
import itertools
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import text

from fleet_backend.fleet import migrate
from fleet_backend.fleet.database import Database, open_database
from trifleet import postgres
from trifleet.errors import PostgresError
from trifleet.ports import free_port
from trifleet.postgres import PostgresServer, ServerSettings

SQLITE = "sqlite"
POSTGRES = "postgresql"
ENGINES = (SQLITE, POSTGRES)
_TEMPLATE = "template_fleet"
_numbers = itertools.count()
_started: list[PostgresServer] = []


def database_url(engine: str, folder: Path, *, empty: bool = False) -> str:
    """A new database for this test; with the schema in it where `empty` is not asked for.

    On SQLite the file `fleet.db` of the folder, which the test makes the tables in.
    """
    if engine == SQLITE:
        return f"sqlite:///{folder / 'fleet.db'}"
    server = shared_server()
    name = f"t{next(_numbers)}"
    server.sql(f"CREATE DATABASE {name} TEMPLATE {'template1' if empty else _TEMPLATE}")
    return server.url(name)


def make_older(database: Database, version: int) -> None:
    """As a program of that version left it: nobody had heard of Alembic before version 5."""
    with database._link.writers.begin() as connection:
        migrate.make_version(connection, version)
        if version < 5:
            connection.execute(text("DROP TABLE alembic_version"))


def shared_server() -> PostgresServer:
    """This process's server. Skips where PostgreSQL is not installed."""
    if not _started:
        try:
            postgres.find_programs()
        except PostgresError as error:
            pytest.skip(str(error))
        _started.append(_start())
    return _started[0]


def _start() -> PostgresServer:
    # Not in pytest's folder: PostgreSQL may run as another account, which may not enter that.
    root = Path(tempfile.mkdtemp(prefix="trifleet-pg-"))
    settings = ServerSettings(durable=False, shared_buffers_mb=32)
    server = postgres.initialise(root, free_port(), settings)
    atexit.register(postgres.remove, server)
    server.start()
    server.sql(f"CREATE DATABASE {_TEMPLATE}")
    made = open_database(server.url(_TEMPLATE))
    made.create_schema()
    made.close()
    return server
