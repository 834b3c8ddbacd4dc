"""The log of one machine: a folder with `public/`, write-ahead file and lock database.

Refuses a second writer of this machine. Everything that recovery needs lies in the folder.
"""

import os
from contextlib import ExitStack
from pathlib import Path

from .contracts import LogPlace
from .lockdb import LockDatabase
from .storage import LogFolder, lock_folder
from .wal import WriteAheadFile


def folder_place(directory: Path, origin: str, wal_max_bytes: int) -> LogPlace:
    """The place of a log that `create_ledger` made. Raises ConfigError, LockLostError,
    LogCorruptError (no lock database).
    """
    with ExitStack() as undo:
        exclusive = lock_folder(directory)
        undo.callback(os.close, exclusive)
        lock = LockDatabase(directory / "lock.db", origin)
        order = WriteAheadFile(directory / "wal", wal_max_bytes)
        released = undo.pop_all()
    return LogPlace(LogFolder(directory), lock, order, released.close)
