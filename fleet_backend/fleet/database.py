"""Opens the fleet's database; refuses one that a newer program wrote.

`begin` is for whoever writes: writers take turns, so that two of them wait for each other instead
of failing halfway. `read` sees one moment and cannot write. What drivers raise in either comes out
as DatabaseError, or as DatabaseLostError where it is worth waiting.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from fleet_backend.fleet import engine
from fleet_backend.fleet.engine import Changes, Link
from fleet_backend.fleet.errors import DatabaseError, DatabaseLostError, SchemaVersionError
from fleet_backend.fleet.schema import VERSION, schema_version


class Database:
    """Connections to one database. Safe to share between threads."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def create_schema(self) -> None:
        """Make the tables where there are none, bring older ones up to this program's.

        Of several programs that start at once one does it. Raises SchemaVersionError for a newer
        database.
        """
        with self._named_errors(), self._link.writers.begin() as connection:
            self._link.lock_schema(connection)
            if _version(connection) != [VERSION]:
                self._change_schema(connection)
        self.check_schema()

    def _change_schema(self, connection: Connection) -> None:
        # Only here: Alembic takes a while to be imported, and most starts find nothing to change.
        from fleet_backend.fleet import migrate

        if _version(connection) is None:
            self._link.make_tables(connection)
            migrate.stamp(connection)
        else:
            migrate.bring_up(connection)

    def check_schema(self) -> None:
        """Is this a database that this program understands? Raises DatabaseError."""
        with self.read() as connection:
            found = _version(connection)
        if found is None:
            raise DatabaseError("the database has no schema yet")
        if found != [VERSION]:
            raise SchemaVersionError(
                f"the database has schema version {found}, this program knows {VERSION}"
            )

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that may write; committed at the end, rolled back on an error.

        Writers wait for each other at its beginning. Raises DatabaseLostError where the server goes
        away: it may be committed or not.
        """
        with self._named_errors(), self._link.writers.connect() as connection:
            with connection.begin():
                self._link.take_turn(connection)
                yield connection
            self._link.require_durable(connection)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment. Writing in it is an error."""
        with self._named_errors(), self._link.readers.begin() as connection:
            yield connection

    def changes(self) -> Changes:
        """For who polls; to be closed by whoever asked for it."""
        return self._link.changes()

    def scrub(self) -> None:
        """Take what was deleted out of the stored bytes. Raises DatabaseError.

        Writers wait meanwhile.
        """
        with self._named_errors():
            self._link.scrub()

    def empty_log(self) -> None:
        """Empty the write-ahead log where it is a file of the database's own."""
        self._link.empty_log()

    def connections_in_use(self) -> dict[str, int]:
        """Connections that threads hold now, of readers and of writers; for whoever measures."""
        pools = {"readers": self._link.readers.pool, "writers": self._link.writers.pool}
        return {
            name: pool.checkedout() for name, pool in pools.items() if isinstance(pool, QueuePool)
        }

    def close(self) -> None:
        """Give the connections back; nothing is lost by not calling it."""
        self._link.readers.dispose()
        self._link.writers.dispose()

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            # What the driver said at length, values of rows perhaps, ends here.
            raise self._link.named(error) from None
        except PoolTimeoutError as error:
            raise DatabaseLostError("every connection to the database is in use") from error


def _version(connection: Connection) -> list[int] | None:
    """What the table says, one number where all is well; None where there is no such table."""
    if not inspect(connection).has_table(schema_version.name):
        return None
    return list(connection.execute(select(schema_version.c.version)).scalars())


def open_database(url: str) -> Database:
    """Database of a SQLAlchemy URL: sqlite:////var/lib/trifleet/fleet.db, postgresql://host/fleet.

    Call `create_schema` or `check_schema` next. Raises DatabaseError.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Their words repeat the URL, or a part of it, which may be a password.
        raise DatabaseError("not a database URL") from None
    return Database(engine.link(parsed))
