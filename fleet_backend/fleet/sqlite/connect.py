"""Connections to SQLite: one file, one writer; a commit is on the disk when it returns."""

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from fleet_backend.fleet.errors import DatabaseError, DatabaseRefusedError
from fleet_backend.fleet.schema import metadata
from fleet_backend.fleet.sqlite import scrub

BUSY_TIMEOUT_MS = 15_000
WAL_PAGES = 4_000


class SqliteLink:
    """What `Database` needs of SQLite."""

    def __init__(self, url: URL) -> None:
        """Raises DatabaseError."""
        if not url.database or url.database == ":memory:":
            raise DatabaseError("the database is a file: several processes share it")
        self._file = Path(url.database)
        _make_private(self._file)
        # What was to be written stays out of errors: they end in logs, and it may be about a rider.
        self.writers, self.readers = (create_engine(url, hide_parameters=True) for _ in range(2))
        _prepare(self.writers, writes=True)
        _prepare(self.readers, writes=False)
        try:
            with self.writers.connect():
                pass
        except DBAPIError as error:
            raise DatabaseError(f"cannot open {url.database}: {error.orig}") from error

    def take_turn(self, connection: Connection) -> None:
        """BEGIN IMMEDIATE has done it."""

    def require_durable(self, connection: Connection) -> None:
        """synchronous=FULL has done it."""

    def lock_schema(self, connection: Connection) -> None:
        """BEGIN IMMEDIATE has done it."""

    def make_tables(self, connection: Connection) -> None:
        metadata.create_all(connection)

    def named(self, error: DBAPIError) -> DatabaseRefusedError:
        """The driver's error as ours. What was to be written is not in it."""
        return DatabaseRefusedError(f"the database refused: {error.orig}")

    def scrub(self) -> None:
        scrub.rewrite(self._file)

    def empty_log(self) -> None:
        scrub.empty_log(self._file)

    def changes(self) -> "SqliteChanges":
        return SqliteChanges(self._file)


class SqliteChanges:
    """Was anything committed since this was last asked? Much cheaper than a query.

    For one thread, which looks again and again.
    """

    def __init__(self, path: Path) -> None:
        self._driver = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._version: int | None = None

    def any(self) -> bool:
        """Ask before reading: what is committed in between is told the next time. Yes in doubt."""
        try:
            version = int(self._driver.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error:
            return True  # the reading will say what is wrong
        changed = version != self._version
        self._version = version
        return changed

    def close(self) -> None:
        self._driver.close()


def _make_private(path: Path) -> None:
    """Make the file, if it is not there, so that only its owner may read it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise DatabaseError(f"cannot open {path}: {error.strerror}") from error


def _prepare(engine: Engine, *, writes: bool) -> None:
    """Settings of each connection, and which BEGIN a transaction starts with."""

    def connected(driver: Any, _: object) -> None:
        # The driver begins no transactions of its own accord: BEGIN is ours, below.
        driver.isolation_level = None
        for line in _settings(writes):
            driver.execute(line)

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


def _settings(writes: bool) -> tuple[str, ...]:
    return (
        f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
        "PRAGMA journal_mode=WAL",
        # A commit is on the disk when it returns: an acknowledgement rests on it.
        "PRAGMA synchronous=FULL",
        "PRAGMA foreign_keys=ON",
        # What is deleted is overwritten with zeros: a position is not to be read in a free page.
        "PRAGMA secure_delete=ON",
        f"PRAGMA wal_autocheckpoint={WAL_PAGES}",
        f"PRAGMA query_only={'OFF' if writes else 'ON'}",
    )
