"""A notary logs a release: the one place where publication meets the notary's folder."""

from pathlib import Path

from fleet_backend.ledger.errors import LedgerError
from fleet_backend.receipts.logged import Logged, check_logged
from protocol import statement
from protocol.errors import ProtocolError
from trifleet.layout import write_private
from trifleet.notary.notary import open_notary
from trifleet.notary.sending import send
from trifleet.releases.errors import ReleaseError
from trifleet.releases.publish import RECEIPT, LogRelease, read_bundle


def logging_by(folder: Path) -> LogRelease:
    """What gets the receipt of a head by the notary of this folder."""

    def log(head: bytes) -> bytes:
        with open_notary(folder) as notary:
            seq = notary.append(statement.RELEASE, head)
            send(notary)
            receipt = notary.archive.get(seq).receipt
        if not receipt:
            raise ReleaseError("the ledger has the release, and no receipt came: run this again")
        return receipt

    return log


def log_beside(path: Path, folder: Path) -> tuple[Logged, Path]:
    """Log a signed bundle by the notary of this folder; where it stands, and its receipt's file.

    A receipt that lies there already is checked, and kept. Raises ReleaseError, NotaryError.
    """
    bundle = read_bundle(path)
    beside = path.with_name(path.name + RECEIPT)
    is_new = not beside.exists()
    receipt = logging_by(folder)(bundle.head) if is_new else beside.read_bytes()
    with open_notary(folder) as notary:
        policy = notary.policy
    try:
        logged = check_logged(bundle.head, receipt, policy)
    except (ProtocolError, LedgerError) as error:
        raise ReleaseError(
            f"{beside} is no receipt of this release ({error}): remove it, and run this again"
        ) from error
    if is_new:
        write_private(beside, receipt)
    return logged, beside
