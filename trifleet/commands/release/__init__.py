"""`trifleet release`: releases of the application, one file a group of commands."""

import typer

from trifleet.commands.release import keys, log, make, publish, read, repository, rollout

app = typer.Typer(
    no_args_is_help=True,
    help="Signed releases of the vehicle's application: docs/updates.md.",
)


@app.callback()
def group() -> None:
    """Signed releases of the vehicle's application: docs/updates.md."""


app.command("key")(keys.key)
app.command("trust")(keys.trust)
app.command("build")(make.build)
app.command("sign")(make.sign)
app.command("verify")(read.verify)
app.command("inspect")(read.inspect)
app.command("log")(log.log)
app.command("publish")(publish.publish)
app.add_typer(repository.app, name="repository")
app.add_typer(rollout.app, name="rollout")
