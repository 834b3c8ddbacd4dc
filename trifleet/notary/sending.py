"""Both halves of a way to the ledger: what waits goes out, what is logged gets its receipt."""

from dataclasses import dataclass

from trifleet.notary.archive import REFUSED
from trifleet.notary.collection import collect
from trifleet.notary.delivery import deliver
from trifleet.notary.errors import NotaryError, WaitingError
from trifleet.notary.notary import Notary


@dataclass(frozen=True)
class Sent:
    """How many statements the backend took, and how many receipts came."""

    statements: int
    receipts: int


def send(notary: Notary, address: str = "", wait_s: float = 60.0) -> Sent:
    """Raises WaitingError where something still waits: what is done stays done, and the same again
    goes on. NotaryError where the backend refused something."""
    address = address or notary.address
    before = notary.outbox.count()
    left = deliver(notary, wait_s)
    if left:
        brokers = ", ".join(map(str, notary.settings.mqtt.brokers))
        raise WaitingError(f"{left} of {before} statements wait: {brokers} did not take them")
    receipts = collect(notary, address, wait_s) if address else 0
    refused = [one.seq for one in notary.kept() if one.state == REFUSED]
    if refused:
        raise NotaryError(
            f"the backend refused the statements {refused}: its operator sees why; is this notary"
            " still allowed to sign?"
        )
    return Sent(before, receipts)
