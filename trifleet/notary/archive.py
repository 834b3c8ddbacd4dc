"""What a notary signed, with the content, until it is forgotten; and the receipts of it.

The outbox forgets a statement when the backend has it; a receipt needs its salt and body later.
SQLite, WAL, synchronous=FULL, mode 0600. A row is made from the outbox, which is the truth about
the chain: what is in the outbox and not here is copied at every opening.
"""

import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_gateway.outbox import Pending
from protocol import statement
from trifleet.notary.errors import NotaryError

WAITING, ACCEPTED, REFUSED = 0, 1, 2
STATES = {WAITING: "waiting", ACCEPTED: "accepted", REFUSED: "refused"}
_LAYOUT = 1
_SCHEMA = """
CREATE TABLE kept(
    seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, time INTEGER NOT NULL, sign1 BLOB NOT NULL,
    salt BLOB, body BLOB, state INTEGER NOT NULL, receipt BLOB)
"""


@dataclass(frozen=True)
class Kept:
    """A statement that this notary signed. Without `body` it was forgotten; `receipt` is empty
    until the ledger has it."""

    seq: int
    kind: int
    time: int
    sign1: bytes
    salt: bytes
    body: bytes
    state: int
    receipt: bytes

    @property
    def is_forgotten(self) -> bool:
        return not self.salt


class Archive:
    """One thread only. Raises NotaryError."""

    def __init__(self, path: Path) -> None:
        with _named_errors(path):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._path = path
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            # Who forgets a name means it.
            self._db.execute("PRAGMA secure_delete = ON")
            self._bring_up()

    def close(self) -> None:
        self._db.close()

    def copy(self, waiting: Iterable[Pending]) -> None:
        """Keep what the outbox holds and this does not."""
        with self._writing():
            for one in waiting:
                sign1, salt, packed = statement.decode_message(one.message)
                made = statement.decode_unverified(sign1)
                row = (one.seq, made.kind, made.time, sign1, salt, zlib.decompress(packed))
                self._db.execute(
                    "INSERT OR IGNORE INTO kept VALUES (?, ?, ?, ?, ?, ?, 0, NULL)", row
                )

    def acknowledge(self, accepted: list[tuple[int, int]], refused: list[tuple[int, int]]) -> None:
        """What the backend said of numbers; the outbox forgets them after this."""
        with self._writing():
            for state, ranges in ((ACCEPTED, accepted), (REFUSED, refused)):
                # Numbers of 64 bits do not fit SQLite's integers; no statement has such a one.
                pairs = [(state, first, min(last, 1 << 62)) for first, last in ranges
                         if first < 1 << 62]  # fmt: skip
                self._db.executemany(
                    "UPDATE kept SET state = ? WHERE state = 0 AND seq BETWEEN ? AND ?", pairs
                )

    def keep_receipt(self, seq: int, receipt: bytes) -> None:
        """One that was verified."""
        with self._writing():
            self._db.execute("UPDATE kept SET receipt = ? WHERE seq = ?", (receipt, seq))

    def forget(self, seq: int) -> None:
        """Salt, content and receipt; that there was a statement stays. Raises NotaryError while it
        waits: the backend could not judge it."""
        if self.get(seq).state == WAITING:
            raise NotaryError(f"statement {seq} still waits: send it first")
        with self._writing():
            query = "UPDATE kept SET salt = NULL, body = NULL, receipt = NULL WHERE seq = ?"
            self._db.execute(query, (seq,))
        with _named_errors(self._path):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def get(self, seq: int) -> Kept:
        """Raises NotaryError where there is none."""
        found = self._rows("WHERE seq = ?", (seq,))
        if not found:
            raise NotaryError(f"this notary has signed no statement {seq}: see `status`")
        return found[0]

    def find(self, kind: int, body: bytes) -> Kept | None:
        """The statement that said the very same before."""
        found = self._rows("WHERE kind = ? AND body = ? ORDER BY seq LIMIT 1", (kind, body))
        return found[0] if found else None

    def all(self) -> list[Kept]:
        """In the order of the chain."""
        return self._rows("ORDER BY seq", ())

    def without_receipt(self) -> list[Kept]:
        """What the backend has taken, and no receipt of it is here."""
        return self._rows(
            "WHERE state = 1 AND receipt IS NULL AND salt IS NOT NULL ORDER BY seq", ()
        )

    def _rows(self, where: str, given: tuple[object, ...]) -> list[Kept]:
        with _named_errors(self._path):
            query = "SELECT seq, kind, time, sign1, salt, body, state, receipt FROM kept "
            rows = self._db.execute(query + where, given).fetchall()
        return [_kept(row) for row in rows]

    def _bring_up(self) -> None:
        layout = self._db.execute("PRAGMA user_version").fetchone()[0]
        if layout == _LAYOUT:
            return
        if layout:
            raise NotaryError(f"{self._path}: layout {layout}, this program knows {_LAYOUT}")
        with self._writing():
            self._db.execute(_SCHEMA)
            self._db.execute(f"PRAGMA user_version = {_LAYOUT}")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with _named_errors(self._path), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            yield


def _kept(row: tuple[Any, ...]) -> Kept:
    """A column that was emptied is NULL."""
    values: list[Any] = [b"" if value is None else value for value in row]
    return Kept(*values)


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise NotaryError(f"{path}: {error}") from error
    except OSError as error:
        raise NotaryError(f"{error.filename}: {error.strerror}") from error
