"""Makes a new data folder from a back-up, and never lets a log be signed twice.

A back-up is older than the log was. What was signed since, others have seen: so the restored log
gets no lock database, without which its writer signs nothing, until somebody shows the newest
checkpoint that was seen and the back-up reaches it.
"""

from dataclasses import dataclass
from pathlib import Path

from fleet_backend.fleet import erasures
from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.erasures import Erasure
from fleet_backend.fleet.errors import FleetError
from fleet_backend.fleet.sqlite import snapshot
from fleet_backend.ledger import snapshot as log_snapshot
from fleet_backend.ledger.checkpoint import SignedCheckpoint, open_checkpoint
from fleet_backend.ledger.errors import LedgerError
from fleet_backend.ledger.keys import load_log_key, log_signer
from fleet_backend.ledger.note import Verifier
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.tree import ProvedTree
from trifleet import erase_database
from trifleet.backup import BackupFolder, copy_files, inherit_places, key_files, read_mark
from trifleet.errors import BackupError
from trifleet.installation import origin
from trifleet.layout import Layout, is_vacant, make_folder, write_private


@dataclass(frozen=True)
class Restored:
    """What came of it."""

    size: int
    may_sign: bool
    erased: int  # riders who had been erased since the back-up was made


def restore(
    folder: BackupFolder,
    layout: Layout,
    keys: Path | None = None,
    seen: bytes | None = None,
    erased_in: list[Path] | None = None,
) -> Restored:
    """Restore into the new folder of `layout`.

    `keys` is a data folder, or the `keys` of a back-up; `seen` the newest checkpoint of the log
    that anybody has seen; `erased_in` databases that know of later erasures. Raises BackupError,
    FleetError, LedgerError; the folder is of no use then.
    """
    read_mark(folder)
    if not is_vacant(layout.root):
        raise BackupError(
            f"{layout.root} is not a new or empty folder: a back-up is restored into a new folder"
        )
    source = keys or (folder.keys if folder.keys.is_dir() else None)
    if source is None:
        raise BackupError("the back-up holds no keys: give --keys, a folder that has them")
    _require_keys(Layout(source))
    snapshot.require_whole(folder.database)
    make_folder(layout.root)
    layout.root.chmod(0o700)
    inherit_places(folder, layout)
    copy_files(source, layout.root, key_files(Layout(source)))
    for name, path in (
        ("policy.txt", layout.policy),
        ("installation.json", layout.root / "installation.json"),
        ("privacy.toml", layout.privacy),
    ):
        if (folder.root / name).exists():
            write_private(path, (folder.root / name).read_bytes())
    log = log_signer(origin(layout), load_log_key(layout.log_key)).verifier
    signed = open_checkpoint(folder.signed.read_bytes(), (log,))
    _restore_log(folder, layout, log, signed)
    snapshot.take(folder.database, layout.database, lambda: None)
    count = _erase_again(layout, [folder.database, *(erased_in or [])])
    may_sign = seen is not None
    if seen is not None:
        allow(layout, log, signed, seen)
    return Restored(signed.size, may_sign, count)


def allow(layout: Layout, log: Verifier, signed: SignedCheckpoint, seen: bytes) -> None:
    """Let the restored log be signed on. Raises BackupError where `seen` is newer than it."""
    try:
        newest = open_checkpoint(seen, (log,))
    except LedgerError as error:
        raise BackupError(f"what was seen is no checkpoint of this log: {error}") from error
    if newest.size > signed.size:
        raise BackupError(
            f"others have seen {newest.size} entries, the back-up has {signed.size}: this log can"
            " be read and never be signed again; begin a new one"
        )
    tree = ProvedTree(FolderFetch(layout.ledger / "public"), signed)
    if tree.root_at(newest.size) != newest.root:
        raise BackupError("what was seen is another history than the back-up's")
    log_snapshot.allow_signing(layout.ledger, log, signed)


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


def _restore_log(
    folder: BackupFolder, layout: Layout, log: Verifier, signed: SignedCheckpoint
) -> None:
    published = log_snapshot.newest_published(folder.ledger, log)
    log_snapshot.copy_log(folder.ledger, signed, published, layout.ledger)
    LedgerReader(FolderFetch(layout.ledger / "public"), log).audit()


def _erase_again(layout: Layout, sources: list[Path]) -> int:
    """Who was erased after the back-up was made stays erased."""
    known: list[Erasure] = []
    for path in sources:
        database = open_database(f"sqlite:///{path}")
        try:
            database.check_schema()
            with database.read() as connection:
                known += erasures.all_erasures(connection)
        except FleetError as error:
            raise BackupError(f"{path}: {error}") from error
        finally:
            database.close()
    return erase_database.erase_known(layout.database, known)
