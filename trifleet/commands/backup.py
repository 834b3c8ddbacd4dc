"""`trifleet backup` and `trifleet restore`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands.common import DEFAULT_DATA, Data, Json, Steps

if TYPE_CHECKING:
    from fleet_backend.ledger.treefiles import Fetch


def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder for the back-up.")],
    data: Data = DEFAULT_DATA,
    keys: Annotated[
        bool, typer.Option("--keys", help="Copy the private keys as well: guard it as them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Copy database and ledger as they are at one moment; the stack may run meanwhile."""
    from trifleet.backups.backup import make
    from trifleet.layout import Layout

    made = make(Layout(data.resolve()), folder, with_keys=keys)
    kept = "with the private keys" if keys else "without any private key"
    words = f"{folder}: the ledger at {made['size']} entries, {kept}"
    Steps(as_json).say("backed up", words)


def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `trifleet backup` made.")],
    data: Annotated[Path, typer.Option("--data", help="The new data folder.")],
    keys: Annotated[
        Path | None,
        typer.Option(help="A folder that has the private keys, where the back-up has none."),
    ] = None,
    seen: Annotated[
        Path | None,
        typer.Option(help="The newest checkpoint of the log that anybody has seen."),
    ] = None,
    erased_in: Annotated[
        list[Path] | None,
        typer.Option(help="A fleet.db that knows of later erasures: of a newer back-up, say."),
    ] = None,
    database: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="One line, the URL of an empty database on a server; without it, a file.",
        ),
    ] = None,
    tiles: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="One line, the URL of a store: a shared log."),
    ] = None,
    tiles_options: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What opens that store (mode 0600).")
    ] = None,
    log: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|URL",
            help="A mirror of the log, or its store, newer than the back-up: caught up with.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a new data folder from a back-up.

    Its log can be read, and is signed on only where --seen shows that what is restored reaches the
    newest checkpoint that anybody has seen: whoever saw more would be shown a second history.
    """
    from trifleet.backups.backup import BackupFolder
    from trifleet.backups.kept_log import read_line
    from trifleet.backups.restore import Servers
    from trifleet.backups.restore import restore as make
    from trifleet.layout import Layout

    steps = Steps(as_json)
    servers = Servers(
        None if database is None else read_line(database),
        None if tiles is None else read_line(tiles),
        tiles_options,
    )
    found = make(
        BackupFolder(folder.resolve()),
        Layout(data.resolve()),
        keys,
        None if seen is None else _read(seen),
        erased_in,
        servers,
        None if log is None else _fetch(log, tiles_options),
    )
    steps.say("restored", f"{data}: the ledger at {found.size} entries")
    if found.caught_up:
        steps.say("caught up", f"{found.caught_up} statements from the log, without their contents")
    if found.erased:
        steps.say("erased", f"{found.erased} riders who had been erased since")
    may = "may be signed on" if found.may_sign else "can be read only; see docs/operations.md"
    steps.say("ledger", may)


def _fetch(log: str, options: Path | None) -> "Fetch":
    from fleet_backend.ledger.storage import FolderFetch
    from fleet_backend.logstore.opening import is_store_url, open_fetch

    if is_store_url(log):
        return open_fetch(log, options)
    folder = Path(log)
    return FolderFetch(folder / "public" if (folder / "public").is_dir() else folder)


def _read(path: Path) -> bytes:
    from trifleet.errors import BackupError

    try:
        return path.read_bytes()
    except OSError as error:
        raise BackupError(f"{path}: {error.strerror}") from error
