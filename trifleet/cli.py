"""The `trifleet` command: puts the subcommands together and turns errors into one clear line."""

import os
import sys

import typer

from trifleet.commands import (
    anchor,
    backend,
    backup,
    board,
    certificates,
    federation,
    gateway,
    keys,
    ledger,
    privacy,
    ride,
    run,
    witness,
)
from trifleet.commands.common import known_errors

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="The open fleet stack for three-wheel electric vehicles.\n\n"
    "Start with `trifleet run` (the whole fleet, simulated, on this machine) or "
    "`trifleet ride` (one ride from the rider's key to the verified receipt).",
)
app.command("run")(run.run)
app.command("ride")(ride.ride)
app.command("federation")(federation.federation)

app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.add_typer(anchor.app, name="anchor")
app.add_typer(backend.app, name="backend")
app.add_typer(board.app, name="board")
app.add_typer(certificates.app, name="certificates")
app.add_typer(gateway.app, name="gateway")
app.add_typer(keys.app, name="keys")
app.add_typer(ledger.app, name="ledger")
app.add_typer(witness.app, name="witness")
app.add_typer(privacy.app, name="privacy")


def main() -> None:
    """Entry point of the `trifleet` script. One line for what went wrong, and exit status 1, or 2
    where the command could not begin.
    """
    os.umask(0o077)  # what a fleet writes, logs of the bus included, is nobody else's to read
    try:
        app()
    except known_errors() as error:
        print(f"trifleet: {error}", file=sys.stderr)
        sys.exit(getattr(error, "exit_status", 1))
    except OSError as error:
        if error.filename is None:
            raise
        print(f"trifleet: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
