"""`trifleet bench commission`: everything, in order, for one board or for the boards of a day."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands.bench.application import BoardName
from trifleet.commands.bench.options import AsJson, DryRun, Options, Port, Sim, SimFolder, Yes
from trifleet.commands.bench.paper import Notary, notary_folder, sign
from trifleet.commands.bench.selftest import InVehicle, check_clear, fitted, panel_seen
from trifleet.commands.bench.session import STOPPED, Session, as_failure, at_bench
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
from trifleet.commands.bench.source import (
    Checkout,
    Policy,
    Release,
    ReplaceRelease,
    Wanted,
    wanted,
)
from trifleet.commissioning.errors import BatchError

if TYPE_CHECKING:
    from trifleet.commissioning.commission import Job
    from trifleet.commissioning.sheet import Sheet
    from workbench.bench import Bench
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
Url = Annotated[
    str, typer.Option(help="Of the riders' server, for the label; else that of the notary.")
]


def commission(
    release: Release = None,
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
    policy: Policy = None,
    replace_release: ReplaceRelease = False,
    notary: Notary = None,
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
        asked = wanted(session, release, checkout, policy, notary, replace_release)
        job = _job(session, asked, owner_key, in_vehicle, out, replace)
        job.notary, job.address = notary_folder(session, notary, sheets), url
        if not dry_run:
            check_clear(session)
        _all(session, sheets, job)


def _job(
    session: Session,
    asked: Wanted,
    owner_key: Path | None,
    in_vehicle: bool,
    out: Path,
    replace: bool,
) -> "Job":
    from fleet_backend.fleet import keys
    from trifleet.commissioning.commission import Job
    from trifleet.commissioning.releases import Believed

    key = keys.load_rsa(owner_key) if owner_key else None
    if session.options.sim and key is None:
        key = session.sim_owner()

    def check(bench: "Bench", sheet: "Sheet") -> None:
        asked.believed = Believed(sheet.release_keys, sheet.release_threshold)
        asked.check(bench)

    return Job(
        asked.source,
        check,
        session.sink,
        out,
        fitted=fitted(in_vehicle),
        panel_seen=panel_seen(session),
        owner_key=key,
        replace=replace,
    )


def _all(session: Session, sheets: "list[Sheet]", job: "Job") -> None:
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
        result, failure = _one(session, sheet, job, name)
        results.append(result)
        if failure is not None:
            failures.append(failure)
            session.say("FAILED", f"{sheet.vehicle}: {failure.what}: {failure.why}")
        if failure is STOPPED:
            break
    if failures:
        raise BatchError(failures, len(sheets))


def _one(
    session: Session, sheet: "Sheet", job: "Job", name: str
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
        sign(session, sheet, job, done, failure)
        keep_result(job.folder, done, failure)
    return result_of(done, failure), failure


def _ask_for_board(session: Session, sheet: "Sheet") -> None:
    """Which board is which vehicle only the mechanic knows. Raises UsageError."""
    from trifleet.errors import UsageError

    if session.options.sim or sheet.port:
        return
    if session.options.yes:
        raise UsageError(f"{sheet.vehicle} has no `port`, and with --yes nobody can change boards")
    if not session.confirm(f"Is the board for {sheet.vehicle} plugged in?"):
        raise UsageError(f"{sheet.vehicle}: no board; run the same command again")
