"""The errors of updates. Each carries the code that the backend is told."""

from edge_gateway.errors import GatewayError
from protocol import delivery


class UpdateError(GatewayError):
    """An update goes no further now. `code` is of protocol/delivery.py or the vehicle's own."""

    code = delivery.NO_LINK

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        if code is not None:
            self.code = code


class FetchError(UpdateError):
    """No piece came for too long, or the file is not there. Asked again later."""

    code = delivery.NO_LINK


class UntrustedError(UpdateError):
    """What came does not hold: a signature, a number that went back, a hash, an end of validity."""

    code = delivery.NOT_TRUSTED


class NotLoggedError(UpdateError):
    """No receipt proves that the release is in the ledger."""

    code = delivery.NOT_LOGGED


class VehicleError(UpdateError):
    """The vehicle refused, or did not answer."""


class WaitError(UpdateError):
    """Nothing is wrong, and this is not the moment: the vehicle moves, is unlocked, is low."""
