"""What a finished vehicle is given on paper: its signed work order, and its label."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands.bench.label import DEFAULT_NOTARY
from trifleet.commands.bench.session import Session
from trifleet.commands.common import known_errors
from workbench.exits import Exit

if TYPE_CHECKING:
    from trifleet.commissioning.commission import Commissioned, Job
    from trifleet.commissioning.sheet import Sheet
    from workbench.events import Failure

Notary = Annotated[
    Path | None,
    typer.Option(help="Folder of the notary that signs the work order; else `notary`, if there."),
]


def notary_folder(session: Session, folder: Path | None, sheets: "list[Sheet]") -> Path | None:
    """Where work orders are signed. Raises SheetError where nobody says who does the work."""
    from trifleet.commissioning.paper import check_mechanic

    found = folder or DEFAULT_NOTARY
    if folder is None and (session.options.sim or not found.is_dir()):
        session.say("work order", "none is signed: no --notary, or a simulated vehicle")
        return None
    for sheet in sheets:
        check_mechanic(sheet)
    return found


def sign(
    session: Session, sheet: "Sheet", job: "Job", done: "Commissioned", failure: "Failure | None"
) -> None:
    """Work that ended badly is signed as such; that it could not be signed hides no fault."""
    from trifleet.commissioning.paper import sign_work_order, write_labels

    # Without a failure and not done: stopped from the keyboard.
    outcome = failure.exit if failure else int(Exit.DONE if done.is_done else Exit.INTERRUPTED)
    try:
        if job.notary is not None:
            done.work_order = sign_work_order(job.notary, done, sheet.mechanic, outcome)
        if done.work_order is not None:
            said = f"number {done.work_order}, signed: `trifleet bench send` when online"
            session.say("work order", said)
        if done.is_done and (labels := write_labels(job, sheet.vehicle)):
            done.labels = [str(path) for path in labels]
            session.say("label", ", ".join(done.labels))
    except Exception as error:
        is_known = isinstance(error, (OSError, *known_errors()))
        if not is_known or (done.is_done and failure is None):
            raise
        session.say("work order", f"NOT signed: {error}")
