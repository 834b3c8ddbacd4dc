"""What a bench did becomes a signed work order, and what went wrong is signed as that."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from notary_stand import Site

from protocol import statement, workorder
from tests.notary.documents import DIGEST
from trifleet.commands.bench.options import Options
from trifleet.commands.bench.paper import notary_folder, sign
from trifleet.commands.bench.session import Session
from trifleet.commissioning.commission import Commissioned, Job
from trifleet.commissioning.errors import SheetError
from trifleet.commissioning.first_unlock import FirstUnlock
from trifleet.commissioning.paper import work_order_of
from trifleet.commissioning.sheet import Sheet
from trifleet.notary.errors import NotaryError
from trifleet.notary.notary import open_notary
from workbench import selftest
from workbench.events import Event, Failure, Step
from workbench.flash import FlashResult
from workbench.identify import Identified
from workbench.interpreter import Interpreter

SHEET = Sheet("trike-7", DIGEST, "delta-passenger", mechanic="A. [b]Mechanic")
FAULT = Failure(17, "The self-test found a fault", "failed: bolt", "Repair it.")


STEPS = (
    selftest.TestStep(1, "bus", 0, 4, "frames"),
    selftest.TestStep(2, "bolt", 1, 0, ""),
)
PYTHON = Interpreter("micropython", (1, 29, 0), "x", "virtual", bytes(range(12)), 0, 0, True)


def commissioned(*, done: bool = True, written: tuple[str, ...] = ("main.py",)) -> Commissioned:
    """What `commission` fills in."""
    board = Identified("/dev/x", PYTHON, "virtual", "1.0", (), 0)
    return Commissioned(
        "trike-7",
        1_790_000_000,
        board,
        FlashResult(written, (), (), 7),
        {"main.py": DIGEST.hex(), "boot.py": DIGEST.hex()},
        None,
        selftest.SelfTest(STEPS, ("bolt",)),
        FirstUnlock(True, 1.0) if done else None,
    )


def test_it_says_what_was_found_and_can_be_read_back() -> None:
    made = work_order_of(commissioned(), "A. Mechanic", 0, 1_789_999_999)
    assert made is not None
    read = workorder.decode(workorder.encode(made))
    assert (read.vehicle, read.board, read.unique_id) == ("trike-7", "virtual", bytes(range(12)))
    assert [path for path, _ in read.files] == ["boot.py", "main.py"]
    assert [(one.name, one.result, one.value) for one in read.tests] == [
        ("bus", workorder.PASS, 4),
        ("bolt", workorder.FAIL, 0),
    ]
    assert read.ended == read.began  # the clock went back meanwhile
    assert work_order_of(Commissioned.begun("trike-7"), "A", 0, 1) is None
    assert work_order_of(commissioned(done=False, written=()), "A", 12, 1) is None


def _none(*_: object) -> Any:
    raise AssertionError("a work order needs no board")


def bench(folder: Path, said: list[Event]) -> tuple[Session, Job]:
    session = Session(Options(), said.append, ExitStack())
    return session, Job(_none, _none, said.append, folder, notary=folder / "notary")


@pytest.mark.parametrize(
    ("done", "failure", "outcome"), [(True, None, 0), (False, FAULT, 17), (False, None, 18)]
)
def test_what_ended_badly_is_signed_as_that(
    site: Site, tmp_path: Path, done: bool, failure: Failure | None, outcome: int
) -> None:
    site.enrol("https://fleet.example")
    said: list[Event] = []
    session, job = bench(tmp_path, said)
    sign(session, SHEET, job, commissioned(done=done), failure)
    with open_notary(site.folder) as notary:
        (kept,) = notary.kept()
        assert kept.kind == statement.WORK_ORDER
        assert workorder.decode(kept.body).outcome == outcome
    assert (tmp_path / "trike-7.pdf").exists() == done


def test_that_it_could_not_be_signed_hides_no_fault(tmp_path: Path) -> None:
    said: list[Event] = []
    session, job = bench(tmp_path, said)
    sign(session, SHEET, job, commissioned(done=False), FAULT)
    assert any(isinstance(one, Step) and "NOT signed" in one.text for one in said)
    with pytest.raises(NotaryError, match="no notary's folder"):
        sign(session, SHEET, job, commissioned(), None)


def test_a_work_order_names_somebody(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Event] = []
    session, _ = bench(tmp_path, said)
    nobody = Sheet("trike-7", DIGEST, "delta-passenger", mechanic=" ")
    monkeypatch.chdir(tmp_path)
    assert notary_folder(session, None, [nobody]) is None
    site.enrol()
    for folder in (None, site.folder):
        with pytest.raises(SheetError, match="--mechanic"):
            notary_folder(session, folder, [nobody])
    assert notary_folder(session, None, [SHEET]) == Path("notary")
