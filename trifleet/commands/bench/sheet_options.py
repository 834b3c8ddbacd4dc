"""The options that say which vehicle a board is to become, and whose."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands.bench.session import Session

if TYPE_CHECKING:
    from trifleet.commissioning.sheet import Sheet

Vehicle = Annotated[str, typer.Option("--vehicle", help="The vehicle's name: a-z 0-9 -.")]
Owner = Annotated[
    str,
    typer.Option(
        help="Thumbprint of the owner's key, or a file with the public key (`trifleet keys list`)."
    ),
]
Configuration = Annotated[
    str, typer.Option(help="The vehicle's numbers: a name in hw/vehicles, or a TOML file.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", help="A vehicle key drawn elsewhere, mode 0600; else drawn here."),
]
ReleaseKey = Annotated[
    list[str] | None,
    typer.Option("--release-key", help="Thumbprint or public key; may be repeated. Without it"
    " nothing can be installed over the air."),
]  # fmt: skip
Threshold = Annotated[
    int, typer.Option("--release-threshold", help="So many of the release keys must have signed.")
]
Out = Annotated[
    Path, typer.Option("--out", help="Folder for registrations and results; only yours to read.")
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Make another vehicle of a board that is one already.")
]
DEFAULT_OUT = Path("bench")
DEFAULT_CONFIGURATION = "delta-passenger"
SIM_VEHICLE = "trike-1"


def sheet_of(
    session: Session,
    vehicle: str,
    owner: str,
    configuration: str,
    *,
    board: str = "",
    key_file: Path | None = None,
    release_keys: list[str] | None = None,
    threshold: int = 2,
    mechanic: str = "",
) -> "Sheet":
    """What was typed. With --sim a name and an owner of its own stand in. Raises SheetError."""
    from fleet_backend.fleet import keys
    from trifleet.commissioning.sheet import make_sheet

    if session.options.sim:
        vehicle = vehicle or SIM_VEHICLE
        owner = owner or keys.thumbprint(session.sim_owner()).hex()
    return make_sheet(
        vehicle,
        owner,
        configuration,
        board=board,
        key_file=key_file,
        release_keys=release_keys or [],
        release_threshold=threshold,
        mechanic=mechanic,
    )
