"""The paper of a vehicle: its work order, signed by the workshop's notary, and its label."""

import time
from pathlib import Path

from protocol import statement, workorder
from protocol.workorder import Step, WorkOrder
from trifleet.commissioning.commission import Commissioned, Job
from trifleet.commissioning.errors import SheetError
from trifleet.commissioning.sheet import Sheet
from trifleet.notary.notary import open_notary
from workbench.label.files import ENDINGS, write
from workbench.label.label import Label


def check_mechanic(sheet: Sheet) -> None:
    """Before the work begins. Raises SheetError."""
    if not sheet.mechanic.strip():
        raise SheetError(
            f"{sheet.vehicle}: the work order names who does the work: say it with --mechanic"
        )


def work_order_of(done: Commissioned, mechanic: str, outcome: int, now: int) -> WorkOrder | None:
    """What was done to a board; None where nothing was written and it did not get to the end."""
    made, board = done.made, done.board
    touched = (done.flashed and done.flashed.written) or (made and made.written)
    if board is None or not (touched or done.is_done):
        return None
    steps = done.test.steps if done.test else ()
    return WorkOrder(
        mechanic,
        done.vehicle,
        board.board,
        board.interpreter.unique_id[:32],
        done.begin,
        max(now, done.begin),
        str(board.interpreter)[: workorder.MAX_VERSION],
        done.release,
        sorted((path, bytes.fromhex(digest)) for path, digest in done.files.items()),
        made.config_sha256 if made else b"",
        made.fingerprint if made else b"",
        [Step(one.number, one.name, one.result, one.value, one.unit or "") for one in steps],
        outcome,
    )


def sign_work_order(folder: Path, done: Commissioned, mechanic: str, outcome: int) -> int | None:
    """The number of the statement, which waits for the network; None where there is nothing to
    sign. Raises NotaryError, GatewayError."""
    order = work_order_of(done, mechanic, outcome, int(time.time()))
    if order is None:
        return None
    with open_notary(folder) as notary:
        return notary.append(statement.WORK_ORDER, workorder.encode(order))


def write_labels(job: Job, vehicle: str) -> list[Path]:
    """The same label as a picture, for an office printer and for a label printer; none where
    nobody names the riders' server. Raises LabelError, NotaryError."""
    address = job.address
    if not address and job.notary is not None:
        with open_notary(job.notary) as notary:
            address = notary.address
    if not address:
        return []
    label = Label(vehicle, address)
    paths = [job.folder / f"{vehicle}{ending}" for ending in ENDINGS]
    for path in paths:
        write(path, label)
    return paths
