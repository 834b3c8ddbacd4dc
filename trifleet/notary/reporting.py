"""The report of a work order that a notary signed: its archive, and its own receipt once more."""

from fleet_backend.ledger.errors import LedgerError
from fleet_backend.receipts.opening import open_receipt
from protocol import statement, workorder
from protocol.errors import DecodeError, VerifyError
from trifleet.notary.archive import STATES, Kept
from trifleet.notary.errors import NotaryError, ReceiptFaultError
from trifleet.notary.notary import Notary
from workbench.report.facts import LOGGED, Report


def newest_work_order(notary: Notary, vehicle: str = "") -> int:
    """The number of the last one, of this vehicle where it is named. Raises NotaryError."""
    for one in reversed(notary.kept()):
        if one.kind != statement.WORK_ORDER or one.is_forgotten:
            continue
        if not vehicle or workorder.decode(one.body).vehicle == vehicle:
            return one.seq
    raise NotaryError(
        f"{notary.name} has signed no work order{' of ' + vehicle if vehicle else ''}"
    )


def report_of(notary: Notary, number: int) -> Report:
    """Raises NotaryError for what is no work order, or was forgotten; ReceiptFaultError where the
    receipt that is kept does not hold."""
    one = notary.archive.get(number)
    if one.kind != statement.WORK_ORDER:
        raise NotaryError(f"statement {number} is no work order: see `trifleet notary status`")
    if one.is_forgotten:
        raise NotaryError(f"what statement {number} says was forgotten here")
    order = workorder.decode(one.body)
    if not one.receipt:
        return Report(order, notary.name, number, STATES[one.state])
    origin, index = _proved(notary, one)
    return Report(order, notary.name, number, LOGGED, origin, index)


def _proved(notary: Notary, one: Kept) -> tuple[str, int]:
    try:
        found = open_receipt(one.receipt, notary.policy, notary.public_key)
    except (LedgerError, DecodeError, VerifyError) as error:
        raise ReceiptFaultError(
            f"the receipt of statement {one.seq} is damaged: {error}"
        ) from error
    if found.body != one.body:
        raise ReceiptFaultError(f"the receipt of statement {one.seq} is of something else")
    return found.origin, found.index
