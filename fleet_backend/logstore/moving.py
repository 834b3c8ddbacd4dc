"""Moves the log of one machine's folder into database and store, once; the folder stays readable.

Refuses where the two do not tell one story. From the moment that the folder's `lock.db` is put
aside nobody can write there, and only then the database takes the log on: never both.
"""

from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.fleet import statements
from fleet_backend.fleet.database import Database
from fleet_backend.ledger.contracts import TileStore
from fleet_backend.ledger.errors import ConfigError, LogCorruptError
from fleet_backend.ledger.policy import Policy
from fleet_backend.ledger.snapshot import TILES_AT_ONCE, tile_bytes, tiles_of
from fleet_backend.ledger.storage import storage_errors, sync_folder
from fleet_backend.ledger.treefiles import load_edge
from fleet_backend.ledger.writer import LedgerWriter, WriterSettings
from fleet_backend.logstore.checkpoints import SqlCheckpoints, database_errors
from fleet_backend.logstore.place import shared_place

ASIDE = "lock.db.moved"


def move_log(
    database: Database,
    tiles: TileStore,
    directory: Path,
    origin: str,
    keys: Sequence[Ed25519PrivateKey],
    policy: Policy | None = None,
) -> int:
    """Returns the log's size. An interrupted call may be repeated, after `lock.db.moved` was given
    its name back if that is what the error says.

    Raises ConfigError, LockLostError (the folder's writer is at work), LogCorruptError.
    """
    row = SqlCheckpoints(database, origin)
    if row.newest() is not None:
        raise ConfigError(f"the database holds a log {origin!r} already")
    if (directory / ASIDE).exists():
        raise ConfigError(
            f"a move of this log was interrupted: rename {ASIDE} to lock.db and begin again"
        )
    settings = WriterSettings(policy=policy)
    with LedgerWriter.open(directory, origin, keys, settings) as writer:
        with database_errors("counting the log's entries"), database.read() as connection:
            known = statements.next_leaf(connection)
        if known != writer.size:
            raise ConfigError(
                f"the database knows {known} entries of the log, the folder holds {writer.size}: "
                "let the ingest start and end once"
            )
        tiles.prepare()
        _copy(writer, tiles)
        seen = writer.published
        # Power goes here: the log is the folder's still. After the renaming it is nobody's, until
        # the row is there.
        with storage_errors("closing the folder's log"):
            (directory / "lock.db").rename(directory / ASIDE)
            sync_folder(directory)
        cosigned = seen.note if policy and policy.needs_cosigners and seen else None
        row.create(writer.checkpoint.note, cosigned, writer.size)
    # Publishes what readers saw, and checks all that an opening checks.
    LedgerWriter.open_at(shared_place(database, tiles, origin), origin, keys, settings).close()
    return known


def _copy(writer: LedgerWriter, tiles: TileStore) -> None:
    newest, seen = writer.checkpoint, writer.published
    wanted = {*tiles_of(newest.size), *tiles_of(seen.size if seen else 0)}
    for number, tile in enumerate(sorted(wanted), 1):
        tiles.add(tile, tile_bytes(writer.fetch, tile))
        if number % TILES_AT_ONCE == 0:
            tiles.sync()
    tiles.sync()
    if load_edge(tiles.fetch, newest.size).root() != newest.root:
        raise LogCorruptError("the copy of the log does not give the signed root")
