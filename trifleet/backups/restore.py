"""Makes a new installation from a back-up, and never lets a log be signed twice.

A back-up is older than the log was. What was signed since, others have seen: so the restored log
gets no lock (`lock.db`, or the row of a shared log), without which its writer signs nothing, until
somebody shows the newest checkpoint that was seen and what is restored reaches it.

Order of writes, and what is true if it ends right after each:
1. `restore.unfinished`: nothing starts in this folder, whatever else is in it;
2. keys, policy, the log's files, each tied to the signed checkpoint;
3. a copy of the database in which who was erased since is erased, and which agrees with the log;
4. it becomes `fleet.db`, or fills an empty database on a server, whole or not at all;
5. the log's lock, where it may be signed on;
6. `installation.json`, and the first file goes: the installation is whole.
"""

from dataclasses import dataclass
from pathlib import Path

from fleet_backend.fleet.sqlite import snapshot
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import sync_folder
from fleet_backend.ledger.tree import ProvedTree
from fleet_backend.ledger.treefiles import Fetch
from trifleet.backups import restore_database, restore_log
from trifleet.backups.backup import BackupFolder, copy_files, inherit_places, key_files, read_mark
from trifleet.backups.kept_log import verifiers
from trifleet.errors import BackupError
from trifleet.installation import origin
from trifleet.layout import Layout, is_vacant, make_folder, write_private


@dataclass(frozen=True)
class Servers:
    """Where database and log shall lie, if not in the new data folder."""

    database: str | None = None  # URL of an empty database
    tiles: str | None = None  # URL of a store: the log becomes a shared one
    tiles_options: Path | None = None


@dataclass(frozen=True)
class Restored:
    """What came of it."""

    size: int
    may_sign: bool
    erased: int  # riders who had been erased since the back-up was made
    caught_up: int = 0  # statements that only the log still had: without their contents


def restore(
    folder: BackupFolder,
    layout: Layout,
    keys: Path | None = None,
    seen: bytes | None = None,
    erased_in: list[Path] | None = None,
    servers: Servers | None = None,
    newer_log: Fetch | None = None,
) -> Restored:
    """Restore into the new folder of `layout`, and onto `servers`.

    `keys` is a data folder, or the `keys` of a back-up; `seen` the newest checkpoint of the log
    that anybody has seen; `erased_in` databases that know of later erasures; `newer_log` a mirror
    of the log, or its store that outlived the rest, which is newer than the back-up. Raises
    BackupError, FleetError, LedgerError; the folder is of no use then.
    """
    where = servers or Servers()
    source = _look(folder, layout, keys)
    name = origin(Layout(folder.root))
    logs = verifiers(source, name)
    log = restore_log.open_kept(folder, logs, newer_log)
    if seen is not None:
        restore_log.require_reached(log, logs, seen)
    make_folder(layout.root)
    layout.root.chmod(0o700)
    write_private(layout.unfinished_restore, b"")
    sync_folder(layout.root)
    _copy_files(folder, layout, source, where)
    fetch = restore_log.copy(log, logs, layout)
    LedgerReader(fetch, *logs).audit()
    prepared = restore_database.prepare(
        folder.database, layout, ProvedTree(fetch, log.signed), erased_in or [], newer_log is None
    )
    restore_database.settle(layout, ProvedTree(fetch, log.signed))
    if seen is not None:
        restore_log.allow(log, layout)
    installation = (folder.root / "installation.json").read_bytes()
    write_private(layout.root / "installation.json", installation)
    sync_folder(layout.root)
    layout.unfinished_restore.unlink()
    sync_folder(layout.root)
    return Restored(log.signed.size, seen is not None, prepared.erased, prepared.added)


def _look(folder: BackupFolder, layout: Layout, keys: Path | None) -> Layout:
    """Everything that can be refused before a byte is written. Returns where the keys are."""
    mark = read_mark(folder)
    if not is_vacant(layout.root):
        raise BackupError(
            f"{layout.root} is not a new or empty folder: a back-up is restored into a new folder"
        )
    source = keys or (folder.keys if folder.keys.is_dir() else None)
    if source is None:
        raise BackupError("the back-up holds no keys: give --keys, a folder that has them")
    _require_keys(Layout(source))
    for path in (folder.database, folder.signed, folder.root / "installation.json"):
        if not path.is_file():
            raise BackupError(f"{folder.root} is damaged: {path.name} is missing")
    if origin(Layout(folder.root)) != mark["origin"]:
        raise BackupError(f"{folder.root} is damaged: its files name two different logs")
    snapshot.require_whole(folder.database)
    return Layout(source)


def _copy_files(folder: BackupFolder, layout: Layout, source: Layout, where: Servers) -> None:
    inherit_places(folder, layout)
    copy_files(source.root, layout.root, key_files(source))
    for name, path in (("policy.txt", layout.policy), ("privacy.toml", layout.privacy)):
        if (folder.root / name).exists():
            write_private(path, (folder.root / name).read_bytes())
    if where.database is not None:
        write_private(layout.database_url_file, where.database.encode() + b"\n")
    if where.tiles is not None:
        write_private(layout.tiles_url_file, where.tiles.encode() + b"\n")
    if where.tiles_options is not None:
        write_private(layout.tiles_options, where.tiles_options.read_bytes())


def _require_keys(source: Layout) -> None:
    missing = [
        str(path.relative_to(source.root))
        for path in (
            source.owner_key,
            source.issuing_key,
            source.issuer_statement_key,
            source.ack_key,
            source.log_key,
        )
        if not path.exists()
    ]
    if missing:
        raise BackupError(f"{source.root} lacks {', '.join(missing)}")
