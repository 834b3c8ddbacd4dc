"""`trifleet backend`: the programs of the backend, each a process of its own."""

from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands.common import Config, log_to_stderr, stop_on_signals

app = typer.Typer(no_args_is_help=True, help="The backend's programs.")


@app.command("ingest")
def ingest(config: Config) -> None:
    """Take statements from the broker, check them, store them, log them, acknowledge them."""
    from fleet_backend.ingest.main import run
    from fleet_backend.ingest.settings import load_settings

    log_to_stderr()
    run(load_settings(config), stop_on_signals())


@app.command("ledger")
def ledger(
    config: Config,
    create: Annotated[
        bool, typer.Option("--create", help="Begin an empty shared log, once, and end.")
    ] = False,
    move_from: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Take on the log of a folder, once, and end."),
    ] = None,
) -> None:
    """Write the log of what workers stored; a second one with the same settings stands by."""
    from fleet_backend.ingest import ledgerprogram
    from fleet_backend.ingest.settings import load_ledger_settings

    log_to_stderr()
    settings = load_ledger_settings(config)
    if create:
        ledgerprogram.create(settings)
    elif move_from is not None:
        ledgerprogram.move(settings, move_from)
    else:
        ledgerprogram.run(settings, stop_on_signals())


@app.command("issuer")
def issuer(config: Config) -> None:
    """Sign the grants that the owner's document allows; the only process with the issuing key."""
    from fleet_backend.issuer.main import run
    from fleet_backend.issuer.settings import load_settings

    log_to_stderr()
    run(load_settings(config), stop_on_signals())


@app.command("registrar")
def registrar(config: Config) -> None:
    """Enrol gateways that ask with a one-time code; the only process with the authority's key."""
    from fleet_backend.registrar.main import run
    from fleet_backend.registrar.settings import load_settings
    from trifleet.certificates.registrar import RegistrarAuthority

    log_to_stderr()
    settings = load_settings(config)
    run(settings, RegistrarAuthority(settings.authority), stop_on_signals())


@app.command("api")
def api(
    config: Config,
    port: Annotated[int, typer.Option(help="To listen on.")] = 8080,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on. There is no TLS here: a proxy has to bring it."),
    ] = "127.0.0.1",
) -> None:
    """Serve the HTTP API and the pages; holds no key that opens a vehicle."""
    from fleet_backend.api.settings import load_settings
    from trifleet.server import serve

    log_to_stderr()
    serve(load_settings(config), port, stop_on_signals(), host)
