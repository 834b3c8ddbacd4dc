"""The lock database: one row a log with the newest signed checkpoint and the writer who holds it.

It is the memory of what was signed, and of what was published with cosignatures. Contract: `hold`
keeps every other writer out until it ends, `swap` is atomic and durable, and both refuse a writer
whose turn is over.
"""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from .durable import open_durable
from .errors import LockLostError, LogCorruptError, StorageError

WAIT_S = 1.0
# Primary result codes. PROTOCOL: somebody holds the file's own recovery lock all the time.
_TAKEN = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS log"
    " (origin TEXT PRIMARY KEY, note BLOB NOT NULL, holder BLOB NOT NULL)"
)
_COSIGNED = "CREATE TABLE IF NOT EXISTS cosigned (origin TEXT PRIMARY KEY, note BLOB NOT NULL)"


@contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in _TAKEN:
            raise LockLostError("another writer is at work on the log") from error
        raise StorageError(f"lock database: {error}") from error
    except sqlite3.Error as error:
        raise LogCorruptError(f"lock database: {error}") from error


class LockDatabase:
    """Connection of one writer, which holds the log from `take` on."""

    def __init__(self, path: Path, origin: str) -> None:
        self._origin = origin
        self._holder = secrets.token_bytes(16)
        if not path.exists():
            raise LogCorruptError(f"{path.name} is missing: what was signed is not known")
        with _database_errors():
            self._connection = open_durable(path, WAIT_S)

    @classmethod
    def create(cls, path: Path, origin: str, note: bytes) -> None:
        """Make the database with the first checkpoint; one that is there keeps its row."""
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        with closing(cls(path, origin)) as database, _database_errors(), database._transaction():
            database._execute(_SCHEMA)
            database._execute("INSERT OR IGNORE INTO log VALUES (?, ?, x'')", origin, note)

    def take(self) -> bytes:
        """Become the holder; an earlier one is refused from now on. Returns the newest note."""
        with _database_errors(), self._transaction():
            note, _ = self._row()
            self._execute(_COSIGNED)
            self._execute("UPDATE log SET holder = ? WHERE origin = ?", self._holder, self._origin)
        return note

    @contextmanager
    def hold(self, note: bytes) -> Iterator[None]:
        """Keep others out. Raises LockLostError unless we hold the log and `note` is newest."""
        with _database_errors(), self._transaction():
            if self._row() != (note, self._holder):
                raise LockLostError("another writer took the log over")
            yield

    def swap(self, old: bytes, new: bytes) -> None:
        """Within `hold`: replace `old` by `new`, durable once `hold` has ended."""
        with _database_errors():
            changed = self._execute(
                "UPDATE log SET note = ? WHERE origin = ? AND note = ? AND holder = ?",
                new, self._origin, old, self._holder,
            ).rowcount  # fmt: skip
        if changed != 1:
            raise LockLostError("another writer moved the log on")

    def cosigned(self) -> bytes | None:
        """Within `hold`: the last note that `keep_cosigned` was given."""
        with _database_errors():
            found = self._execute("SELECT note FROM cosigned WHERE origin = ?", self._origin)
            row = found.fetchone()
        return None if row is None else bytes(row[0])

    def keep_cosigned(self, note: bytes | None) -> None:
        """Within `hold`: remember what is about to be published, or that nothing is cosigned."""
        with _database_errors():
            self._execute("DELETE FROM cosigned WHERE origin = ?", self._origin)
            if note is not None:
                self._execute("INSERT INTO cosigned VALUES (?, ?)", self._origin, note)

    def close(self) -> None:
        self._connection.close()

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._connection.execute(statement, values)

    def _row(self) -> tuple[bytes, bytes]:
        found = self._execute("SELECT note, holder FROM log WHERE origin = ?", self._origin)
        row = found.fetchone()
        if row is None:
            raise LogCorruptError(f"lock database knows no log {self._origin!r}")
        note, holder = row
        return bytes(note), bytes(holder)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._execute("ROLLBACK")
