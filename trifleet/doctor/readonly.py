"""Looks into SQLite files of others: reads, never writes, gives up in time.

A file with a write-ahead log is opened as any reader opens it; one without is read as it lies
there, so that not even the helper files of SQLite come into being.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

_WAIT_S = 2.0
_STEPS = 20_000


class LookError(Exception):
    """The file cannot be read as the database that it should be; the text says why."""


class TooLongError(LookError):
    """It would have taken longer than we may."""


@contextmanager
def reading(path: Path, limit_s: float = 10.0) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write. Raises LookError, out of the block, too."""
    if not path.is_file():
        raise LookError(f"{path.name} is missing")
    mode = "mode=ro" if _has_log(path) else "mode=ro&immutable=1"
    end = time.monotonic() + limit_s
    try:
        uri = f"file:{quote(str(path.absolute()))}?{mode}"
        with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT_S)) as database:
            database.execute("PRAGMA query_only=ON")
            database.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
            yield database
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise TooLongError(f"{path.name} was not read through in {limit_s:.0f} s") from error
        raise LookError(f"{path.name}: {error}") from error
    except (sqlite3.Error, OverflowError) as error:
        raise LookError(f"{path.name}: {error}") from error


def number(database: sqlite3.Connection, query: str, *values: object) -> int:
    """The one number that a query gives; 0 where it gives none. Raises sqlite3.Error."""
    row = database.execute(query, values).fetchone()
    return row[0] if row is not None and type(row[0]) is int else 0


def quick_check(path: Path, limit_s: float = 10.0) -> str:
    """Empty where the file holds together, else the first thing that does not. Raises LookError."""
    with reading(path, limit_s) as database:
        found = database.execute("PRAGMA quick_check(1)").fetchone()
    return "" if found == ("ok",) else f"{path.name}: {found[0] if found else 'no answer'}"


def _has_log(path: Path) -> bool:
    return any(path.with_name(path.name + end).exists() for end in ("-wal", "-shm", "-journal"))
