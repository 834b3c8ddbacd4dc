"""The outbox's file: its tables, its bounds, and what goes wrong with it.

A file of the layout before is brought up in one transaction; one of an unknown layout is refused.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_gateway.errors import OutboxError, OutboxFullError

_PAGE_BYTES = 4096
_FEWEST_PAGES = 20
# Layout 1 had no number. It knew records by their names alone (tables high and ahead).
# Layout 2 could not thin and did not remember commands. Layout 3 knew one key for ever.
_LAYOUT = 4
_SCHEMA = """
CREATE TABLE IF NOT EXISTS chain(
    id INTEGER PRIMARY KEY CHECK(id = 1), gateway TEXT NOT NULL,
    next_seq INTEGER NOT NULL, prev_hash BLOB NOT NULL, refused INTEGER NOT NULL,
    starts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS statements(
    seq INTEGER PRIMARY KEY, sign1 BLOB NOT NULL, salt BLOB NOT NULL, packed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS boots(
    vehicle TEXT NOT NULL, boot INTEGER NOT NULL, high INTEGER, used INTEGER NOT NULL,
    PRIMARY KEY(vehicle, boot)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks(
    id INTEGER PRIMARY KEY, vehicle TEXT NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL,
    digest BLOB NOT NULL, UNIQUE(vehicle, boot, seq, digest));
CREATE TABLE IF NOT EXISTS thinnable(seq INTEGER PRIMARY KEY, samples INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS thinning(
    id INTEGER PRIMARY KEY CHECK(id = 1), after INTEGER NOT NULL, samples INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS commands(
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, status INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS signer(
    id INTEGER PRIMARY KEY CHECK(id = 1), public_key BLOB NOT NULL, changed_by INTEGER NOT NULL,
    is_over INTEGER NOT NULL);
INSERT OR IGNORE INTO thinning VALUES (1, -1, 0);
"""
# Nothing of a transaction is stored then: no room under our own bound or on the disk (FULL), or a
# write that the system refused (IOERR_WRITE), as it does beyond a quota or a limit on files.
_NO_ROOM = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE}


def open_file(path: Path, max_bytes: int) -> sqlite3.Connection:
    """Create or open. Raises OutboxError."""
    # The file holds positions of vehicles: for its owner only.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    # What was acknowledged is overwritten with zeros: it says where somebody rode.
    db.execute("PRAGMA secure_delete = ON")
    # A bound below the disk's: once SQLite meets a full disk even DELETE fails.
    db.execute(f"PRAGMA max_page_count = {max(_FEWEST_PAGES, max_bytes // _PAGE_BYTES)}")
    try:
        _bring_up(db, path)
    except BaseException:
        db.close()
        raise
    return db


def used_permille(db: sqlite3.Connection) -> int:
    """How full the file is, of its bound."""
    pages, free, most = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "max_page_count")
    )
    return (pages - free) * 1000 // most


def _bring_up(db: sqlite3.Connection, path: Path) -> None:
    layout = db.execute("PRAGMA user_version").fetchone()[0]
    if layout == _LAYOUT:
        return  # Nothing to write: it also starts on a disk that is full.
    with db:
        db.execute("BEGIN IMMEDIATE")
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        if layout not in range(_LAYOUT):
            raise OutboxError(f"{path}: layout {layout}, this program knows {_LAYOUT}")
        if tables and "chain" not in tables:
            raise OutboxError(f"{path}: not an outbox")
        # Chain and statements are the same in all. The names of layout 1 say nothing about bytes,
        # and its mark may be a forger's: without them records are at most stored twice.
        db.execute("DROP TABLE IF EXISTS high")
        db.execute("DROP TABLE IF EXISTS ahead")
        for create in _SCHEMA.split(";"):
            db.execute(create)
        db.execute(f"PRAGMA user_version = {_LAYOUT}")


@contextmanager
def named_errors() -> Iterator[None]:
    """One family of errors, whatever SQLite or the system says."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) in _NO_ROOM:
            raise OutboxFullError(str(error)) from error
        raise OutboxError(str(error)) from error
    except OSError as error:
        raise OutboxError(f"{error.filename}: {error.strerror}") from error
