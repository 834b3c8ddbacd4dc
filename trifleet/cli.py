"""The `trifleet` command: puts the subcommands together and turns errors into one clear line."""

import os
import sys

import typer

from trifleet.commands import anchor, backend, board, gateway, keys, ledger, ride, run
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
app.command("gateway")(gateway.gateway)
app.add_typer(anchor.app, name="anchor")
app.add_typer(backend.app, name="backend")
app.add_typer(board.app, name="board")
app.add_typer(keys.app, name="keys")
app.add_typer(ledger.app, name="ledger")


def main() -> None:
    """Entry point of the `trifleet` script. Exit status 1 and one line for what went wrong."""
    os.umask(0o077)  # what a fleet writes, logs of the bus included, is nobody else's to read
    try:
        app()
    except known_errors() as error:
        print(f"trifleet: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
