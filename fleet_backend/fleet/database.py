"""Opens the fleet's database; refuses one that a newer program wrote.

`begin` is for whoever writes: writers take turns, so that two of them wait for each other instead
of failing halfway. `read` sees one moment and cannot write. What drivers raise in either comes out
as DatabaseError, or as DatabaseLostError where it is worth waiting.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from fleet_backend.fleet import engine
from fleet_backend.fleet.engine import Changes, Link
from fleet_backend.fleet.errors import (
    DatabaseError,
    DatabaseLostError,
    SchemaVersionError,
    UpgradeError,
)
from fleet_backend.fleet.schema import VERSION, schema_version

T = TypeVar("T")


class Database:
    """Connections to one database. Safe to share between threads."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def create_schema(self) -> None:
        """Make the tables where there are none, bring older ones up to this program's.

        Of several programs that start at once one does it. Raises SchemaVersionError for a newer
        database.
        """
        # Programs that only look need no Alembic: it takes a while to be imported.
        from fleet_backend.fleet import migrate

        with self._named_errors(), self._link.writers.begin() as connection:
            self._link.lock_schema(connection)
            if inspect(connection).has_table(schema_version.name):
                with self._named_upgrade():
                    migrate.bring_up(connection)
            else:
                self._link.make_tables(connection)
                migrate.stamp(connection)
        self.check_schema()

    def make_filled(self, fill: Callable[[Connection], T]) -> T:
        """Make the tables in an empty database, and in the same transaction what `fill` puts there:
        all of it or nothing. Raises DatabaseError where it is not empty.
        """
        from fleet_backend.fleet import migrate

        with self._named_errors(), self._link.writers.connect() as connection:
            with connection.begin():
                self._link.lock_schema(connection)
                if found := inspect(connection).get_table_names():
                    raise DatabaseError(
                        f"the database is not empty: it has {len(found)} tables ({found[0]}, ...)"
                    )
                self._link.make_tables(connection)
                migrate.stamp(connection)
                filled = fill(connection)
            self._link.require_durable(connection)
        return filled

    def check_schema(self) -> None:
        """Is this a database that this program understands? Raises DatabaseError."""
        with self.read() as connection:
            if not inspect(connection).has_table(schema_version.name):
                raise DatabaseError("the database has no schema yet")
            found = connection.execute(select(schema_version.c.version)).scalars().all()
        if list(found) != [VERSION]:
            raise SchemaVersionError(_told_version(list(found)))

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
    def _named_upgrade(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            named = self._link.named(error)
            if isinstance(named, DatabaseLostError):
                raise named from None
            raise UpgradeError(
                f"the database could not be brought up to schema version {VERSION}: {named}."
                " Nothing was changed in it. Put that right and start again, or go on with the"
                " program that wrote it (docs/operations.md, Upgrade)"
            ) from None

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            # What the driver said at length, values of rows perhaps, ends here.
            raise self._link.named(error) from None
        except PoolTimeoutError as error:
            raise DatabaseLostError("every connection to the database is in use") from error


def _told_version(found: list[int]) -> str:
    told = f"the database has schema version {found}, this program knows {VERSION}"
    if len(found) == 1 and found[0] > VERSION:
        return (
            f"{told}: a newer trifleet wrote it, and there is no way back within it. Start that one"
            " again, or restore the back-up that was made before it (docs/operations.md, Upgrade)"
        )
    if len(found) == 1 and found[0] > 0:
        return f"{told}: start the ingest (or trifleet run) of this version, which brings it up"
    return told


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
