"""`trifleet bench flash`, `verify` and `rollback`: the application on the board."""

from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands.bench.options import AsJson, DryRun, Options, Port, Sim, SimFolder
from trifleet.commands.bench.session import Session, at_bench
from trifleet.commands.bench.sheet_options import ReleaseKey, Threshold
from trifleet.commands.bench.source import (
    Checkout,
    Notary,
    Policy,
    Release,
    ReplaceRelease,
    Wanted,
    wanted,
)

if TYPE_CHECKING:
    from workbench.flash import FlashProgress

BoardName = Annotated[
    str, typer.Option("--board", help="A folder of boards/; any other board is refused.")
]


def flash(
    release: Release = None,
    checkout: Checkout = False,
    board: BoardName = "",
    release_key: ReleaseKey = None,
    release_threshold: Threshold = 2,
    policy: Policy = None,
    notary: Notary = None,
    replace_release: ReplaceRelease = False,
    port: Port = None,
    sim: Sim = False,
    sim_folder: SimFolder = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put a release on a board and see it run. What is there already is not written again.

    A release needs enough signatures by the board's release keys, and its receipt beside it.
    """
    options = Options(port, as_json, dry_run, sim, sim_folder)
    with at_bench("flash", options) as session:
        asked = wanted(session, release, checkout, policy, notary, replace_release)
        asked.believe(release_key or [], release_threshold)
        if board:
            _check_board(session, board)
        if dry_run:
            _preview(session, asked)
        else:
            _flash(session, asked)


def verify(
    release: Release = None,
    checkout: Checkout = False,
    policy: Policy = None,
    notary: Notary = None,
    port: Port = None,
    sim: Sim = False,
    sim_folder: SimFolder = None,
    as_json: AsJson = False,
) -> None:
    """Compare what the board holds with what it should, by hashes. Writes nothing."""
    from workbench.errors import VerifyError
    from workbench.looking import looking
    from workbench.plan import plan_flash

    options = Options(port, as_json, sim=sim, sim_folder=sim_folder)
    with at_bench("verify", options) as session:
        source = wanted(session, release, checkout, policy, notary).source()
        with looking(session.port()) as bench:
            plan = plan_flash(bench, source)
        session.values |= {"same": list(plan.keep), "different": list(plan.write)}
        if plan.write:
            raise VerifyError(f"not what it should be: {', '.join(plan.write)}")
        session.say("verified", ", ".join(plan.keep))


def rollback(
    port: Port = None, sim: Sim = False, sim_folder: SimFolder = None, as_json: AsJson = False
) -> None:
    """Go back to the application in the other slot, and see it run."""
    from workbench.rollback import rollback as go_back

    options = Options(port, as_json, sim=sim, sim_folder=sim_folder)
    with at_bench("rollback", options) as session:
        found = go_back(session.port())
        session.values |= {"sequence": found.sequence, "sha256": found.body.hex()}
        session.say("runs", f"the application before, number {found.sequence} on this board")


def _check_board(session: Session, board: str) -> None:
    """Before anything is written. Raises WrongBoardError."""
    from workbench.identify import check_board
    from workbench.looking import looking

    with looking(session.port()) as bench:
        check_board(bench, board)


def _flash(session: Session, asked: Wanted) -> None:
    from workbench.events import Progress
    from workbench.flash import flash_application
    from workbench.looking import looking

    def progress(seen: "FlashProgress") -> None:
        session.sink(Progress("application", seen.bytes_done, seen.bytes_total))

    with looking(session.port()) as bench:
        asked.check(bench)
    source = asked.source()
    done = flash_application(session.port(), source.files, progress=progress, image=source.image)
    session.values |= {
        "release": source.digest.hex() or None,
        "written": list(done.written),
        "skipped": list(done.skipped),
        "removed": list(done.removed),
        "bytes": done.bytes_written,
    }
    session.say("flashed", ", ".join(done.written) or "nothing to do: it was there")
    session.say("runs", "read back from the application itself after its start")


def _preview(session: Session, asked: Wanted) -> None:
    from workbench.looking import looking
    from workbench.plan import plan_flash

    source = asked.source()
    with looking(session.port()) as bench:
        asked.check(bench)
        plan = plan_flash(bench, source)
    session.values |= {
        "write": list(plan.write),
        "keep": list(plan.keep),
        "bytes": plan.bytes_to_write,
    }
    session.say("would write", ", ".join(plan.write) or "nothing: it is there")
