"""`trifleet backup` and `trifleet restore`."""

from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands.common import DEFAULT_DATA, Data, Json, Steps


def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder for the back-up.")],
    data: Data = DEFAULT_DATA,
    keys: Annotated[
        bool, typer.Option("--keys", help="Copy the private keys as well: guard it as them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Copy database and ledger as they are at one moment; the stack may run meanwhile."""
    from trifleet.backup import make
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
    as_json: Json = False,
) -> None:
    """Make a new data folder from a back-up.

    Its log can be read, and is signed on only where --seen shows that the back-up reaches the
    newest checkpoint that anybody has seen: whoever saw more would be shown a second history.
    """
    from trifleet.backup import BackupFolder
    from trifleet.layout import Layout
    from trifleet.restore import restore as make

    steps = Steps(as_json)
    note = None if seen is None else _read(seen)
    found = make(BackupFolder(folder.resolve()), Layout(data.resolve()), keys, note, erased_in)
    steps.say("restored", f"{data}: the ledger at {found.size} entries")
    if found.erased:
        steps.say("erased", f"{found.erased} riders who had been erased since")
    may = "may be signed on" if found.may_sign else "can be read only; see docs/privacy.md"
    steps.say("ledger", may)


def _read(path: Path) -> bytes:
    from trifleet.errors import BackupError

    try:
        return path.read_bytes()
    except OSError as error:
        raise BackupError(f"{path}: {error.strerror}") from error
