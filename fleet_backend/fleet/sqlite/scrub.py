"""Takes what was deleted out of a SQLite file for good, while other programs use it.

`secure_delete` overwrites a deleted row with zeros, but not the copies of it that splitting a page
left in free space, nor the pages in the write-ahead log. So the file is written anew and the log
emptied.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from fleet_backend.fleet.errors import DatabaseError

WAIT_S = 60.0
_BUSY_S = 30.0


def rewrite(path: Path, wait_s: float = WAIT_S) -> None:
    """VACUUM, then empty the write-ahead log. Raises DatabaseError where somebody stays in it.

    Writers wait meanwhile; the disk holds the database twice for a moment.
    """
    try:
        with closing(_connect(path)) as database:
            database.execute("VACUUM")
            _empty_log(database, path, wait_s)
    except sqlite3.Error as error:
        raise DatabaseError(f"cannot rewrite {path}: {error}") from error


def empty_log(path: Path, wait_s: float = WAIT_S) -> None:
    """Empty the write-ahead log alone. Raises DatabaseError."""
    try:
        with closing(_connect(path)) as database:
            _empty_log(database, path, wait_s)
    except sqlite3.Error as error:
        raise DatabaseError(f"cannot empty the log of {path}: {error}") from error


def _empty_log(database: sqlite3.Connection, path: Path, wait_s: float) -> None:
    """A reader of an older moment needs the log: wait for it to end."""
    end = time.monotonic() + wait_s
    while database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() > end:
            raise DatabaseError(f"{path}: a reader kept the write-ahead log for {wait_s:.0f} s")
        time.sleep(0.05)


def _connect(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise DatabaseError(f"no database {path}")
    database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
    database.execute("PRAGMA secure_delete=ON")
    return database
