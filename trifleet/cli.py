"""The `trifleet` command: puts the subcommands together and turns errors into one clear line."""

import os
import sys
from typing import Annotated

import typer

from trifleet import coredumps, logform
from trifleet.commands import (
    anchor,
    backend,
    backup,
    bench,
    board,
    certificates,
    cluster,
    doctor,
    federation,
    gateway,
    keys,
    ledger,
    load,
    notary,
    privacy,
    release,
    ride,
    run,
    vehicle,
    witness,
)
from trifleet.commands.common import known_errors
from trifleet.scrubbing import scrub

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def top(
    log_format: Annotated[
        str | None,
        typer.Option(
            metavar="FORM",
            help="Log lines as text or json; also by TRIFLEET_LOG. Programs that are started from"
            " here follow.",
        ),
    ] = None,
) -> None:
    """The open fleet stack for three-wheel electric vehicles.

    Start with `trifleet run` (the whole fleet, simulated, on this machine) or `trifleet ride`
    (one ride from the rider's key to the verified receipt).
    """
    if log_format is not None:
        logform.choose(log_format)


app.command("run")(run.run)
app.command("ride")(ride.ride)
app.command("federation")(federation.federation)
app.command("load")(load.load)
app.command("doctor")(doctor.doctor)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.add_typer(anchor.app, name="anchor")
app.add_typer(backend.app, name="backend")
app.add_typer(bench.app, name="bench")
app.add_typer(board.app, name="board")
app.add_typer(certificates.app, name="certificates")
app.add_typer(cluster.app, name="cluster")
app.add_typer(gateway.app, name="gateway")
app.add_typer(keys.app, name="keys")
app.add_typer(ledger.app, name="ledger")
app.add_typer(notary.app, name="notary")
app.add_typer(release.app, name="release")
app.add_typer(vehicle.app, name="vehicle")
app.add_typer(witness.app, name="witness")
app.add_typer(privacy.app, name="privacy")


def main() -> None:
    """Entry point of the `trifleet` script. One line for what went wrong, and exit status 1, or 2
    where the command could not begin.
    """
    coredumps.forbid()
    os.umask(0o077)  # what a fleet writes, logs of the bus included, is nobody else's to read
    try:
        app()
    except known_errors() as error:
        # A key that was pasted into a settings file ends in an error's words, and these in a log.
        print(f"trifleet: {scrub(str(error))}", file=sys.stderr)
        sys.exit(getattr(error, "exit_status", 1))
    except OSError as error:
        if error.filename is None:
            raise
        print(f"trifleet: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
