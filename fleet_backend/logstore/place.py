"""Puts a shared log together: the database's row and order, and a store for the files."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.fleet import statements
from fleet_backend.fleet.database import Database
from fleet_backend.ledger.checkpoint import Checkpoint, sign_checkpoint
from fleet_backend.ledger.contracts import LogPlace, TileStore
from fleet_backend.ledger.errors import ConfigError, MissingError
from fleet_backend.ledger.keys import log_signer
from fleet_backend.ledger.merkle import EMPTY_ROOT
from fleet_backend.ledger.storage import CHECKPOINT
from fleet_backend.ledger.tile import ENTRIES, Tile
from fleet_backend.ledger.writer import LedgerWriter
from fleet_backend.logstore.checkpoints import SqlCheckpoints, database_errors
from fleet_backend.logstore.order import StatementOrder


def shared_place(database: Database, tiles: TileStore, origin: str) -> LogPlace:
    """The place of a log that `create_shared_log` made; the database is not closed with it."""
    checkpoints = SqlCheckpoints(database, origin)
    return LogPlace(tiles, checkpoints, StatementOrder(database, checkpoints))


def create_shared_log(
    database: Database, tiles: TileStore, origin: str, signing_key: Ed25519PrivateKey
) -> None:
    """Begin an empty log. Raises ConfigError where database or store hold one already.

    An interrupted call may be repeated; opening a log never begins one.
    """
    first = sign_checkpoint(Checkpoint(origin, 0, EMPTY_ROOT), log_signer(origin, signing_key)).note
    with database_errors("looking for a log in the database"), database.read() as connection:
        known = statements.next_leaf(connection)
    if known:
        raise ConfigError(f"the database knows {known} entries of a log that lies elsewhere")
    if _holds_another(tiles, first):
        raise ConfigError("the store of the tiles holds a log already")
    if SqlCheckpoints(database, origin).create(first) != first:
        raise ConfigError(f"the database holds a log {origin!r} already")
    LedgerWriter.open_at(shared_place(database, tiles, origin), origin, signing_key).close()


def _holds_another(tiles: TileStore, first: bytes) -> bool:
    for level in (ENTRIES, 0):
        if tiles.has(Tile(level, 0)) or tiles.partial_widths(Tile(level, 0)):
            return True
    try:
        return tiles.fetch(CHECKPOINT) != first
    except MissingError:
        return False
