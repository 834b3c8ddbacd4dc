"""Negative answers (ISO 14229-1 Annex A.1), as an error that the server turns into one."""

GENERAL_REJECT = 0x10
NO_SERVICE = 0x11
NO_SUBFUNCTION = 0x12
LENGTH = 0x13
BUSY = 0x21
CONDITIONS = 0x22
SEQUENCE = 0x24
RANGE = 0x31
DENIED = 0x33
INVALID_KEY = 0x35
TOO_MANY = 0x36
NOT_ACCEPTED = 0x70
SUSPENDED = 0x71
PROGRAMMING = 0x72
COUNTER = 0x73
PENDING = 0x78
SUBFUNCTION_SESSION = 0x7E
SERVICE_SESSION = 0x7F
MOVING = 0x88
VOLTAGE_LOW = 0x93

# What nobody says to a question for all controllers: another one may know the answer.
QUIET = (NO_SERVICE, NO_SUBFUNCTION, RANGE, SUBFUNCTION_SESSION, SERVICE_SESSION)


class NegativeError(Exception):
    """The request is not served; `code` says why."""

    def __init__(self, code: int) -> None:
        self.code = code


def negative(service: int, code: int) -> bytes:
    return bytes((0x7F, service, code))


def need(right: bool, code: int) -> None:
    """Raises NegativeError unless `right`."""
    if not right:
        raise NegativeError(code)
