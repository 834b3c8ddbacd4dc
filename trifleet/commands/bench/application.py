"""`trifleet bench flash`, `verify` and `rollback`: the application on the board."""

from typing import TYPE_CHECKING, Annotated

import typer

from trifleet.commands.bench.options import AsJson, DryRun, Options, Port, Sim, SimFolder
from trifleet.commands.bench.session import Session, at_bench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.application import BoardFile
    from workbench.flash import FlashProgress

Checkout = Annotated[
    bool,
    typer.Option("--checkout", help="The unsigned application of this checkout: for development."),
]
BoardName = Annotated[
    str, typer.Option("--board", help="A folder of boards/; any other board is refused.")
]


def flash(
    checkout: Checkout = False,
    board: BoardName = "",
    port: Port = None,
    sim: Sim = False,
    sim_folder: SimFolder = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put the application on a board and see it run. What is there already is not written again."""
    options = Options(port, as_json, dry_run, sim, sim_folder)
    with at_bench("flash", options) as session:
        check_source(session, checkout)
        if board:
            _check_board(session, board)
        files = application_files(session)
        if dry_run:
            _preview(session, files)
        else:
            _flash(session, files)


def verify(
    checkout: Checkout = False,
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
        check_source(session, checkout)
        files = application_files(session)
        with looking(session.port()) as bench:
            plan = plan_flash(bench, files)
        session.values |= {"same": list(plan.keep), "different": list(plan.write)}
        if plan.write:
            raise VerifyError(f"not what it should be: {', '.join(plan.write)}")
        session.say("verified", ", ".join(plan.keep))


def check_source(session: Session, checkout: bool) -> None:
    """What is not signed must be asked for by its name. Raises UsageError."""
    from trifleet.errors import UsageError

    if not checkout and not session.options.sim:
        raise UsageError("say what to put on the board: --checkout for this checkout's application")


def application_files(session: Session) -> "Sequence[BoardFile]":
    """Of the checkout that this program is from, said loudly."""
    from pathlib import Path

    import workbench
    from workbench.application import collect_application

    session.say("UNSIGNED", "the application of this checkout, signed by nobody: for development")
    return collect_application(Path(workbench.__file__).resolve().parent.parent)


def _check_board(session: Session, board: str) -> None:
    """Before anything is written. Raises WrongBoardError."""
    from workbench.identify import check_board
    from workbench.looking import looking

    with looking(session.port()) as bench:
        check_board(bench, board)


def _flash(session: Session, files: "Sequence[BoardFile]") -> None:
    from workbench.events import Progress
    from workbench.flash import flash_application

    def progress(seen: "FlashProgress") -> None:
        session.sink(Progress("application", seen.bytes_done, seen.bytes_total))

    done = flash_application(session.port(), files, progress=progress)
    session.values |= {
        "written": list(done.written),
        "skipped": list(done.skipped),
        "removed": list(done.removed),
        "bytes": done.bytes_written,
    }
    session.say("flashed", ", ".join(done.written) or "nothing to do: it was there")


def _preview(session: Session, files: "Sequence[BoardFile]") -> None:
    from workbench.looking import looking
    from workbench.plan import plan_flash

    with looking(session.port()) as bench:
        plan = plan_flash(bench, files)
    session.values |= {
        "write": list(plan.write),
        "keep": list(plan.keep),
        "bytes": plan.bytes_to_write,
    }
    session.say("would write", ", ".join(plan.write) or "nothing: it is there")
