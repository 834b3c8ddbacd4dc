"""A signed release goes online: the ledger first."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands.common import DEFAULT_DATA, Data
from trifleet.commands.release.keys import ask_passphrase
from trifleet.commands.release.repository import Folder, folder_of


def publish(
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="NAME.tfr, signed.", show_default=False)
    ],
    data: Data = DEFAULT_DATA,
    folder: Folder = None,
    policy: Annotated[
        Path | None, typer.Option(help="Whose log counts; else the one of --data.")
    ] = None,
    notary: Annotated[
        Path | None,
        typer.Option(help="Folder of the notary that logs it, where there is no receipt yet."),
    ] = None,
) -> None:
    """Log the release in the ledger, and offer it to gateways. Nothing is installed by this.

    The receipt lies beside the bundle, as NAME.tfr.receipt. Asks for the repository's passphrase.
    """
    from fleet_backend.ingest.publishing import read_policy
    from trifleet.layout import Layout
    from trifleet.releases.notaries import logging_by
    from trifleet.releases.publish import publish as put_online
    from trifleet.releases.repository import Repository

    found = put_online(
        Repository(folder_of(folder, data)),
        bundle.resolve(),
        read_policy(policy or Layout(data.resolve()).policy),
        ask_passphrase("Passphrase of the repository's keys: "),
        datetime.now(UTC),
        None if notary is None else logging_by(notary.resolve()),
    )
    manifest = found.manifest
    print(f"{found.digest.hex()}  {found.name}: {manifest.version} for {manifest.board}, online")
    print("# Next: trifleet release rollout start")
