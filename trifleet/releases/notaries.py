"""A notary logs a release: the one place where publication meets the notary's folder."""

from pathlib import Path

from protocol import statement
from trifleet.notary.notary import open_notary
from trifleet.notary.sending import send
from trifleet.releases.errors import ReleaseError
from trifleet.releases.publish import LogRelease


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
