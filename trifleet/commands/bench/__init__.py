"""`trifleet bench`: what a mechanic does with a board, one file a command."""

import typer

from trifleet.commands.bench import (
    application,
    commission,
    devices,
    diagnose,
    exits,
    label,
    provision,
    report,
    selftest,
)

app = typer.Typer(
    no_args_is_help=True,
    help="The mechanic's commands: flash, provision, test and repair a board over its cable. "
    "Without hardware: --sim. Exit codes: workbench/README.md.",
)


@app.callback()
def group() -> None:
    """The mechanic's commands. Start with `trifleet bench commission --sim`."""


app.command("devices")(devices.devices)
app.command("identify")(devices.identify)
app.command("flash")(application.flash)
app.command("rollback")(application.rollback)
app.command("verify")(application.verify)
app.command("provision")(provision.provision)
app.command("selftest")(selftest.selftest)
app.command("diagnose")(diagnose.diagnose)
app.command("logs")(diagnose.logs)
app.command("commission")(commission.commission)
app.command("label")(label.label)
app.command("report")(report.report)
app.command("send")(report.send)
app.command("exits")(exits.exits)
