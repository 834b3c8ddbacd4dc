"""All that is particular to SQLite: how a connection is set up, and the file's mode."""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from fleet_backend.fleet.errors import DatabaseError

BUSY_TIMEOUT_MS = 15_000
WAL_PAGES = 4_000


def make_private(path: str) -> None:
    """Make the file, if it is not there, so that only its owner may read it."""
    try:
        os.close(os.open(Path(path), os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise DatabaseError(f"cannot open {path}: {error.strerror}") from error


def prepare(engine: Engine, *, writes: bool) -> None:
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
        f"PRAGMA wal_autocheckpoint={WAL_PAGES}",
        f"PRAGMA query_only={'OFF' if writes else 'ON'}",
    )
