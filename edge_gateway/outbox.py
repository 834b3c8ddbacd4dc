"""Statements that the backend does not hold durably yet, and the names of the records in them.

SQLite, WAL, synchronous=FULL. One transaction holds a statement, the head of the chain and the
record names: after power loss at any moment either all three are there or none.

Order of durable writes, and what is true if power goes right after each:
1. commit of statement + chain head + names: the vehicle still has the records and sends them again;
   they are known by name, so they are dropped and acknowledged, never doubled.
2. `stored` to the vehicle: it may forget them; we hold them.
3. publish, and the backend's commit: the backend holds them; we send again and it knows them.
4. the backend's signed acknowledgement deletes the statement here. The chain head stays.
"""

import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_gateway.errors import OutboxError, OutboxFullError
from edge_gateway.window import WindowState
from protocol import ack, cbor, fields, statement

_PAGE_BYTES = 4096
_SCHEMA = """
CREATE TABLE IF NOT EXISTS chain(
    id INTEGER PRIMARY KEY CHECK(id = 1), gateway TEXT NOT NULL,
    next_seq INTEGER NOT NULL, prev_hash BLOB NOT NULL, refused INTEGER NOT NULL,
    starts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS statements(
    seq INTEGER PRIMARY KEY, sign1 BLOB NOT NULL, salt BLOB NOT NULL, packed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS high(
    vehicle TEXT PRIMARY KEY, boot INTEGER NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ahead(
    vehicle TEXT NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY(vehicle, boot, seq)) WITHOUT ROWID;
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
        self, records: list[bytes], time: int, windows: Mapping[str, WindowState]
    ) -> int:
        """A RECORDS statement and the windows that are true with it. Returns its number."""
        return self._store(statement.RECORDS, cbor.encode(records), time, windows)

    def store_event(self, event: int, text: str, time: int) -> int:
        """A GATEWAY statement. Returns its number."""
        body = cbor.encode({0: event, 1: text[:255]})
        return self._store(statement.GATEWAY, body, time, {})

    def save_windows(self, windows: Mapping[str, WindowState]) -> None:
        """What is known of stored records changed without a new one."""
        with _named_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._write_windows(windows)

    def window(self, vehicle: str) -> WindowState:
        with _named_errors():
            high = self._db.execute(
                "SELECT boot, seq FROM high WHERE vehicle = ?", (vehicle,)
            ).fetchone()
            ahead = self._db.execute(
                "SELECT boot, seq FROM ahead WHERE vehicle = ?", (vehicle,)
            ).fetchall()
        return WindowState(high, frozenset(ahead))

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

    def _delete_ranges(self, ranges: list[tuple[int, int]], last: int) -> int:
        # Clamped, as numbers of 64 bits do not fit SQLite's integers.
        pairs = [(first, min(end, last)) for first, end in ranges if first <= last]
        deleted = self._db.executemany("DELETE FROM statements WHERE seq BETWEEN ? AND ?", pairs)
        return max(0, deleted.rowcount)

    def _store(self, kind: int, body: bytes, time: int, windows: Mapping[str, WindowState]) -> int:
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
            self._write_windows(windows)
        return int(seq)

    def _write_windows(self, windows: Mapping[str, WindowState]) -> None:
        for vehicle, state in windows.items():
            if state.high is not None:
                self._db.execute(
                    "INSERT OR REPLACE INTO high VALUES (?, ?, ?)", (vehicle, *state.high)
                )
            self._db.execute("DELETE FROM ahead WHERE vehicle = ?", (vehicle,))
            self._db.executemany(
                "INSERT INTO ahead VALUES (?, ?, ?)", [(vehicle, *name) for name in state.ahead]
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
    # A bound below the disk's: once SQLite meets a full disk even DELETE fails.
    db.execute(f"PRAGMA max_page_count = {max(16, max_bytes // _PAGE_BYTES)}")
    db.executescript(_SCHEMA)
    return db


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
