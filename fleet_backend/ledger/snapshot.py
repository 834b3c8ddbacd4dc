"""A copy of a log at one size, taken while its writer goes on.

Tiles never change and a checkpoint says which there are: the copy is the log as it was when that
checkpoint was signed, and needs no lock.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from .bundle import encode_bundle
from .checkpoint import SignedCheckpoint, open_checkpoint
from .errors import LogCorruptError, MissingError
from .lockdb import LockDatabase
from .note import Verifier
from .storage import CHECKPOINT, FolderFetch, LogFolder, storage_errors, sync_folder
from .tile import ENTRIES, HEIGHT, WIDTH, Tile, width_at
from .treefiles import fetch_entries, fetch_hashes, load_edge


def newest_signed(directory: Path, log: Verifier) -> SignedCheckpoint:
    """The checkpoint that was signed last, published or not. Raises LogCorruptError."""
    path = directory / "lock.db"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as database:
            query = "SELECT note FROM log WHERE origin = ?"
            row = database.execute(query, (log.name,)).fetchone()
    except sqlite3.Error as error:
        raise LogCorruptError(f"{path}: {error}") from error
    if row is None:
        raise LogCorruptError(f"{path} knows no log {log.name!r}")
    return open_checkpoint(bytes(row[0]), (log,))


def copy_log(source: Path, checkpoint: SignedCheckpoint, published: bytes, target: Path) -> None:
    """Copy the tree of `checkpoint` from the folder `source` to the new folder `target`.

    `published` becomes the checkpoint that is served. Raises LogCorruptError unless the copy gives
    the signed root.
    """
    fetch = FolderFetch(source / "public")
    with storage_errors("copying the log"):
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = LogFolder(target)
    folder.prepare()
    for tile in tiles_of(checkpoint.size):
        folder.add(tile, _read(fetch, tile))
    folder.sync()
    if load_edge(folder.fetch, checkpoint.size).root() != checkpoint.root:
        raise LogCorruptError("the copy of the log does not give the signed root")
    folder.publish(published)


def allow_signing(directory: Path, log: Verifier, newest: SignedCheckpoint) -> None:
    """Give a copied log its lock database: from now on its writer opens it, and signs.

    Only where nobody has seen a newer checkpoint than `newest`, or there will be two histories.
    """
    with storage_errors("making the lock database"):
        LockDatabase.create(directory / "lock.db", log.name, newest.note)
        sync_folder(directory)


def tiles_of(size: int) -> Iterator[Tile]:
    """Every bundle and tile of a tree of `size`."""
    for level in (ENTRIES, *range(size.bit_length() // HEIGHT + 1)):
        complete = size >> (HEIGHT * max(level, 0))
        for index in range(-(-complete // WIDTH)):
            yield Tile(level, index, width_at(level, index, size))


def published_note(source: Path) -> bytes:
    """The checkpoint as it is served. Raises LogCorruptError."""
    try:
        return FolderFetch(source / "public")(CHECKPOINT)
    except MissingError as error:
        raise LogCorruptError(f"{source} has no checkpoint") from error


def _read(fetch: FolderFetch, tile: Tile) -> bytes:
    """The bytes of a tile; a partial one that is gone is the beginning of the full one."""
    try:
        if tile.level == ENTRIES:
            return encode_bundle(fetch_entries(fetch, tile))
        return b"".join(fetch_hashes(fetch, tile))
    except MissingError as error:
        raise LogCorruptError(f"{tile.path} is missing in the log") from error
