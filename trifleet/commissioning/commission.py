"""One board, from bare to the first unlock, in order. Each step finds out what is there already, so
that the same command goes on after a cut, and a finished vehicle is only looked over.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from trifleet.commissioning import set_up as setting_up
from trifleet.commissioning.first_unlock import FirstUnlock, first_unlock
from trifleet.commissioning.set_up import SetUp
from trifleet.commissioning.sheet import Sheet
from workbench.bench import Bench, on_bench
from workbench.errors import ApplicationError
from workbench.events import Progress, Sink, Step
from workbench.flash import FlashProgress, FlashResult, flash_application
from workbench.identify import Identified, check_board, identify_bench
from workbench.looking import looking
from workbench.plan import plan_flash
from workbench.selftest import SelfTest, test_on
from workbench.source import Source

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

STEPS = ("board", "application", "vehicle", "selftest", "unlock")


@dataclass
class Job:
    """How the work is to be done, whatever the vehicle. `source` makes the application when it
    is first asked for: a board that is refused waits for nothing. `check` says by its own errors
    that it may not be written to a board."""

    source: Callable[[], Source]
    check: Callable[[Bench, Sheet], None]
    sink: Sink
    folder: Path
    fitted: frozenset[str] = frozenset()
    panel_seen: Callable[[], bool] | None = None
    owner_key: "RSAPrivateKey | None" = None
    replace: bool = False
    # Of the notary that signs the work order; without it none is signed.
    notary: Path | None = None
    address: str = ""  # of the riders' server; else that of the notary


@dataclass
class Commissioned:
    """What was found and done; None: it did not come to that."""

    vehicle: str
    begin: int
    board: Identified | None = None
    flashed: FlashResult | None = None
    files: dict[str, str] = field(default_factory=dict)
    made: SetUp | None = None
    test: SelfTest | None = None
    unlock: FirstUnlock | None = None
    labels: list[str] = field(default_factory=list)
    work_order: int | None = None
    release: bytes = b""  # digest; empty for a checkout

    @classmethod
    def begun(cls, vehicle: str) -> "Commissioned":
        """Now."""
        return cls(vehicle, int(time.time()))

    @property
    def is_done(self) -> bool:
        """The vehicle may go to the fleet: the last step comes only after all the others."""
        return self.unlock is not None


def commission(port: str, sheet: Sheet, job: Job, done: Commissioned) -> None:
    """Fills `done` in as it goes, so that what was done before an error is known. Raises the
    errors of the workbench, of hw's configurations and SheetError."""
    setting_up.wanted(sheet, sheet.board or "virtual")  # the sheet's own mistakes come first
    begin = time.monotonic()
    done.board = _look(port, sheet, job)
    _say(job, "board", f"{done.board.board}, {done.board.interpreter}")
    done.flashed = _flash(port, job)
    done.files = {file.path: file.sha256.hex() for file in job.source().files}
    done.release = job.source().digest
    _set_up_and_test(port, sheet, job, done).check()
    done.unlock = first_unlock(port, sheet.vehicle, job.owner_key)
    how = "unlocked and locked again by its owner" if done.unlock.unlocked else "gives a challenge"
    _say(job, "unlock", f"{sheet.vehicle} runs and {how}, {time.monotonic() - begin:.1f} s")


def preview(port: str, sheet: Sheet, job: Job) -> dict[str, object]:
    """What `commission` would write; writes nothing."""
    source = job.source()
    with looking(port) as bench:
        found = identify_bench(bench)
        if sheet.board:
            check_board(bench, sheet.board)
        job.check(bench, sheet)
        plan = plan_flash(bench, source)
        asked = setting_up.wanted(sheet, found.board)
        names = [*plan.write, *setting_up.differences(bench, asked, replace=job.replace)]
    for name in names:
        _say(job, "would write", name)
    _say(job, "would test", "all parts; the bolt would move")
    return {"board": found.board, "write": names, "bytes": plan.bytes_to_write}


def _look(port: str, sheet: Sheet, job: Job) -> Identified:
    """Another board, or another vehicle, is refused before anything is written."""
    with looking(port) as bench:
        found = identify_bench(bench)
        if sheet.board:
            check_board(bench, sheet.board)
        if not found.board:
            raise ApplicationError(f"{port}: {found.interpreter} is none of boards/")
        asked = setting_up.wanted(sheet, found.board)
        setting_up.differences(bench, asked, replace=job.replace)
        job.check(bench, sheet)
    return found


def _flash(port: str, job: Job) -> FlashResult:
    def progress(seen: FlashProgress) -> None:
        job.sink(Progress("application", seen.bytes_done, seen.bytes_total))

    _say(job, "application", "writes what differs, and compares all of it")
    source = job.source()
    result = flash_application(port, source.files, progress=progress, image=source.image)
    _say(job, "application", f"wrote {', '.join(result.written) or 'nothing: it was there'}")
    return result


def _set_up_and_test(port: str, sheet: Sheet, job: Job, done: Commissioned) -> SelfTest:
    asked = setting_up.wanted(sheet, done.board.board if done.board else "")
    with on_bench(port) as bench:
        done.made = setting_up.set_up(bench, asked, replace=job.replace)
        # Before anything else can go wrong: without this file the fleet never knows the vehicle.
        path = setting_up.keep_registration(done.made, job.folder)
        written = ", ".join(done.made.written) or "nothing: it was there"
        _say(job, "vehicle", f"{sheet.vehicle}: wrote {written}; for the fleet: {path}")
        done.test = test_on(bench, fitted=job.fitted, panel_seen=job.panel_seen, sink=job.sink)
    return done.test


def _say(job: Job, name: str, text: str) -> None:
    job.sink(Step(name, text))
