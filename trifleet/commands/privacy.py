"""`trifleet privacy`: what is held, for how long; one rider's data out of it, or out to him."""

import json
from pathlib import Path
from typing import Annotated

import typer

from trifleet.commands.common import DEFAULT_DATA, Data, Json, Steps, print_table

app = typer.Typer(no_args_is_help=True, help="What is held about riders; erase it, hand it out.")
Rider = Annotated[
    str, typer.Option("--rider", help="The rider's thumbprint, or a beginning of it that fits one.")
]


@app.command("kinds")
def kinds(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Show which kinds of data are held, where, why and for how long."""
    from fleet_backend.fleet.kinds import KINDS
    from fleet_backend.fleet.retention import lasts
    from trifleet.layout import Layout
    from trifleet.privacy.keeping import retention

    settings = retention(Layout(data.resolve()))
    if as_json:
        print(json.dumps([{**vars(kind), "lasts": lasts(kind, settings)} for kind in KINDS]))
        return
    print_table(
        ("kind", "where", "what", "why", "how long"),
        ((one.name, one.where, one.what, one.why, lasts(one, settings)) for one in KINDS),
    )


@app.command("erase")
def erase(
    rider: Rider,
    data: Data = DEFAULT_DATA,
    even_riding: Annotated[
        bool, typer.Option("--even-riding", help="Also while a ride of his has not ended.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Erase a rider from database, logs, broker and back-ups; the stack may run meanwhile.

    Every proof stays: the ledger holds commitments only. If it is interrupted, do it again.
    """
    from trifleet.layout import Layout
    from trifleet.privacy.erase import erase as run

    steps = Steps(as_json)
    report = run(Layout(data.resolve()), rider, steps.say, even_riding=even_riding)
    for what, number in sorted(report.deleted.items()):
        if number:
            steps.say("deleted", f"{number} {what}")
    if not report.deleted.total():
        steps.say("deleted", f"nothing: nothing was held about {report.rider}")
    for what in report.not_reached:
        steps.say("not reached", what)


@app.command("erase-work-order")
def erase_work_order(
    notary: Annotated[str, typer.Argument(help="Who signed it: its name.", show_default=False)],
    number: Annotated[int, typer.Argument(min=0, help="Of the statement.", show_default=False)],
    data: Data = DEFAULT_DATA,
) -> None:
    """Erase what a work order says, the mechanic's name with it. That there was one stays.

    The workshop forgets its own copy with `trifleet notary forget`.
    """
    from trifleet.layout import Layout
    from trifleet.privacy.work_orders import erase_work_order as run

    report = run(Layout(data.resolve()), notary, number)
    print(f"{notary} {number}: {'erased' if report.is_new else 'was erased before'}")
    for name in report.backups:
        print(f"back-up {name} may hold it: delete it, or erase again after a restore")


@app.command("export")
def export(
    rider: Rider,
    out: Annotated[Path, typer.Option(help="A new folder for the files.")],
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Write everything that is held about a rider: JSON, receipts, and what each file is."""
    from trifleet.layout import Layout
    from trifleet.privacy.subject_access import export as write

    steps = Steps(as_json)
    for name, number in write(Layout(data.resolve()), rider, out).items():
        steps.say("written", f"{number} in {name}")
    steps.say("explained", str(out / "README.txt"))


@app.command("retain")
def retain(data: Data = DEFAULT_DATA, as_json: Json = False) -> None:
    """Delete what is older than it may be, now; the ingest does so once a day."""
    from trifleet.layout import Layout
    from trifleet.privacy.retain import retain as run

    steps = Steps(as_json)
    report = run(Layout(data.resolve()))
    for what, number in sorted(report.deleted.items()):
        steps.say("deleted", f"{number} {what}")
    for name in report.old_backups:
        steps.say("old back-up", f"{name} holds data that is deleted here: delete it")
    steps.say("finished", "the database file was written anew")
