"""Connections to PostgreSQL, one server or a primary with standbys.

Writers take turns: a transaction that may write first raises the number in `turn`, and so waits
for the one before it. Numbers come in the order of commits, who looks before he writes is right,
nothing deadlocks, and who polls reads that number alone.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from fleet_backend.fleet.errors import (
    DatabaseError,
    DatabaseLostError,
    DatabaseRefusedError,
    FleetError,
    ValueRefusedError,
)
from fleet_backend.fleet.postgres import schema, scrub

try:
    import psycopg
except ImportError as error:
    raise DatabaseError(
        "PostgreSQL needs the package psycopg: pip install -r requirements-scale.txt"
    ) from error

DRIVER = "postgresql+psycopg"
LOCK_MS = 15_000
STATEMENT_MS = 120_000
IDLE_MS = 60_000
# The same for who has the turn: everybody else waits for him.
TURN_IDLE_MS = 10_000
_SCHEMA_LOCK = 0x7472_6966_6C65_6574  # "trifleet"
# Of a URL's own words these are kept where it has them.
_CONNECT = {
    "connect_timeout": "5",
    "application_name": "trifleet",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    # Of several hosts the one that takes writes: a standby would refuse them.
    "target_session_attrs": "read-write",
}
# SQLSTATE classes and codes after which the same may be asked again, of this server or the next.
_LOST_CLASSES = ("08", "53")
_LOST_CODES = ("57P01", "57P02", "57P03", "25006", "25P03")
_NOT_REPLICATED = "canceling wait for synchronous replication"


class PostgresLink:
    """What `Database` needs of PostgreSQL."""

    def __init__(self, url: URL) -> None:
        """Raises DatabaseLostError where no server answers, DatabaseError where one refuses."""
        if url.drivername not in ("postgresql", DRIVER):
            raise DatabaseError(f"no support for the driver of {url.drivername!r}: use {DRIVER!r}")
        if not url.database:
            raise DatabaseError("the URL of a PostgreSQL database ends in the database's name")
        wanted = url.set(drivername=DRIVER).update_query_dict(
            {name: value for name, value in _CONNECT.items() if name not in url.query}
        )
        self.writers, self.readers = (_engine(wanted, writes) for writes in (True, False))
        try:
            with self.writers.connect():
                pass
        except DBAPIError as error:
            raise self.named(error) from None

    def take_turn(self, connection: Connection) -> None:
        connection.exec_driver_sql(schema.TAKE_TURN)

    def require_durable(self, connection: Connection) -> None:
        """After a commit. Raises DatabaseLostError where a standby that must have it may not."""
        if connection.info.pop(_NOT_REPLICATED, False):
            raise DatabaseLostError("a commit was not confirmed by the standby: its wait was ended")

    def lock_schema(self, connection: Connection) -> None:
        # A migration takes as long as it takes, and whoever starts meanwhile waits for it.
        for line in ("SET LOCAL lock_timeout = 0", "SET LOCAL statement_timeout = 0"):
            connection.exec_driver_sql(line)
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")

    def make_tables(self, connection: Connection) -> None:
        schema.make_tables(connection)

    def named(self, error: DBAPIError) -> FleetError:
        """Without the server's DETAIL: it repeats values of the row that was refused."""
        found = error.orig
        code = getattr(found, "sqlstate", None)
        if not isinstance(found, psycopg.Error):
            return DatabaseRefusedError(f"the database refused: {type(found).__name__}")
        if isinstance(found, psycopg.DataError):  # a NUL in a text, say
            return ValueRefusedError("a value that a column of the database cannot hold")
        lost = error.connection_invalidated or (
            code is None and isinstance(found, psycopg.OperationalError | psycopg.InterfaceError)
        )
        if lost or (code is not None and (code[:2] in _LOST_CLASSES or code in _LOST_CODES)):
            return DatabaseLostError(f"the database is not there now: {_told(found)}")
        return DatabaseRefusedError(f"the database refused: {_told(found)}")

    def scrub(self) -> None:
        scrub.rewrite(self.writers)

    def empty_log(self) -> None:
        """The server's write-ahead log is its own: docs/privacy.md says how long it remembers."""

    def changes(self) -> "PostgresChanges":
        return PostgresChanges(self.readers)


class PostgresChanges:
    """Was anything committed since this was last asked? One row by its key.

    For one thread, which looks again and again.
    """

    def __init__(self, readers: Engine) -> None:
        self._engine = readers.execution_options(isolation_level="AUTOCOMMIT")
        self._connection: Connection | None = None
        self._number: int | None = None
        self._closed = False

    def any(self) -> bool:
        """Ask before reading: what is committed in between is told the next time. Yes in doubt."""
        if self._closed:
            return True
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            number = self._connection.exec_driver_sql(schema.WHOSE_TURN).scalar()
        except DBAPIError:
            self._forget()
            return True  # the reading will say what is wrong
        changed = number is None or number != self._number
        self._number = number
        return changed

    def close(self) -> None:
        self._forget()
        self._closed = True

    def _forget(self) -> None:
        """Another connection the next time; nothing is known then."""
        self._number = None
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
        self._connection = None


def _engine(url: URL, writes: bool) -> Engine:
    # What was to be written stays out of errors: they end in logs, and it may be about a rider.
    engine = create_engine(
        url, hide_parameters=True, pool_pre_ping=True, pool_size=5, max_overflow=15, pool_timeout=30
    )

    def connected(driver: Any, record: Any) -> None:
        driver.autocommit = True
        for line in _settings(driver, writes):
            driver.execute(line)
        driver.autocommit = False
        if writes:
            # Each statement sees what was committed before it: the turn is waited for first.
            driver.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            driver.add_notice_handler(_heard(record.info))
        else:
            driver.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            driver.read_only = True

    event.listen(engine, "connect", connected)
    return engine


def _settings(driver: Any, writes: bool) -> list[str]:
    idle_ms = TURN_IDLE_MS if writes else IDLE_MS
    lines = [
        f"SET lock_timeout = {LOCK_MS}",
        f"SET statement_timeout = {STATEMENT_MS}",
        # Who stops within a transaction gives his turn away.
        f"SET idle_in_transaction_session_timeout = {idle_ms}",
        "SET timezone = 'UTC'",
    ]
    # A commit is on the disk when it returns, on the standby's too where there is one: an
    # acknowledgement rests on it. A server that asks for more (remote_apply) keeps it.
    found = driver.execute("SHOW synchronous_commit").fetchone()[0]
    return [*lines, "SET synchronous_commit = on"] if found in ("off", "local") else lines


def _heard(info: Any) -> Callable[[Any], None]:
    """Somebody cancelled the wait for the standby: the server says COMMIT, and it is on one disk.

    `require_replicated` refuses it then, so that nothing is acknowledged.
    """

    def heard(notice: Any) -> None:
        if (notice.message_primary or "").startswith(_NOT_REPLICATED):
            info[_NOT_REPLICATED] = True

    return heard


def _told(error: "psycopg.Error") -> str:
    primary = error.diag.message_primary
    if primary:
        return f"{primary} ({error.sqlstate})"
    # libpq's own words about a connection, which name host, port and user, never the password.
    return (str(error).strip().splitlines() or [type(error).__name__])[0].strip()
