"""`trifleet bench label`: what is glued onto a vehicle, for riders' phones and for people."""

from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands.bench.options import AsJson, Options
from trifleet.commands.bench.session import at_bench

DEFAULT_NOTARY = Path("notary")


def label(
    vehicle: Annotated[str, typer.Argument(help="The vehicle's name.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="File that ends in .svg, .pdf or .zpl.")],
    url: Annotated[
        str, typer.Option(help="Of the riders' server; else that of the notary's folder.")
    ] = "",
    folder: Annotated[Path, typer.Option("--notary", help="The notary's folder.")] = DEFAULT_NOTARY,
    width: Annotated[float, typer.Option(help="mm.")] = 60.0,
    height: Annotated[float, typer.Option(help="mm.")] = 40.0,
    level: Annotated[str, typer.Option(help="Error correction: L, M, Q or H.")] = "Q",
    emergency: Annotated[str, typer.Option(help="The number to call in need.")] = "112",
    dpi: Annotated[int, typer.Option(help="Of a ZPL printer: 203, 300 or 600.")] = 203,
    as_json: AsJson = False,
) -> None:
    """Make a vehicle's label: a QR code that opens the riders' page, its name, whom to call."""
    from workbench.label.files import write
    from workbench.label.label import Label

    with at_bench("label", Options(as_json=as_json)) as session:
        address = url or _address_of(folder)
        made = Label(vehicle, address, width, height, level.upper(), emergency)
        size = write(out, made, dpi)
        session.say("label", f"{out}: {made.url}, {width:g} x {height:g} mm")
        session.values |= {"file": str(out), "bytes": size, "url": made.url}


def _address_of(folder: Path) -> str:
    from trifleet.errors import UsageError
    from trifleet.notary.notary import ADDRESS

    path = folder / ADDRESS
    if not path.is_file():
        raise UsageError(f"say the riders' server with --url: {path} does not name it")
    return path.read_text("ascii").strip()
