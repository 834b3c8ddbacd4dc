"""Releases are built and signed."""

from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands.release.keys import ask_passphrase

CHECKOUT = Path(__file__).resolve().parents[3]
BundleFile = Annotated[Path, typer.Argument(metavar="BUNDLE", help="NAME.tfr", show_default=False)]


def build(
    out: Annotated[Path, typer.Argument(help="NAME.tfr; new.", show_default=False)],
    board: Annotated[str, typer.Option("--board", help="Which board it is for: boards/.")],
    version: Annotated[str, typer.Option("--version", help="Its name for people: 1.4.0")],
    number: Annotated[int, typer.Option("--number", min=1, help="Higher with every release.")],
    floor: Annotated[
        int,
        typer.Option(min=0, help="The lowest number that may be installed once this one runs."),
    ] = 0,
    folders: Annotated[
        bool, typer.Option("--folders", help="For a board without a ROMFS partition.")
    ] = False,
    checkout: Annotated[Path, typer.Option(help="Of which sources.")] = CHECKOUT,
) -> None:
    """Build a release of a checkout, unsigned. The same sources give the same bytes."""
    from protocol import release
    from trifleet.errors import UsageError
    from workbench.application import collect_application
    from workbench.release import bundle

    if out.exists():
        raise UsageError(f"{out} is there already: choose another name")
    form = release.FOLDERS if folders else release.ROMFS
    files = collect_application(checkout.resolve())
    made = bundle.build(files, board, version, number, floor, form)
    out.write_bytes(made.data)
    print(f"{made.digest.hex()}  {out}: {len(made.data)} bytes, {len(made.head.files)} files")


def sign(
    path: BundleFile,
    key: Annotated[Path, typer.Option("--key", help="A release key; its passphrase is asked for.")],
) -> None:
    """Sign a release: one signature more in the same file. Look at it with `inspect` before."""
    from workbench.release import bundle, keys, signing

    private = keys.decode_private(
        key.read_bytes(), lambda: ask_passphrase(f"Passphrase for {key.name}: ")
    )
    signed = signing.sign(bundle.read(path.read_bytes()), private)
    # Power goes: the old file or the new one.
    new = path.with_name(path.name + ".new")
    new.write_bytes(signed.data)
    new.replace(path)
    count = len(signed.head.signatures)
    print(f"{signed.digest.hex()}  {path}: {count} signature{'s' * (count != 1)}")
