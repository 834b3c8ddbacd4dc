"""What goes with a vehicle: its label, and the work order that the notary signs.

A work order is signed without network, also when the work failed; `trifleet bench send` brings it
to the ledger.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from protocol import statement, workorder
from protocol.errors import DecodeError
from protocol.workorder import WorkOrder
from trifleet.commissioning.commission import Commissioned, Job
from trifleet.commissioning.errors import SheetError
from trifleet.commissioning.sheet import Sheet
from trifleet.layout import make_folder
from trifleet.notary.notary import open_notary
from workbench.events import Failure, Step
from workbench.label.files import ENDINGS, write
from workbench.label.label import Label


@dataclass(frozen=True)
class Papers:
    """`notary` is its folder, None where nothing is signed; `url` is of the riders' server."""

    notary: Path | None
    url: str

    def check(self, sheets: Sequence[Sheet]) -> None:
        """Before any work begins. Raises NotaryError, SheetError and LabelError."""
        for sheet in sheets:
            if self.notary is not None:
                check_mechanic(sheet)
            if address := self._address():
                Label(sheet.vehicle, address)

    def finish(self, job: Job, done: Commissioned, mechanic: str, failure: Failure | None) -> None:
        """A label for a vehicle that is done; a work order for every board that was looked at."""
        address = self._address()
        if done.is_done and address:
            done.labels = [str(path) for path in make_labels(done.vehicle, address, job.folder)]
            job.sink(Step("label", ", ".join(done.labels)))
        elif done.is_done:
            job.sink(Step("label", "none: say the riders' server with --url"))
        if self.notary is not None and done.board is not None:
            outcome = failure.exit if failure else 0
            done.work_order = sign_work_order(self.notary, mechanic, done, outcome)
            job.sink(Step("work order", f"signed as statement {done.work_order}; send it with"
                          " `trifleet bench send`"))  # fmt: skip
        elif done.board is not None:
            job.sink(Step("work order", "none: nobody signs (--sim, or --no-work-order)"))

    def _address(self) -> str:
        if self.url or self.notary is None:
            return self.url
        with open_notary(self.notary) as notary:
            return notary.address


def make_labels(vehicle: str, address: str, folder: Path) -> list[Path]:
    """The same label as a picture, for an office printer and for a label printer. Raises
    LabelError."""
    label = Label(vehicle, address)
    paths = [make_folder(folder) / f"{vehicle}{ending}" for ending in ENDINGS]
    for path in paths:
        write(path, label)
    return paths


def check_mechanic(sheet: Sheet) -> None:
    """Raises SheetError."""
    try:
        workorder.line(sheet.mechanic, "mechanic", workorder.MAX_NAME)
    except DecodeError as error:
        raise SheetError(
            f"{sheet.vehicle}: a work order needs --mechanic, one line of up to "
            f"{workorder.MAX_NAME} letters; without one: --no-work-order"
        ) from error


def sign_work_order(folder: Path, mechanic: str, done: Commissioned, outcome: int) -> int:
    """On return it is durable; the number of the statement. Raises NotaryError."""
    with open_notary(folder) as notary:
        order = work_order(mechanic, done, outcome, int(time.time()))
        return notary.append(statement.WORK_ORDER, workorder.encode(order))


def work_order(mechanic: str, done: Commissioned, outcome: int, ended: int) -> WorkOrder:
    """`done.board` must be known: who did nothing to any board signs nothing."""
    board, made, test = done.board, done.made, done.test
    if board is None:
        raise SheetError(f"{done.vehicle}: no board was looked at")
    files = sorted((path, bytes.fromhex(digest)) for path, digest in done.files.items())
    steps = test.steps if test else ()
    return WorkOrder(
        mechanic=mechanic,
        vehicle=done.vehicle,
        board=board.board or "unknown",
        unique_id=board.interpreter.unique_id,
        began=done.begin,
        ended=ended,
        interpreter=".".join(map(str, board.interpreter.version)),
        files=files,
        configuration=made.config_sha256 if made else b"",
        identity=made.fingerprint if made else b"",
        tests=[
            workorder.Step(one.number, one.name, one.result, one.value, one.unit) for one in steps
        ],
        outcome=outcome,
    )
