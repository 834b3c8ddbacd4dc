"""Back-ups: database and ledger at one moment, in a folder; the data folder remembers where.

Order of writes, and what is true if power goes right after each:
1. the place is noted in `backups.json`: an erasure looks there, and finds nothing or half a copy;
2. database and ledger are copied: half a copy, which `restore` refuses and an erasure deletes;
3. `backup.json` is written: the back-up is whole.
"""

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fleet_backend.fleet import transfer
from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.sqlite import snapshot
from fleet_backend.ledger import snapshot as log_snapshot
from fleet_backend.ledger.checkpoint import SignedCheckpoint
from fleet_backend.ledger.storage import sync_folder
from trifleet.backups.kept_log import Logs, fetch_of, newest_signed, verifiers
from trifleet.errors import BackupError
from trifleet.installation import origin
from trifleet.layout import Layout, is_vacant, make_folder, write_private
from trifleet.privacy.keeping import one_at_a_time

T = TypeVar("T")
VERSION = 1
MARK = "backup.json"


@dataclass(frozen=True)
class BackupFolder:
    """The paths of one back-up."""

    root: Path

    @property
    def mark(self) -> Path:
        return self.root / MARK

    @property
    def database(self) -> Path:
        return self.root / "fleet.db"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger"

    @property
    def signed(self) -> Path:
        """The newest checkpoint that was signed when the copy was made."""
        return self.root / "signed.checkpoint"

    @property
    def keys(self) -> Path:
        """Private keys, with the paths that they have in a data folder; only where asked for."""
        return self.root / "keys"

    @property
    def is_whole(self) -> bool:
        return self.mark.exists()


def make(layout: Layout, target: Path, with_keys: bool = False) -> dict[str, Any]:
    """Back the installation up into the new folder `target`; returns what `backup.json` says.

    Works while the stack runs. Raises BackupError, FleetError, LedgerError.
    """
    folder = BackupFolder(target.absolute())
    if folder.root.is_relative_to(layout.root.absolute()):
        raise BackupError(
            f"{folder.root} is in the data folder: what is lost with it is no back-up"
        )
    if not is_vacant(folder.root):
        raise BackupError(f"{folder.root} is not a new or empty folder")
    with one_at_a_time(layout):
        logs = verifiers(layout, origin(layout))
        _note_place(layout, folder.root)
        make_folder(folder.root)
        folder.root.chmod(0o700)
        checkpoint = _copy(layout, folder, logs)
        if with_keys:
            copy_files(layout.root, folder.keys, key_files(layout))
        value = {
            "version": VERSION,
            "made": int(time.time()),
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "keys": with_keys,
        }
        write_private(folder.mark, json.dumps(value, indent=2).encode() + b"\n")
        sync_folder(folder.root)
    return value


def read_mark(folder: BackupFolder) -> dict[str, Any]:
    """What `backup.json` says. Raises BackupError."""
    try:
        value = json.loads(folder.mark.read_text())
        if value["version"] != VERSION:
            raise BackupError(f"{folder.root} was made by another version of trifleet")
        return {name: value[name] for name in ("version", "made", "origin", "size", "keys")}
    except FileNotFoundError as error:
        raise BackupError(f"{folder.root} is no back-up, or one that was not finished") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BackupError(f"{folder.mark} is damaged: {error}") from error


def places(layout: Layout) -> list[BackupFolder]:
    """Where back-ups of this installation were made. Raises BackupError."""
    try:
        return [BackupFolder(Path(item)) for item in json.loads(layout.backups.read_text())]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise BackupError(f"{layout.backups} is damaged: {error}") from error


def inherit_places(folder: BackupFolder, layout: Layout) -> None:
    """A new installation knows this back-up, and those that this one knew. Raises BackupError.

    It holds the same riders: who is erased here is erased there.
    """
    older = places(Layout(folder.root))
    known = dict.fromkeys(str(item.root) for item in (*older, folder))
    write_private(layout.backups, json.dumps(list(known), indent=2).encode() + b"\n")


def forget_place(layout: Layout, folder: BackupFolder) -> None:
    """A back-up is gone for good."""
    kept = [str(item.root) for item in places(layout) if item != folder]
    write_private(layout.backups, json.dumps(kept, indent=2).encode() + b"\n")


def key_files(layout: Layout) -> list[Path]:
    """Every secret that a new data folder would need, but those of vehicles and gateways."""
    fixed = (
        layout.owner_key,
        layout.issuing_key,
        layout.issuer_statement_key,
        layout.ack_key,
        layout.log_key,
        layout.former_log_key,
        layout.operator_token,
    )
    # With the authority goes what it took back: a list that was forgotten lets thieves in again.
    names = ("authority.key", "authority.pem", "register.json", "revoked.pem")
    authority = [layout.authority / name for name in names]
    # Of an authority whose root was changed: which root signs, and its files.
    for pattern in ("roots.json", "authority-*.key", "authority-*.pem", "link-*.pem"):
        authority += sorted(layout.authority.glob(pattern))
    return [path for path in (*fixed, *authority) if path.exists()]


def copy_files(source: Path, target: Path, files: list[Path]) -> None:
    """Copy private files with their places below `source`."""
    for path in files:
        write_private(target / path.relative_to(source), path.read_bytes())


def _copy(layout: Layout, folder: BackupFolder, logs: Logs) -> SignedCheckpoint:
    fetch = fetch_of(layout)
    # The published one is read first: it is never the newer one, and a store that does not answer
    # holds nobody up.
    published = log_snapshot.newest_published(fetch, *logs)

    def meanwhile() -> SignedCheckpoint:
        # The ledger's writer notes a place in the database only after it signed: while nobody can
        # write there, every place that is noted lies below the checkpoint, and every entry below
        # it is in the database. A shared log gives places before it signs: `restore` takes back
        # those that were not signed.
        return newest_signed(layout, logs)

    signed = _copy_database(layout, folder.database, meanwhile)
    log_snapshot.copy_log(fetch, signed, published, folder.ledger)
    write_private(folder.signed, signed.note)
    for path in (layout.policy, layout.root / "installation.json", layout.backups):
        write_private(folder.root / path.name, path.read_bytes())
    if layout.privacy.exists():
        write_private(folder.root / layout.privacy.name, layout.privacy.read_bytes())
    return signed


def _copy_database(layout: Layout, target: Path, meanwhile: Callable[[], T]) -> T:
    """A file of SQLite either way: an erasure can look into it, and rewrite it."""
    if layout.keeps_own_file:
        return snapshot.take(layout.database, target, meanwhile)
    with closing(open_database(layout.database_url)) as database:
        return transfer.take(database, target, meanwhile)


def _note_place(layout: Layout, root: Path) -> None:
    known = [str(item.root) for item in places(layout)]
    if str(root) not in known:
        write_private(layout.backups, json.dumps([*known, str(root)], indent=2).encode() + b"\n")
