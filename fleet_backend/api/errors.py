"""Errors of the API: one root. `problems.py` alone says what status and words each one gets."""


class ApiError(Exception):
    """Root of what a request can end in; the text is shown to the client."""


class BadValueError(ApiError):
    """A value of the request that is not what it must be; `where` names it."""

    def __init__(self, where: str, detail: str) -> None:
        super().__init__(f"{where}: {detail}")
        self.where = where


class BadMessageError(ApiError):
    """Binary content that the protocol's decoder refused; `reason` and `where` are its words."""

    def __init__(self, reason: str, where: str) -> None:
        super().__init__(f"{reason}: {where}" if where else reason)
        self.reason = reason
        self.where = where


class ProofError(ApiError):
    """A registration whose signature does not show that the client has the key."""


class StaleProofError(ApiError):
    """A registration that was signed too long ago, or in the future."""


class OtherVehicleError(ApiError):
    """A presentation for another vehicle than the address names."""


class NotFoundError(ApiError):
    """No such vehicle, grant, command or file."""


class UnknownRiderError(ApiError):
    """A grant is asked for a rider who is not registered."""


class NoChallengeError(ApiError):
    """The vehicle has no fresh challenge: it is offline or was just used."""


class NotAnsweredError(ApiError):
    """The vehicle has not recorded an answer yet, or the ledger does not hold it yet."""


class UnauthorizedError(ApiError):
    """No operator's token, or a wrong one."""


class MissingKeyError(ApiError):
    """A POST without an Idempotency-Key, or with one that cannot be used."""


class ReusedKeyError(ApiError):
    """An Idempotency-Key that was used for another request."""


class TooLargeError(ApiError):
    """A body over the limit."""


class SlowBodyError(ApiError):
    """A body that does not arrive in time."""


class MediaTypeError(ApiError):
    """A body that does not say that it is what is wanted there."""


class BusyError(ApiError):
    """Too many requests of one client; `retry_s` says when to come back."""

    def __init__(self, retry_s: int) -> None:
        super().__init__(f"try again in {retry_s} s")
        self.retry_s = retry_s


class EnrolmentOverError(ApiError):
    """A request for enrolment that was refused, or whose answer is no longer there."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TooManyStreamsError(ApiError):
    """Every place for a live stream is taken."""
