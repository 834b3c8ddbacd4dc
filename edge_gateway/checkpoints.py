"""What logs showed this gateway: of each the last checkpoint accepted, and what contradicts it.

SQLite, WAL, synchronous=FULL, a file of its own: a full or lost outbox takes no memory away. What
is accepted or refused is on disk before anything is made of it. A checkpoint gives way only to one
that was proved to continue it; what contradicts is kept beside it, and never overwritten.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from edge_gateway.errors import CheckpointsError
from fleet_backend.ledger.checkpoint import Checkpoint, parse_checkpoint
from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.note import parse_note
from protocol import cbor, sighting
from protocol.errors import DecodeError

_LAYOUT = 1
# Of each log and kind, the first ones: a flood of one kind leaves the places of the others.
MAX_KEPT = 16
_SCHEMA = """
CREATE TABLE IF NOT EXISTS held(origin TEXT PRIMARY KEY, note BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS disagreements(
    id INTEGER PRIMARY KEY, origin TEXT NOT NULL, kind INTEGER NOT NULL, digest BLOB NOT NULL,
    held BLOB NOT NULL, refused BLOB NOT NULL, proof BLOB NOT NULL,
    UNIQUE(origin, kind, digest));
CREATE TABLE IF NOT EXISTS chained(id INTEGER PRIMARY KEY);
"""


class Kind(IntEnum):
    """How a checkpoint that the log's key signed does not agree with the one that is held."""

    ROLLED_BACK = 1  # smaller, where the log was asked what continues the held one
    FORKED = 2  # the same size with another root: a contradiction by itself
    NOT_CONTINUED = 3  # larger, and the proof does not lead there

    @property
    def words(self) -> str:
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True)
class Disagreement:
    """Two notes of one log, both with its signature."""

    kind: Kind
    origin: str
    held: bytes
    refused: bytes
    proof: tuple[bytes, ...] = ()

    @property
    def digest(self) -> bytes:
        """The same checkpoint refused again is the same disagreement, whatever is held by then."""
        return hashlib.sha256(self.refused).digest()

    def __str__(self) -> str:
        """For the log and the chain: both hashes, so that the notes can be told from others."""
        held = hashlib.sha256(self.held).hexdigest()
        return f"log {self.kind.words}: {self.digest.hex()} after {held} of {self.origin}"


class Checkpoints:
    """One thread only. Raises CheckpointsError.

    To look at what another process keeps, open it to be read only: nothing of the file changes.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        with _named_errors(path):
            self._db = _open_to_read(path) if read_only else _open(path)
        self._path = path

    def close(self) -> None:
        self._db.close()

    def held(self, origin: str) -> tuple[bytes, Checkpoint] | None:
        """The note that was accepted last, and what it says. It was verified before it came here.

        Its key may have been taken out of the settings since: what it signed is remembered.
        """
        with _named_errors(self._path):
            row = self._db.execute("SELECT note FROM held WHERE origin = ?", (origin,)).fetchone()
        if row is None:
            return None
        try:
            note = sighting.note(row[0], "held")
            return note, parse_checkpoint(parse_note(note).text)
        except (LedgerError, DecodeError) as error:
            raise CheckpointsError(f"{self._path}: {error}") from error

    def accept(self, origin: str, note: bytes) -> None:
        """Replace what is held by what continues it. Durable when it returns."""
        with _named_errors(self._path):
            self._db.execute("INSERT OR REPLACE INTO held VALUES (?, ?)", (origin, note))

    def keep(self, found: Disagreement) -> int | None:
        """Keep it for ever; its number, or None where it is kept already or its kind is full."""
        row = (found.origin, found.kind, found.digest, found.held, found.refused)
        with _named_errors(self._path), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if self._count(found) >= MAX_KEPT:
                return None
            done = self._db.execute(
                "INSERT OR IGNORE INTO disagreements(origin, kind, digest, held, refused, proof) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (*row, cbor.encode(found.proof)),
            )
            return done.lastrowid if done.rowcount else None

    def _count(self, found: Disagreement) -> int:
        query = "SELECT count(*) FROM disagreements WHERE origin = ? AND kind = ?"
        return int(self._db.execute(query, (found.origin, found.kind)).fetchone()[0])

    def numbers(self, origin: str) -> Sequence[int]:
        """Numbers of what is kept of a log, in the order in which it came."""
        query = "SELECT id FROM disagreements WHERE origin = ? ORDER BY id"
        with _named_errors(self._path):
            return [row[0] for row in self._db.execute(query, (origin,))]

    def unchained(self) -> Sequence[int]:
        """Numbers of those that the gateway's chain does not tell of yet, of every log."""
        query = "SELECT id FROM disagreements WHERE id NOT IN (SELECT id FROM chained) ORDER BY id"
        with _named_errors(self._path):
            return [row[0] for row in self._db.execute(query)]

    def note_chained(self, number: int) -> None:
        """The chain tells of it, durably."""
        with _named_errors(self._path):
            self._db.execute("INSERT OR IGNORE INTO chained VALUES (?)", (number,))

    def disagreement(self, number: int) -> Disagreement:
        """One that is kept. The disk may have changed it since: that is the one error as well."""
        query = "SELECT kind, origin, held, refused, proof FROM disagreements WHERE id = ?"
        with _named_errors(self._path):
            row = self._db.execute(query, (number,)).fetchone()
        try:
            kind, origin, held, refused, proof = row
            notes = sighting.note(held, "held"), sighting.note(refused, "refused")
            hashes = sighting.hashes(cbor.decode(proof), "proof")
            return Disagreement(
                Kind(kind), sighting.origin(origin, "origin"), *notes, tuple(hashes)
            )
        except (DecodeError, TypeError, ValueError) as error:
            raise CheckpointsError(
                f"{self._path}: disagreement {number} is damaged: {error}"
            ) from error


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    try:
        _check(db, path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        with db:
            db.execute("BEGIN IMMEDIATE")
            for create in _SCHEMA.split(";"):
                db.execute(create)
            db.execute(f"PRAGMA user_version = {_LAYOUT}")
    except BaseException:
        db.close()
        raise
    return db


def _open_to_read(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
    try:
        _check(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _check(db: sqlite3.Connection, path: Path) -> None:
    """Before anything is written: somebody else's file stays as it is."""
    layout = db.execute("PRAGMA user_version").fetchone()[0]
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    if layout not in (0, _LAYOUT) or (tables and "held" not in tables):
        raise CheckpointsError(f"{path}: layout {layout}, this program knows {_LAYOUT}")


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise CheckpointsError(f"{path}: {error}") from error
    except OSError as error:
        raise CheckpointsError(f"{error.filename}: {error.strerror}") from error
