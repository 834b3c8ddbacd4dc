"""`trifleet bench commission`: everything, in order, for one board or for the boards of a day."""

import functools
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands.bench.application import (
    BoardName,
    Checkout,
    application_files,
    check_source,
)
from trifleet.commands.bench.label import DEFAULT_NOTARY
from trifleet.commands.bench.options import AsJson, DryRun, Options, Port, Sim, SimFolder, Yes
from trifleet.commands.bench.selftest import InVehicle, check_clear, fitted, panel_seen
from trifleet.commands.bench.session import Session, as_failure, at_bench
from trifleet.commands.bench.sheet_options import (
    DEFAULT_CONFIGURATION,
    DEFAULT_OUT,
    Configuration,
    KeyFile,
    Out,
    Owner,
    ReleaseKey,
    Replace,
    Threshold,
    Vehicle,
    sheet_of,
)
from trifleet.commissioning.errors import BatchError

if TYPE_CHECKING:
    from trifleet.commissioning.commission import Job
    from trifleet.commissioning.paperwork import Papers
    from trifleet.commissioning.sheet import Sheet
    from workbench.events import Failure

Batch = Annotated[
    Path | None,
    typer.Option(help="TOML file with the vehicles of a day: docs/mechanic.md."),
]
OwnerKey = Annotated[
    Path | None,
    typer.Option(help="The owner's private key, where it is yours: unlocks once, and locks again."),
]
Mechanic = Annotated[str, typer.Option(help="Who does the work, as it stands in the work order.")]
Notary = Annotated[
    Path, typer.Option("--notary", help="Folder of the notary that signs (`trifleet notary`).")
]
WorkOrder = Annotated[
    bool, typer.Option("--work-order/--no-work-order", help="Sign what was done; not with --sim.")
]
Url = Annotated[
    str, typer.Option(help="Of the riders' server, for the label; else that of the notary.")
]


def commission(
    vehicle: Vehicle = "",
    owner: Owner = "",
    configuration: Configuration = DEFAULT_CONFIGURATION,
    batch: Batch = None,
    checkout: Checkout = False,
    board: BoardName = "",
    key_file: KeyFile = None,
    release_key: ReleaseKey = None,
    release_threshold: Threshold = 2,
    owner_key: OwnerKey = None,
    mechanic: Mechanic = "",
    notary: Notary = DEFAULT_NOTARY,
    work_order: WorkOrder = True,
    url: Url = "",
    in_vehicle: InVehicle = False,
    out: Out = DEFAULT_OUT,
    replace: Replace = False,
    port: Port = None,
    sim: Sim = False,
    sim_folder: SimFolder = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """From a bare board to the first unlock: interpreter, application, vehicle, self-test, label,
    work order. Run again, it goes on where it stopped. Try it with --sim.
    """
    from trifleet.commissioning.paperwork import Papers
    from trifleet.commissioning.sheet import read_batch

    options = Options(port, as_json, dry_run, sim, sim_folder, yes)
    with at_bench("commission", options) as session:
        if batch is not None:
            sheets = read_batch(batch)
        else:
            sheets = [
                sheet_of(
                    session,
                    vehicle,
                    owner,
                    configuration,
                    board=board,
                    key_file=key_file,
                    release_keys=release_key,
                    threshold=release_threshold,
                    mechanic=mechanic,
                )
            ]
        job = _job(session, checkout, owner_key, in_vehicle, out, replace)
        papers = Papers(_notary(session, notary, work_order), url)
        if not dry_run:
            papers.check(sheets)
            check_clear(session)
        _all(session, sheets, job, papers)


def _job(
    session: Session,
    checkout: bool,
    owner_key: Path | None,
    in_vehicle: bool,
    out: Path,
    replace: bool,
) -> "Job":
    from fleet_backend.fleet import keys
    from trifleet.commissioning.commission import Job

    key = keys.load_rsa(owner_key) if owner_key else None
    if session.options.sim and key is None:
        key = session.sim_owner()
    check_source(session, checkout)
    return Job(
        functools.cache(lambda: application_files(session)),
        session.sink,
        out,
        fitted=fitted(in_vehicle),
        panel_seen=panel_seen(session),
        owner_key=key,
        replace=replace,
    )


def _all(session: Session, sheets: "list[Sheet]", job: "Job", papers: "Papers") -> None:
    """One after another; what one of them fails of keeps no other from its turn."""
    results: list[dict[str, object]] = []
    session.values["vehicles"] = results
    failures: list[Failure] = []
    for at, sheet in enumerate(sheets, 1):
        name = ""
        if len(sheets) > 1:
            name = sheet.vehicle
            session.say("vehicle", f"{at} of {len(sheets)}: {name}")
            _ask_for_board(session, sheet)
        result, failure = _one(session, sheet, job, papers, name)
        results.append(result)
        if failure is not None:
            failures.append(failure)
            session.say("FAILED", f"{sheet.vehicle}: {failure.what}: {failure.why}")
    if failures:
        raise BatchError(failures, len(sheets))


def _one(
    session: Session, sheet: "Sheet", job: "Job", papers: "Papers", name: str
) -> "tuple[dict[str, object], Failure | None]":
    from trifleet.commissioning.commission import Commissioned, commission, preview
    from trifleet.commissioning.result import keep_result, result_of

    done = Commissioned.begun(sheet.vehicle)
    failure = None
    try:
        with ExitStack() as stack:
            port = session.find_port(sheet.port or session.options.port, stack, name)
            if session.options.dry_run:
                return {"vehicle": sheet.vehicle} | preview(port, sheet, job), None
            commission(port, sheet, job, done)
    except Exception as error:
        failure = as_failure(error)
        if failure is None:
            raise
    if not session.options.dry_run:
        papers.finish(job, done, sheet.mechanic, failure)
        keep_result(job.folder, done, failure)
    return result_of(done, failure), failure


def _notary(session: Session, folder: Path, is_wanted: bool) -> Path | None:
    """A simulated vehicle has no ledger to go to, unless somebody gave it a notary."""
    if session.options.sim and folder == DEFAULT_NOTARY:
        return None
    return folder if is_wanted else None


def _ask_for_board(session: Session, sheet: "Sheet") -> None:
    """Which board is which vehicle only the mechanic knows. Raises UsageError."""
    from trifleet.errors import UsageError

    if session.options.sim or sheet.port:
        return
    if session.options.yes:
        raise UsageError(f"{sheet.vehicle} has no `port`, and with --yes nobody can change boards")
    if not session.confirm(f"Is the board for {sheet.vehicle} plugged in?"):
        raise UsageError(f"{sheet.vehicle}: no board; run the same command again")
