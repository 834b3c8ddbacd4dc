"""`trifleet ledger`: what the keeper of a log does, and what an outsider does with it."""

import typer

from trifleet.commands.ledger import (
    compare,
    export,
    fsck,
    init,
    mirror,
    policy,
    prove,
    rotate,
    verify,
)

WORDS = (
    "The log: keep one, check one, verify what vehicles and gateways reported.\n\n"
    "Exit status of every command: 0 it holds, 1 it does not hold, 2 it could not be checked "
    "(usage, a file that cannot be read, a log that cannot be reached)."
)
app = typer.Typer(no_args_is_help=True, help=WORDS)


@app.callback(help=WORDS)
def group() -> None:
    """Help of the group."""


for module in (init, prove, verify, fsck, compare, mirror, export, rotate):
    module.add_to(app)
app.add_typer(policy.app, name="policy")
