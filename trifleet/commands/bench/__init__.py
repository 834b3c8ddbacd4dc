"""`trifleet bench`: what a mechanic does with a board, one file a command."""

import typer

from trifleet.commands.bench import exits

app = typer.Typer(
    no_args_is_help=True,
    help="The mechanic's commands: flash, provision, test and repair a board over its cable. "
    "Without hardware: --sim. Exit codes: workbench/README.md.",
)


@app.callback()
def group() -> None:
    """The mechanic's commands. Start with `trifleet bench commission --sim`."""


app.command("exits")(exits.exits)
