"""The release repository: made once, refreshed in time."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands.common import DEFAULT_DATA, Data, Json, print_table
from trifleet.commands.release.keys import ask_passphrase

app = typer.Typer(
    no_args_is_help=True,
    help="The repository that gateways believe (The Update Framework): docs/rollout.md.",
)
Folder = Annotated[
    Path | None, typer.Option("--repository", help="Its folder; else `releases` below --data.")
]
_RENEWED_BY = {
    "root": "root",
    "targets": "refresh",
    "snapshot": "refresh",
    "timestamp": "timestamp",
}
_ASKED = "Passphrase of the repository's keys: "


def folder_of(folder: Path | None, data: Path) -> Path:
    """Where the repository lies."""
    from trifleet.layout import Layout

    return folder.resolve() if folder is not None else Layout(data.resolve()).releases


@app.command("init")
def init(data: Data = DEFAULT_DATA, folder: Folder = None) -> None:
    """Draw the keys and sign the first metadata. Asks for a passphrase.

    Afterwards take `keys/` away on a medium of its own, and give every gateway the root.
    """
    from trifleet.installation import claim
    from trifleet.layout import Layout
    from trifleet.releases.repository import Repository

    if folder is None:
        claim(Layout(data.resolve()))  # it may be the first that comes into this folder
    made = Repository(folder_of(folder, data))
    made.init(ask_passphrase(_ASKED), datetime.now(UTC))
    print(f"{made.folder}: made; two of three root keys change it")
    print(f"# Take {made.folder}/keys away; it is needed to publish and every 60 days to refresh.")
    print("# For gateway.toml, with this file brought to each gateway:")
    print('[updates]\nroot_file = "1.root.json"')


@app.command("refresh")
def refresh(data: Data = DEFAULT_DATA, folder: Folder = None) -> None:
    """Sign targets and snapshot for another 90 days. Needs `keys/`; asks for the passphrase."""
    from trifleet.releases.repository import Repository

    found = Repository(folder_of(folder, data))
    found.refresh(ask_passphrase(_ASKED), datetime.now(UTC))
    print(f"{found.folder}: refreshed")


@app.command("root")
def root(
    replace: Annotated[
        list[str] | None,
        typer.Option(
            help="Put a new key in the place of this one: root-1, root-2, root-3, targets,"
            " snapshot, timestamp. Give it once for each.",
        ),
    ] = None,
    data: Data = DEFAULT_DATA,
    folder: Folder = None,
) -> None:
    """Sign the next root, for two years; with --replace with other keys. Asks for the passphrase.

    Needs two of the root's three keys. Gateways follow by themselves; a key that was replaced is
    gone. Look at `list` first: what is online stays online, signed by the new keys.
    """
    from trifleet.releases.repository import Repository
    from trifleet.releases.rootchange import change_root

    found = Repository(folder_of(folder, data))
    changed = change_root(found, ask_passphrase(_ASKED), datetime.now(UTC), replace or ())
    names = ", ".join(sorted(changed.replaced)) or "the keys are the same"
    if changed.was_begun:
        print(f"{found.folder}: the change that was interrupted is finished; new: {names}")
        if set(replace or ()) - changed.replaced:
            print("# Nothing else was done: ask again for what you wanted beside it.")
            raise typer.Exit(1)
        return
    new = found.states()[0]
    print(f"{found.folder}: root {new.version}, until {new.ends:%Y-%m-%d}; new: {names}")


@app.command("status")
def status(data: Data = DEFAULT_DATA, folder: Folder = None, as_json: Json = False) -> None:
    """Until when gateways believe what is online, and what renews it."""
    from trifleet.releases.repository import Repository

    states = Repository(folder_of(folder, data)).states()
    if as_json:
        rows = [{**vars(one), "ends": one.ends.isoformat()} for one in states]
        print(json.dumps(rows))
        return
    now = datetime.now(UTC)
    print_table(
        ("document", "version", "until", "left", "renewed by"),
        (
            (
                one.role,
                str(one.version),
                f"{one.ends:%Y-%m-%d %H:%M}",
                _left(one.ends - now),
                _RENEWED_BY[one.role],
            )
            for one in states
        ),
    )


def _left(time: timedelta) -> str:
    if time <= timedelta(0):
        return "expired"
    return f"{time.days} days" if time.days else f"{time.seconds // 3600} h"


@app.command("timestamp")
def timestamp(
    data: Data = DEFAULT_DATA,
    folder: Folder = None,
    least_hours: Annotated[
        int, typer.Option(min=0, max=23, help="Only where less than this is left.")
    ] = 23,
) -> None:
    """Sign a fresh timestamp with the online key: by a timer, several times a day. `trifleet run`
    does it by itself."""
    from trifleet.releases.repository import Repository

    found = Repository(folder_of(folder, data))
    is_new = found.refresh_timestamp(datetime.now(UTC), timedelta(hours=least_hours))
    print(f"{found.folder}: {'fresh' if is_new else 'fresh enough'}")


@app.command("list")
def list_targets(data: Data = DEFAULT_DATA, folder: Folder = None, as_json: Json = False) -> None:
    """What is online."""
    from trifleet.releases.repository import Repository

    found = Repository(folder_of(folder, data)).targets()
    bundles = {name: custom for name, custom in sorted(found.items()) if "digest" in custom}
    if as_json:
        print(json.dumps(bundles))
        return
    columns = ("board", "version", "number", "digest")
    rows = ((name, *(str(custom.get(key)) for key in columns)) for name, custom in bundles.items())
    print_table(("bundle", *columns), rows)
