"""SQLite files that are a memory: what a transaction wrote is on the disk when it ends."""

import sqlite3
from contextlib import ExitStack
from pathlib import Path


def open_durable(path: Path, wait_s: float) -> sqlite3.Connection:
    """Connection that begins no transaction by itself, for threads that take turns.

    Makes the file where it is missing; waits `wait_s` seconds for others. Raises sqlite3.Error.
    """
    with ExitStack() as undo:
        connection = sqlite3.connect(
            path, timeout=wait_s, isolation_level=None, check_same_thread=False
        )
        undo.callback(connection.close)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        undo.pop_all()
    return connection
