"""A copy of a log at one size, taken while its writer goes on.

Tiles never change and a checkpoint says which there are: the copy is the log as it was when that
checkpoint was signed, and needs no lock.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from .checkpoint import SignedCheckpoint, open_checkpoint
from .errors import LogCorruptError, MissingError
from .lockdb import LockDatabase
from .note import Verifier
from .storage import CHECKPOINT, LogFolder, storage_errors, sync_folder
from .tile import ENTRIES, HEIGHT, WIDTH, Tile, width_at
from .treefiles import Fetch, fetch_bundle, fetch_hashes, load_edge

# Between two fsyncs of the folders, or of what stands in for them.
TILES_AT_ONCE = 256


def newest_signed(directory: Path, *logs: Verifier) -> SignedCheckpoint:
    """The checkpoint that was signed last, published or not; `logs`: the log's key, or its new and
    its former one. Raises LogCorruptError, NoteError, CheckpointError.
    """
    origin = logs[0].name
    path = directory / "lock.db"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as database:
            query = "SELECT note FROM log WHERE origin = ?"
            row = database.execute(query, (origin,)).fetchone()
    except sqlite3.Error as error:
        raise LogCorruptError(f"{path}: {error}") from error
    if row is None:
        raise LogCorruptError(f"{path} knows no log {origin!r}")
    return open_checkpoint(bytes(row[0]), logs)


def copy_log(
    fetch: Fetch, newest: SignedCheckpoint, published: SignedCheckpoint, target: Path
) -> None:
    """Copy the tree of `newest`, wherever its files lie, to the new folder `target`.

    `published`, no newer, becomes the checkpoint that is served, and what its readers ask for is
    there too. Raises LogCorruptError unless the copy gives both signed roots.
    """
    with storage_errors("copying the log"):
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = LogFolder(target)
    folder.prepare()
    for tile in sorted({*tiles_of(newest.size), *tiles_of(published.size)}):
        folder.add(tile, tile_bytes(fetch, tile))
    folder.sync()
    for checkpoint in (newest, published):
        if load_edge(folder.fetch, checkpoint.size).root() != checkpoint.root:
            raise LogCorruptError("the copy of the log does not give the signed root")
    folder.publish(published.note)


def allow_signing(directory: Path, newest: SignedCheckpoint) -> None:
    """Give a copied log its lock database: from now on its writer opens it, and signs.

    Only where nobody has seen a newer checkpoint than `newest`, or there will be two histories.
    """
    with storage_errors("making the lock database"):
        LockDatabase.create(directory / "lock.db", newest.origin, newest.note)
        sync_folder(directory)


def tiles_of(size: int) -> Iterator[Tile]:
    """Every bundle and tile of a tree of `size`."""
    for level in (ENTRIES, *range(size.bit_length() // HEIGHT + 1)):
        complete = size >> (HEIGHT * max(level, 0))
        for index in range(-(-complete // WIDTH)):
            yield Tile(level, index, width_at(level, index, size))


def newest_published(fetch: Fetch, *logs: Verifier) -> SignedCheckpoint:
    """The checkpoint as it is served. Raises LogCorruptError, NoteError, CheckpointError."""
    try:
        return open_checkpoint(fetch(CHECKPOINT), logs)
    except MissingError as error:
        raise LogCorruptError("the log has no checkpoint") from error


def tile_bytes(fetch: Fetch, tile: Tile) -> bytes:
    """The bytes of a tile; a partial one that is gone is the beginning of the full one."""
    try:
        if tile.level == ENTRIES:
            return fetch_bundle(fetch, tile)
        return b"".join(fetch_hashes(fetch, tile))
    except MissingError as error:
        raise LogCorruptError(f"{tile.path} is missing in the log") from error
