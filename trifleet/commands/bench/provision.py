"""`trifleet bench provision`: makes a board a vehicle."""

from typing import TYPE_CHECKING

from trifleet.commands.bench.options import AsJson, DryRun, Options, Port, Sim, SimFolder
from trifleet.commands.bench.session import Session, at_bench
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

if TYPE_CHECKING:
    from trifleet.commissioning.sheet import Sheet


def provision(
    vehicle: Vehicle = "",
    owner: Owner = "",
    configuration: Configuration = DEFAULT_CONFIGURATION,
    key_file: KeyFile = None,
    release_key: ReleaseKey = None,
    release_threshold: Threshold = 2,
    out: Out = DEFAULT_OUT,
    replace: Replace = False,
    port: Port = None,
    sim: Sim = False,
    sim_folder: SimFolder = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write identity, numbers and release keys to a board, set its clock, and keep what the fleet
    has to know of it. A board that is another vehicle is refused.

    The vehicle's own key is drawn here and is nowhere but on the board.
    """
    options = Options(port, as_json, dry_run, sim, sim_folder)
    with at_bench("provision", options) as session:
        sheet = sheet_of(
            session,
            vehicle,
            owner,
            configuration,
            key_file=key_file,
            release_keys=release_key,
            threshold=release_threshold,
        )
        if dry_run:
            _preview(session, sheet, replace)
        else:
            _provision(session, sheet, out, replace)


def _provision(session: Session, sheet: "Sheet", out: Out, replace: bool) -> None:
    from trifleet.commissioning.set_up import keep_registration, set_up, wanted
    from workbench.bench import on_bench
    from workbench.identify import identify_bench

    with on_bench(session.port()) as bench:
        board = identify_bench(bench).board
        made = set_up(bench, wanted(sheet, board), replace=replace)
    path = keep_registration(made, out)
    session.values |= {
        "vehicle": made.vehicle,
        "written": list(made.written),
        "key_fingerprint": made.fingerprint.hex(),
        "config_sha256": made.config_sha256.hex(),
        "registration": str(path),
    }
    session.say("provisioned", ", ".join(made.written) or "nothing to write: it was there")
    session.say("registration", f"{path}, as secret as a private key; bring it to the backend")


def _preview(session: Session, sheet: "Sheet", replace: bool) -> None:
    from trifleet.commissioning.set_up import differences, wanted
    from workbench.identify import identify_bench
    from workbench.looking import looking

    with looking(session.port()) as bench:
        board = identify_bench(bench).board
        files = differences(bench, wanted(sheet, board), replace=replace)
    session.values["write"] = files
    session.say("would write", ", ".join(files) or "nothing: it is there")
