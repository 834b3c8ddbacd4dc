"""Statements that the backend does not hold durably yet, and the marks of the records stored.

SQLite, WAL, synchronous=FULL. One transaction holds a statement, the head of the chain and the
marks: after power loss at any moment either all three are there or none.

Order of durable writes, and what is true if power goes right after each:
1. commit of statement + chain head + marks: the vehicle still has the records and sends them again;
   they are known by their bytes, so they are dropped and acknowledged, not doubled.
2. `stored` to the vehicle: it may forget them; we hold them.
3. publish, and the backend's commit: the backend holds them; we send again and it knows them.
4. the backend's signed acknowledgement deletes the statement here. The chain head stays.
"""

import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_gateway.errors import OutboxError, OutboxFullError
from edge_gateway.window import BootMarks, WindowState
from protocol import ack, cbor, fields, statement

_PAGE_BYTES = 4096
# Layout 1 had no number. It knew records by their names alone (tables high and ahead).
_LAYOUT = 2
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
"""


@dataclass(frozen=True)
class Pending:
    """One statement as it is published."""

    seq: int
    message: bytes


@dataclass(frozen=True)
class Deleted:
    """What an acknowledgement removed, and whether it names statements that we never made."""

    accepted: int
    refused: int
    unknown: bool


class Outbox:
    """One thread only. Raises OutboxError; OutboxFullError when nothing of it was stored."""

    def __init__(
        self, path: Path, gateway: str, sign: Callable[[bytes], bytes], max_bytes: int
    ) -> None:
        self._gateway = gateway
        self._sign = sign
        # What the file holds of each window, so that only the difference is written.
        self._written: dict[str, WindowState] = {}
        with _named_errors():
            self._db = _open(path, max_bytes)
            self._db.execute(
                "INSERT OR IGNORE INTO chain VALUES (1, ?, 0, ?, 0, 0)",
                (gateway, statement.FIRST_PREV_HASH),
            )
            owner = self._db.execute("SELECT gateway FROM chain").fetchone()[0]
        if owner != gateway:
            self._db.close()
            raise OutboxError(f"{path}: belongs to gateway {owner}, not to {gateway}")

    def close(self) -> None:
        self._db.close()

    def store_records(
        self, records: list[bytes], time: int, vehicle: str, window: WindowState
    ) -> int:
        """A RECORDS statement and the vehicle's window that is true with it. Returns its number."""
        return self._store(statement.RECORDS, cbor.encode(records), time, (vehicle, window))

    def store_event(self, event: int, text: str, time: int) -> int:
        """A GATEWAY statement. Returns its number."""
        body = cbor.encode({0: event, 1: text[:255]})
        return self._store(statement.GATEWAY, body, time, None)

    def save_window(self, vehicle: str, window: WindowState) -> None:
        """What is known of stored records changed without a new one."""
        with _named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._write_window(vehicle, window)
        self._written[vehicle] = window

    def window(self, vehicle: str) -> WindowState:
        with _named_errors():
            boots = self._db.execute(
                "SELECT boot, high FROM boots WHERE vehicle = ? ORDER BY used", (vehicle,)
            ).fetchall()
            window = {
                boot: BootMarks(
                    high,
                    dict.fromkeys(
                        self._db.execute(
                            "SELECT seq, digest FROM marks WHERE vehicle = ? AND boot = ? "
                            "ORDER BY id",
                            (vehicle, boot),
                        )
                    ),
                )
                for boot, high in boots
            }
        self._written[vehicle] = window
        return window

    def pending(self, after: int, limit: int) -> list[Pending]:
        """The next statements to publish, in order."""
        with _named_errors():
            rows = self._db.execute(
                "SELECT seq, sign1, salt, packed FROM statements WHERE seq > ? "
                "ORDER BY seq LIMIT ?",
                (after, limit),
            ).fetchall()
        return [Pending(row[0], statement.encode_message(*row[1:])) for row in rows]

    def message(self, seq: int) -> bytes | None:
        """One statement again; None when it was acknowledged meanwhile."""
        found = self.pending(seq - 1, 1)
        return found[0].message if found and found[0].seq == seq else None

    def count(self) -> int:
        """Statements that wait for an acknowledgement."""
        with _named_errors():
            return int(self._db.execute("SELECT count(*) FROM statements").fetchone()[0])

    def refused_total(self) -> int:
        """Statements that the backend ever refused."""
        with _named_errors():
            return int(self._db.execute("SELECT refused FROM chain").fetchone()[0])

    def count_start(self) -> int:
        """How often this gateway has started, this time included."""
        with _named_errors():
            self._db.execute("UPDATE chain SET starts = starts + 1")
            return int(self._db.execute("SELECT starts FROM chain").fetchone()[0])

    def delete(self, verified: ack.Ack) -> Deleted:
        """Forget what a verified acknowledgement names."""
        with _named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            last = self._db.execute("SELECT next_seq FROM chain").fetchone()[0] - 1
            accepted = self._delete_ranges(verified.accepted, last)
            refused = self._delete_ranges(verified.refused, last)
            if refused:
                self._db.execute("UPDATE chain SET refused = refused + ?", (refused,))
        ranges = (*verified.accepted, *verified.refused)
        return Deleted(accepted, refused, any(end > last for _, end in ranges))

    def scrub(self) -> None:
        """Empty the write-ahead log, which still holds what was acknowledged; later, if busy."""
        with _named_errors():
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _delete_ranges(self, ranges: list[tuple[int, int]], last: int) -> int:
        # Clamped, as numbers of 64 bits do not fit SQLite's integers.
        pairs = [(first, min(end, last)) for first, end in ranges if first <= last]
        deleted = self._db.executemany("DELETE FROM statements WHERE seq BETWEEN ? AND ?", pairs)
        return max(0, deleted.rowcount)

    def _store(
        self, kind: int, body: bytes, time: int, window: tuple[str, WindowState] | None
    ) -> int:
        with _named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            seq, prev_hash = self._db.execute("SELECT next_seq, prev_hash FROM chain").fetchone()
            salt = os.urandom(statement.SALT_BYTES)
            made = statement.Statement(
                self._gateway, seq, prev_hash, time, kind, statement.commit(salt, body)
            )
            sign1 = statement.encode(made, self._sign)
            self._db.execute(
                "INSERT INTO statements VALUES (?, ?, ?, ?)",
                (seq, sign1, salt, zlib.compress(body)),
            )
            self._db.execute(
                "UPDATE chain SET next_seq = ?, prev_hash = ?",
                (seq + 1, statement.statement_hash(sign1)),
            )
            if window is not None:
                self._write_window(*window)
        if window is not None:
            self._written[window[0]] = window[1]
        return int(seq)

    def _write_window(self, vehicle: str, window: WindowState) -> None:
        old = self._written[vehicle] if vehicle in self._written else self.window(vehicle)
        for boot in old.keys() - window.keys():
            self._db.execute("DELETE FROM boots WHERE vehicle = ? AND boot = ?", (vehicle, boot))
            self._db.execute("DELETE FROM marks WHERE vehicle = ? AND boot = ?", (vehicle, boot))
        for boot, marks in window.items():
            # Unchanged ones are the same objects.
            if marks is not old.get(boot):
                self._write_boot(vehicle, boot, old.get(boot, BootMarks()), marks)

    def _write_boot(self, vehicle: str, boot: int, old: BootMarks, new: BootMarks) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO boots VALUES "
            "(?, ?, ?, (SELECT coalesce(max(used), 0) + 1 FROM boots))",
            (vehicle, boot, new.high),
        )
        self._db.executemany(
            "DELETE FROM marks WHERE vehicle = ? AND boot = ? AND seq = ? AND digest = ?",
            [(vehicle, boot, *mark) for mark in old.marks if mark not in new.marks],
        )
        self._db.executemany(
            "INSERT INTO marks(vehicle, boot, seq, digest) VALUES (?, ?, ?, ?)",
            [(vehicle, boot, *mark) for mark in new.marks if mark not in old.marks],
        )


def known_time(now_s: float) -> int:
    """The time for a document: 0, "not known", while the clock is plainly not set."""
    return int(now_s) if 1_700_000_000 <= now_s <= fields.MAX_TIME else 0


def _open(path: Path, max_bytes: int) -> sqlite3.Connection:
    # The file holds positions of vehicles: for its owner only.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    # What was acknowledged is overwritten with zeros: it says where somebody rode.
    db.execute("PRAGMA secure_delete = ON")
    # A bound below the disk's: once SQLite meets a full disk even DELETE fails.
    db.execute(f"PRAGMA max_page_count = {max(16, max_bytes // _PAGE_BYTES)}")
    try:
        _bring_up(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _bring_up(db: sqlite3.Connection, path: Path) -> None:
    """The tables of this layout, in one transaction; files of an unknown one are refused."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        layout = db.execute("PRAGMA user_version").fetchone()[0]
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        if layout not in (0, _LAYOUT):
            raise OutboxError(f"{path}: layout {layout}, this program knows {_LAYOUT}")
        if tables and "chain" not in tables:
            raise OutboxError(f"{path}: not an outbox")
        # Chain and statements of layout 1 are the same. Its names say nothing about bytes, and its
        # mark may be a forger's: without them the vehicle's next records are at most stored twice.
        db.execute("DROP TABLE IF EXISTS high")
        db.execute("DROP TABLE IF EXISTS ahead")
        for create in _SCHEMA.split(";"):
            db.execute(create)
        db.execute(f"PRAGMA user_version = {_LAYOUT}")


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise OutboxFullError(str(error)) from error
        raise OutboxError(str(error)) from error
    except OSError as error:
        raise OutboxError(f"{error.filename}: {error.strerror}") from error
