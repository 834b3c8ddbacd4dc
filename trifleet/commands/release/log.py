"""`trifleet release log`: a release into the ledger, its receipt beside the bundle."""

from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands.common import log_to_stderr


def log(
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="NAME.tfr, signed.", show_default=False)
    ],
    notary: Annotated[Path, typer.Option(help="Folder of the notary that logs it.")],
) -> None:
    """Log a signed release, and write NAME.tfr.receipt. Needs the network; run again, it goes on.

    `trifleet release publish` does this too where it has to; with this alone nothing is offered to
    gateways, and the bundle can be flashed over a cable.
    """
    from trifleet.releases.notaries import log_beside

    log_to_stderr()
    logged, path = log_beside(bundle.resolve(), notary.resolve())
    print(f"entry {logged.index} of {logged.origin}, by {logged.notary}: {path}")
