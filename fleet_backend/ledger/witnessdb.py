"""The memory of a witness: which logs it knows, what it cosigned last of each, evidence.

SQLite with a write-ahead log and full synchronisation. Contract: `exclusive` keeps every other
thread and process out from the look at the newest checkpoint to the durable new one; a change
outside of it is refused. A memory that was lost, or restored from an older copy, is the one thing
that a witness cannot notice by itself: it would cosign a second history. So a database is made only
together with new keys, belongs to these, and is never restored; new keys are made instead. Only
when it is shown a signature of its own that it does not remember, it knows, and stops for that log.
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from .durable import open_durable
from .errors import (
    ConfigError,
    LogCorruptError,
    NoteError,
    OperationError,
    StorageError,
    WitnessStoppedError,
)
from .evidence import Evidence
from .note import ED25519, KIND_NAMES, Verifier, parse_note, parse_vkey
from .storage import sync_folder
from .treehead import Checkpoint

WAIT_S = 10.0
MAX_SUSPICIONS = 32  # kept of a log; the oldest gives way, because anybody may cause one
MAX_EVIDENCE = 256  # kept of a log; one convinces already
_SCHEMA = (
    "CREATE TABLE cosigner (vkey TEXT PRIMARY KEY)",
    "CREATE TABLE trusted (origin TEXT NOT NULL, vkey TEXT PRIMARY KEY)",
    "CREATE TABLE log (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL,"
    " note BLOB NOT NULL)",
    "CREATE TABLE doubted (origin TEXT PRIMARY KEY, note BLOB NOT NULL)",
    "CREATE TABLE evidence (number INTEGER PRIMARY KEY, origin TEXT NOT NULL, pair TEXT NOT NULL"
    " UNIQUE, complete INTEGER NOT NULL, kept_s INTEGER NOT NULL, file BLOB NOT NULL)",
)


@dataclass(frozen=True)
class Cosigned(Checkpoint):
    """The newest checkpoint of a log that was cosigned, with the log's and our signatures."""

    note: bytes


@dataclass(frozen=True)
class KeptEvidence:
    """A file of evidence, or of a suspicion, and when it was kept (POSIX seconds)."""

    number: int
    origin: str
    is_complete: bool
    kept_s: int
    file: bytes


class WitnessDatabase:
    """One connection, which the threads of a process share."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise ConfigError(
                f"{path} is missing: what this witness cosigned is not known; a new memory needs"
                " new keys"
            )
        self._lock = threading.RLock()
        self._stopped = False
        with self._errors():
            self._connection = open_durable(path, WAIT_S)

    @classmethod
    def create(cls, path: Path, cosigners: Iterable[Verifier]) -> None:
        """Make an empty memory for new keys. Raises ConfigError where there is a file already."""
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            sync_folder(path.parent)
        except OSError as error:
            raise ConfigError(f"cannot make {path}: {error.strerror}") from error
        with cls(path) as database, database.exclusive():
            for statement in _SCHEMA:
                database._execute(statement)
            for cosigner in cosigners:
                database._execute("INSERT INTO cosigner VALUES (?)", cosigner.vkey)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One atomic, durable step: what was written within is on disk when this ends.

        After a failure it is not known what is on disk: nothing more is written before a restart.
        """
        with self._lock, self._errors():
            self._execute("BEGIN IMMEDIATE")
            try:
                yield
                self._execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._execute("ROLLBACK")

    def require_cosigners(self, cosigners: Iterable[Verifier]) -> None:
        """Refuse keys that this memory was not made for. Raises LogCorruptError."""
        known = {vkey for (vkey,) in self._rows("SELECT vkey FROM cosigner")}
        if any(cosigner.vkey not in known for cosigner in cosigners):
            raise LogCorruptError("the database belongs to a witness with other keys")

    def trust(self, log: Verifier) -> bool:
        """Know a key of a log from now on; a log may have several. False if it is known already."""
        if log.kind != ED25519:
            raise ConfigError(f"a log's key is of type {KIND_NAMES[ED25519]}")
        with self.exclusive():
            added = self._execute("INSERT OR IGNORE INTO trusted VALUES (?, ?)", log.name, log.vkey)
            return added.rowcount == 1

    def distrust(self, log: Verifier) -> bool:
        """Forget a log's key, never what was cosigned of the log. False if it was not known."""
        with self.exclusive():
            removed = self._execute("DELETE FROM trusted WHERE vkey = ?", log.vkey)
            return removed.rowcount == 1

    def trusted(self, origin: str) -> tuple[Verifier, ...]:
        """Keys that are trusted for a log."""
        rows = self._rows("SELECT vkey FROM trusted WHERE origin = ? ORDER BY vkey", origin)
        try:
            return tuple(parse_vkey(vkey) for (vkey,) in rows)
        except NoteError as error:
            raise LogCorruptError(f"the database holds no key of log {origin!r}") from error

    def origins(self) -> list[str]:
        """The logs that are known, or of which something was cosigned."""
        union = "SELECT origin FROM trusted UNION SELECT origin FROM log ORDER BY origin"
        return [origin for (origin,) in self._rows(union)]

    def newest(self, origin: str) -> Cosigned | None:
        """What was cosigned last, None if nothing was. Raises LogCorruptError."""
        rows = self._rows("SELECT size, root, note FROM log WHERE origin = ?", origin)
        if not rows:
            return None
        size, root, note = rows[0]
        cosigned = Cosigned(origin, size, bytes(root), bytes(note))
        try:
            if parse_note(cosigned.note).text == cosigned.text:
                return cosigned
        except NoteError:
            pass
        raise LogCorruptError(f"the database contradicts itself about log {origin!r}")

    def keep(self, cosigned: Cosigned) -> None:
        """Within `exclusive`: replace what was cosigned last. Raises LogCorruptError going back."""
        self._require_exclusive()
        row = (cosigned.origin, cosigned.size, cosigned.root, cosigned.note)
        changed = self._execute(
            "INSERT INTO log VALUES (?, ?, ?, ?) ON CONFLICT (origin) DO UPDATE"
            " SET size = excluded.size, root = excluded.root, note = excluded.note"
            " WHERE excluded.size > log.size",
            *row,
        ).rowcount
        if changed != 1:
            raise LogCorruptError(f"log {cosigned.origin!r} must not go back to {cosigned.size}")

    def doubt(self, origin: str, note: bytes) -> None:
        """Within `exclusive`: `note` has a cosignature of ours that is not remembered here."""
        self._require_exclusive()
        self._execute("INSERT OR IGNORE INTO doubted VALUES (?, ?)", origin, note)

    def is_doubted(self, origin: str) -> bool:
        """Whether this memory was found to be older than what was cosigned of the log."""
        return bool(self._rows("SELECT 1 FROM doubted WHERE origin = ?", origin))

    def keep_evidence(self, origin: str, evidence: Evidence, now_s: int) -> bool:
        """Within `exclusive`: keep a file once a pair of checkpoints. False if nothing was new."""
        self._require_exclusive()
        pair = sha256(parse_note(evidence.first).text + parse_note(evidence.second).text)
        limit = MAX_EVIDENCE if evidence.is_complete else MAX_SUSPICIONS
        same = "FROM evidence WHERE origin = ? AND complete = ?"
        complete = int(evidence.is_complete)
        [(count, oldest)] = self._rows(f"SELECT count(*), min(number) {same}", origin, complete)
        if count >= limit and evidence.is_complete:
            return False
        changed = self._execute(
            "INSERT INTO evidence (origin, pair, complete, kept_s, file) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (pair) DO UPDATE SET complete = 1, kept_s = excluded.kept_s,"
            " file = excluded.file WHERE excluded.complete > complete",
            origin, pair.hexdigest(), complete, now_s, bytes(evidence),
        ).rowcount  # fmt: skip
        if changed and count >= limit:
            self._execute("DELETE FROM evidence WHERE number = ?", oldest)
        return changed == 1

    def evidence(self) -> list[KeptEvidence]:
        """Everything that was kept, in the order in which it came."""
        rows = self._rows(
            "SELECT number, origin, complete, kept_s, file FROM evidence ORDER BY number"
        )
        return [
            KeptEvidence(number, origin, bool(complete), kept_s, bytes(file))
            for number, origin, complete, kept_s, file in rows
        ]

    def _require_exclusive(self) -> None:
        if not self._connection.in_transaction:
            raise LogCorruptError("a witness remembers in one step with its check, or not at all")

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._connection.execute(statement, values)

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock, self._errors():
            return self._execute(statement, *values).fetchall()

    def require_working(self) -> None:
        """Raises WitnessStoppedError after an error of the disk."""
        if self._stopped:
            raise WitnessStoppedError("the disk failed before: start the witness again")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        self.require_working()
        try:
            yield
        except sqlite3.Error as error:
            busy = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if getattr(error, "sqlite_errorcode", None) in busy:
                raise OperationError("the witness's database is busy") from error
            self._stopped = True
            raise StorageError(f"the witness's database: {error}") from error
