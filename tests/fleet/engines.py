"""One database of a test on either engine: a file, or one of a server that the process shares.

The server is started by the first test that needs it and stopped when the tests end. Its databases
are copies of one that has the schema: making the tables anew would take longer than most tests.
"""

import atexit
import itertools
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest

from fleet_backend.fleet.database import open_database
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

    On SQLite the file `fleet.db` of the folder.
    """
    if engine == SQLITE:
        file = folder / "fleet.db"
        return f"sqlite:///{file}" if empty else sqlite_url(file)
    server = shared_server()
    name = f"t{next(_numbers)}"
    server.sql(f"CREATE DATABASE {name} TEMPLATE {'template1' if empty else _TEMPLATE}")
    return server.url(name)


def sqlite_url(file: Path) -> str:
    """Of a file with the tables in it; one that is there is left as it is."""
    if not file.exists():
        shutil.copy(_template_file(), file)  # with its mode
    return f"sqlite:///{file}"


@cache
def _template_file() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="trifleet-sqlite-"))
    atexit.register(shutil.rmtree, folder)
    made = open_database(f"sqlite:///{folder / 'fleet.db'}")
    made.create_schema()
    made.close()
    assert [path.name for path in folder.iterdir()] == ["fleet.db"]  # nothing lies beside it
    return folder / "fleet.db"


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
