"""The log's part of a restore: its files to where they belong, and its lock only where it is safe.

Refuses a log that others have seen further, or otherwise, than what would be restored.
"""

from contextlib import closing, suppress
from dataclasses import dataclass

from fleet_backend.fleet.database import open_database
from fleet_backend.ledger import snapshot
from fleet_backend.ledger.checkpoint import SignedCheckpoint, open_checkpoint
from fleet_backend.ledger.errors import LedgerError, MissingError
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.storage import CHECKPOINT, PENDING, FolderFetch
from fleet_backend.ledger.tree import ProvedTree
from fleet_backend.ledger.treefiles import Fetch
from fleet_backend.logstore.checkpoints import SqlCheckpoints
from fleet_backend.logstore.opening import open_tiles
from trifleet.backups.backup import BackupFolder
from trifleet.backups.kept_log import Logs, store_of
from trifleet.errors import BackupError
from trifleet.layout import Layout


@dataclass(frozen=True)
class KeptLog:
    """A log to restore: its files, and its checkpoints, `published` being no newer."""

    fetch: Fetch
    signed: SignedCheckpoint
    published: SignedCheckpoint


def open_kept(folder: BackupFolder, logs: Logs, newer: Fetch | None = None) -> KeptLog:
    """The log of a back-up, or a newer copy of it, which must continue it. Raises BackupError,
    LedgerError.
    """
    fetch: Fetch = FolderFetch(folder.ledger / "public")
    try:
        signed = open_checkpoint(folder.signed.read_bytes(), logs)
    except LedgerError as error:
        raise BackupError(
            f"the back-up is of another installation than the keys, or damaged: {error}"
        ) from error
    if newer is None:
        return KeptLog(fetch, signed, snapshot.newest_published(fetch, *logs))
    published = snapshot.newest_published(newer, *logs)
    newest = _pending(newer, logs) or published
    if newest.size < signed.size:
        raise BackupError(
            f"the log that was given has {newest.size} entries, the back-up has {signed.size}"
        )
    tree = ProvedTree(newer, newest)
    if (tree.root_at(signed.size), tree.root_at(published.size)) != (signed.root, published.root):
        raise BackupError("the log that was given is another history than the back-up's")
    return KeptLog(newer, newest, published)


def require_reached(log: KeptLog, logs: Logs, seen: bytes) -> None:
    """Has nobody seen more, or anything else? Raises BackupError."""
    try:
        newest = open_checkpoint(seen, logs)
    except LedgerError as error:
        raise BackupError(f"what was seen is no checkpoint of this log: {error}") from error
    if newest.size > log.signed.size:
        raise BackupError(
            f"others have seen {newest.size} entries, the back-up has {log.signed.size}: signed on"
            " from here it would be a second history. Give --log, a mirror or store that has them;"
            " where there is none this log can be read (without --seen) and never be signed again"
        )
    if ProvedTree(log.fetch, log.signed).root_at(newest.size) != newest.root:
        raise BackupError("what was seen is another history than the back-up's")


def copy(log: KeptLog, logs: Logs, layout: Layout) -> Fetch:
    """Bring the files to the new folder, or to its store. Returns where they are read there."""
    if not layout.shares_log:
        snapshot.copy_log(log.fetch, log.signed, log.published, layout.ledger)
        return FolderFetch(layout.ledger / "public")
    tiles = open_tiles(*store_of(layout))
    for name in (CHECKPOINT, PENDING):
        with suppress(MissingError):  # nothing is there: nobody has seen it
            require_reached(log, logs, tiles.fetch(name))
    tiles.prepare()
    wanted = {*snapshot.tiles_of(log.signed.size), *snapshot.tiles_of(log.published.size)}
    for number, tile in enumerate(sorted(wanted), 1):
        tiles.add(tile, snapshot.tile_bytes(log.fetch, tile))
        if number % snapshot.TILES_AT_ONCE == 0:
            tiles.sync()
    tiles.sync()
    tiles.publish(log.published.note)
    return tiles.fetch


def allow(log: KeptLog, layout: Layout) -> None:
    """From now on its writer opens it, and signs. Only after `require_reached`."""
    if not layout.shares_log:
        snapshot.allow_signing(layout.ledger, log.signed)
        return
    policy = parse_policy(layout.policy.read_bytes())
    cosigned = log.published.note if policy.needs_cosigners else None
    with closing(open_database(layout.database_url)) as database:
        row = SqlCheckpoints(database, log.signed.origin)
        row.create(log.signed.note, cosigned, log.signed.size)


def _pending(fetch: Fetch, logs: Logs) -> SignedCheckpoint | None:
    """What witnesses may have seen already, where a log waits for their cosignatures."""
    try:
        return open_checkpoint(fetch(PENDING), logs)
    except MissingError:
        return None
