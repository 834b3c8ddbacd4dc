"""A copy of the database at one moment, while other programs use it."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from fleet_backend.fleet.errors import DatabaseError
from fleet_backend.fleet.sqlite import scrub

T = TypeVar("T")


def take(source: Path, target: Path, meanwhile: Callable[[], T]) -> T:
    """Copy `source` to the new file `target`; returns what `meanwhile` gave.

    `meanwhile` is called while nobody can write, at the moment of the copy: what it reads elsewhere
    belongs to it. Writers wait for that call only, not for the copying. Raises DatabaseError.
    """
    if not source.is_file():
        raise DatabaseError(f"no database {source}")
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(_connect(source)) as reader, closing(sqlite3.connect(target)) as copy:
            found = _freeze(source, reader, meanwhile)
            reader.backup(copy)
        # Free pages were copied with the rest; and one file is easier to keep than three.
        scrub.rewrite(target)
        with closing(_connect(target)) as copy:
            copy.execute("PRAGMA journal_mode=DELETE")
    except OSError as error:
        raise DatabaseError(f"cannot write {target}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise DatabaseError(f"cannot copy {source}: {error}") from error
    return found


def require_whole(path: Path) -> None:
    """Raises DatabaseError where SQLite finds the file damaged, or code in it that is not ours."""
    try:
        with closing(_connect(path)) as database:
            found = [row[0] for row in database.execute("PRAGMA integrity_check(3)")]
            query = "SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view')"
            foreign = database.execute(query).fetchone()
    except sqlite3.Error as error:
        raise DatabaseError(f"{path}: {error}") from error
    if found != ["ok"]:
        raise DatabaseError(f"{path} is damaged: {found[0]}")
    if foreign is not None:
        raise DatabaseError(f"{path} is no database of trifleet: it has triggers or views")


def _freeze(source: Path, reader: sqlite3.Connection, meanwhile: Callable[[], T]) -> T:
    """`reader` sees this moment from now on."""
    with closing(_connect(source)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        found = meanwhile()
        writer.execute("ROLLBACK")
    return found


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=30, isolation_level=None)
