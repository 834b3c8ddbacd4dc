"""The log's files in a folder that several writers of one machine reach.

As durable as the folder of a single writer, which obstore's local store is not: it calls no fsync.
"""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fleet_backend.ledger.errors import LockLostError
from fleet_backend.ledger.storage import CHECKPOINT, LogFolder, read_limited, storage_errors
from fleet_backend.logstore.notes import size_of

WAIT_S = 1.0
LEFT_BEHIND_S = 3_600.0


class SharedFolder(LogFolder):
    """`public/` and `tmp/` in `directory`; others may write there."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._directory = directory
        self._mark = secrets.token_hex(8) + "."

    def prepare(self) -> None:
        with storage_errors("preparing the log's folder"):
            self._make_folder(self.public)
            self._make_folder(self._temporary)
            # What another writer is at work on is younger than this.
            for path in self._temporary.iterdir():
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < time.time() - LEFT_BEHIND_S:
                        path.unlink()
        self.sync()

    def publish(self, note: bytes) -> None:
        with storage_errors("publishing the checkpoint"), self._alone():
            with suppress(FileNotFoundError):
                if size_of(read_limited(self.public / CHECKPOINT)) > size_of(note):
                    raise LockLostError("another writer published a larger checkpoint")
            self.replace(self.public / CHECKPOINT, note)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer looks at the checkpoint and replaces it at a time."""
        lock = os.open(self._directory / "publish.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            end = time.monotonic() + WAIT_S
            while not _locked(lock):
                if time.monotonic() > end:
                    raise LockLostError("another writer is publishing a checkpoint")
                time.sleep(0.01)
            yield
        finally:
            os.close(lock)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
