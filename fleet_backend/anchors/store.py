"""The anchors' memory: a folder with a database, and beside it the checkpoints and .ots files.

Contract: whatever a method was told is on disk when it returns. One process at a time writes.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fleet_backend.ledger.checkpoint import SignedCheckpoint
from fleet_backend.ledger.durable import open_durable

from .errors import StoreError

_SCHEMA = Path(__file__).with_name("schema.sql")
MAX_FILE_BYTES = 1_048_576
WAIT_S = 5.0


@dataclass(frozen=True)
class Taken:
    """A checkpoint that was taken up to be anchored, as it was published."""

    size: int
    root: bytes
    note: bytes
    taken_s: int


@contextmanager
def store_errors(what: str) -> Iterator[None]:
    """Name what was being done when the disk or the database refused."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{what}: {error}") from error


class Store:
    """The folder `anchors/` of a log, opened for reading or, with `lock`, for writing."""

    def __init__(self, folder: Path, *, lock: bool) -> None:
        self.folder = folder
        self._lock = -1
        with store_errors(f"opening {folder}"), ExitStack() as undo:
            if lock:
                folder.mkdir(mode=0o700, exist_ok=True)
                self._lock = _lock_folder(folder)
                undo.callback(os.close, self._lock)
            elif not (folder / "anchors.db").exists():
                raise StoreError(f"nothing was anchored yet: no {folder.name}/anchors.db")
            self.connection = open_durable(folder / "anchors.db", WAIT_S)
            if lock:
                self.connection.executescript(_SCHEMA.read_text())
            undo.pop_all()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it durable at the end, or nothing."""
        with store_errors("anchors' database"):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    def take(self, checkpoint: SignedCheckpoint, now_s: int) -> None:
        """Take a checkpoint up. It may be there already."""
        row = (checkpoint.size, checkpoint.root, checkpoint.note, now_s)
        with self.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO checkpoint VALUES (?, ?, ?, ?)", row)

    def newest(self) -> Taken | None:
        """The largest checkpoint that was taken up."""
        found = self.all_taken(1)
        return found[0] if found else None

    def all_taken(self, limit: int = -1) -> list[Taken]:
        """The checkpoints that were taken up, the largest first."""
        with store_errors("reading the anchors' database"):
            rows = self.connection.execute(
                "SELECT size, root, note, taken_s FROM checkpoint ORDER BY size DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [Taken(*row) for row in rows]

    def ots_path(self, size: int) -> Path:
        """`<size>.checkpoint.ots`: tools find what it is about by taking the ending off."""
        return self.folder / f"{size}.checkpoint.ots"

    def write_ots(self, taken: Taken, data: bytes) -> None:
        """First the checkpoint's file, then its timestamp: no timestamp is ever without it."""
        with store_errors("writing a timestamp"):
            note = self.folder / f"{taken.size}.checkpoint"
            if not note.exists():
                _write_file(note, taken.note)
            _write_file(self.ots_path(taken.size), data)

    def read_ots(self, size: int) -> bytes | None:
        """The timestamp of a checkpoint, if there is one."""
        with store_errors("reading a timestamp"):
            try:
                with self.ots_path(size).open("rb") as file:
                    return file.read(MAX_FILE_BYTES)
            except FileNotFoundError:
                return None

    def close(self) -> None:
        self.connection.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lock_folder(folder: Path) -> int:
    """Two processes that anchor would sign two transactions with one nonce."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(f"another process anchors from {folder}") from error
    return descriptor


def _write_file(path: Path, data: bytes) -> None:
    """Whole or not at all, and durable."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
