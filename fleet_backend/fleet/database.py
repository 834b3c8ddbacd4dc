"""Opens the fleet's database; refuses one that a newer program wrote.

`begin` is for whoever writes: on SQLite it takes the write lock at once, so that two writers wait
for each other instead of failing halfway. `read` sees one moment and cannot write.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, insert, inspect, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from fleet_backend.fleet import schema_enrolment, sqlite
from fleet_backend.fleet.errors import DatabaseError, SchemaVersionError
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


class Database:
    """Connections to one database. Safe to share between threads."""

    def __init__(self, writers: Engine, readers: Engine, path: str) -> None:
        self._writers = writers
        self._readers = readers
        self._path = path

    def create_schema(self) -> None:
        """Make the tables where there are none, bring older ones up to this program's.

        Raises SchemaVersionError for a newer database.
        """
        with self.begin() as connection:
            if not inspect(connection).has_table(schema_version.name):
                metadata.create_all(connection)
                connection.execute(insert(schema_version).values(version=VERSION))
            else:
                _bring_up(connection)
            schema_enrolment.ensure(connection)
        self.check_schema()

    def check_schema(self) -> None:
        """Is this a database that this program understands? Raises DatabaseError."""
        with self.read() as connection:
            if not inspect(connection).has_table(schema_version.name):
                raise DatabaseError("the database has no schema yet")
            found = connection.execute(select(schema_version.c.version)).scalars().all()
        if list(found) != [VERSION]:
            raise SchemaVersionError(
                f"the database has schema version {found}, this program knows {VERSION}"
            )

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that may write; committed at the end, rolled back on an error."""
        with self._writers.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment. Writing in it is an error."""
        with self._readers.begin() as connection:
            yield connection

    def changes(self) -> sqlite.Changes:
        """For who polls; to be closed by whoever asked for it."""
        return sqlite.Changes(self._path)

    def close(self) -> None:
        """Give the connections back; nothing is lost by not calling it."""
        self._readers.dispose()
        self._writers.dispose()


def _bring_up(connection: Connection) -> None:
    """From the version that is found to this program's, one step after the other.

    Any other version is left as it is: `check_schema` says so.
    """
    found = connection.execute(select(schema_version.c.version)).scalars().all()
    version = found[0] if len(found) == 1 else VERSION
    if version in (1, 2):
        _measure_more(connection, {1: MEASURED_IN_1, 2: MEASURED_IN_2}[version])
        version = 3
    if version == 3:
        metadata.create_all(connection, tables=ADDED_IN_4)
        for index in INDEXES_OF_4:
            index.create(connection)
        connection.execute(update(schema_version).values(version=VERSION))


def _measure_more(connection: Connection, measured: int) -> None:
    """Versions 1 and 2 measured less: the columns are added, and nothing is known of them."""
    for table in (telemetry, vehicle_state):
        for name in MEASURED[measured:]:
            connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {name} BIGINT"))


def open_database(url: str) -> Database:
    """Database of a SQLAlchemy URL such as sqlite:////var/lib/trifleet/fleet.db.

    Call `create_schema` or `check_schema` next. Raises DatabaseError.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseError("not a database URL") from error
    if parsed.get_backend_name() != "sqlite":
        raise DatabaseError(f"no support for {parsed.get_backend_name()!r} databases yet")
    if not parsed.database or parsed.database == ":memory:":
        raise DatabaseError("the database is a file: several processes share it")
    sqlite.make_private(parsed.database)
    # What was to be written stays out of errors: they end in logs, and it may be about a rider.
    writers, readers = (create_engine(parsed, hide_parameters=True) for _ in range(2))
    sqlite.prepare(writers, writes=True)
    sqlite.prepare(readers, writes=False)
    try:
        with writers.connect():
            pass
    except DBAPIError as error:
        raise DatabaseError(f"cannot open {parsed.database}: {error.orig}") from error
    return Database(writers, readers, parsed.database)
