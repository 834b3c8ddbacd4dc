"""Where an installation's log lies: in its folder, or in the database and a store of tiles."""

from contextlib import closing
from pathlib import Path

from fleet_backend.fleet.database import open_database
from fleet_backend.ledger import snapshot
from fleet_backend.ledger.checkpoint import SignedCheckpoint, open_checkpoint
from fleet_backend.ledger.errors import LogCorruptError
from fleet_backend.ledger.keys import load_log_key, log_signer
from fleet_backend.ledger.note import Verifier
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.treefiles import Fetch
from fleet_backend.logstore.checkpoints import SqlCheckpoints
from fleet_backend.logstore.opening import open_fetch
from trifleet.errors import BackupError
from trifleet.layout import Layout

Logs = tuple[Verifier, ...]


def verifiers(layout: Layout, origin: str) -> Logs:
    """Of the log's key and, while that changes, of the former one: either may have signed."""
    files = [layout.log_key]
    if layout.former_log_key.exists():
        files.append(layout.former_log_key)
    return tuple(log_signer(origin, load_log_key(file)).verifier for file in files)


def store_of(layout: Layout) -> tuple[str, Path | None]:
    """URL and options of the store of a shared log. Raises BackupError."""
    url = read_line(layout.tiles_url_file)
    return url, layout.tiles_options if layout.tiles_options.exists() else None


def fetch_of(layout: Layout) -> Fetch:
    """The published files of the log. Raises LedgerError."""
    if layout.shares_log:
        return open_fetch(*store_of(layout))
    return FolderFetch(layout.ledger / "public")


def newest_signed(layout: Layout, logs: Logs) -> SignedCheckpoint:
    """The checkpoint that was signed last, published or not. Raises LedgerError."""
    if not layout.shares_log:
        return snapshot.newest_signed(layout.ledger, *logs)
    with closing(open_database(layout.database_url)) as database:
        note = SqlCheckpoints(database, logs[0].name).newest()
    if note is None:
        raise LogCorruptError(f"the database knows no log {logs[0].name!r}")
    return open_checkpoint(note, logs)


def read_line(path: Path) -> str:
    """A file of one line, a URL. Raises BackupError, which does not show it."""
    try:
        lines = path.read_text().split("\n")
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is no text"
        raise BackupError(f"cannot read {path}: {words}") from None
    if not lines[0].strip() or any(line.strip() for line in lines[1:]):
        raise BackupError(f"{path} has to hold one line, a URL")
    if path.stat().st_mode & 0o077:
        raise BackupError(f"others may read {path}: chmod 600 {path}")
    return lines[0].strip()
