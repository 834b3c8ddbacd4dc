"""What a notary tells its user; the exit statuses are those of `trifleet bench exits`."""

from trifleet.errors import TrifleetError
from workbench.errors import NetworkError, UnsignedError


class NotaryError(TrifleetError):
    """The folder, the document or the number is not what it must be."""


class WaitingError(NotaryError, NetworkError):
    """Something still waits for the network, or for the ledger."""

    exit_status = 20


class ReceiptFaultError(NotaryError, UnsignedError):
    """A receipt, or what the backend says of the ledger, does not hold."""

    exit_status = 19
