"""The errors of this package."""

from collections.abc import Sequence

import can


class GatewayError(Exception):
    """Root of everything that this package raises."""


class SettingsError(GatewayError):
    """gateway.toml, or a file that it names, is not what it must be: file, key, expectation."""

    def __init__(self, file: object, key: str, expected: str) -> None:
        super().__init__(f"{file}: {key}: {expected}")
        self.file = file
        self.key = key
        self.expected = expected
        # All that is wrong; this error itself speaks of the first.
        self.faults: tuple[SettingsError, ...] = (self,)

    @classmethod
    def of(cls, faults: "Sequence[SettingsError]") -> "SettingsError":
        """One error for several faults."""
        first = faults[0]
        error = cls(first.file, first.key, first.expected)
        error.faults = tuple(faults)
        if len(faults) > 1:
            error.args = (f"{error.args[0]} (and {len(faults) - 1} more: trifleet gateway check)",)
        return error


class CanLostError(GatewayError, can.CanOperationError):
    """The bus cannot be opened, or does not answer any more; worth another try."""


class OutboxError(GatewayError):
    """The outbox does not belong to this gateway, or cannot be read or written."""


class OutboxFullError(OutboxError):
    """No room: nothing of the transaction was stored. Room returns with acknowledgements."""


class ReplacedKeyError(GatewayError):
    """This gateway's key is none any more: what it signs is refused, and trying again is vain."""

    exit_status = 78  # EX_CONFIG; the unit file does not start it again


class CheckpointsError(GatewayError):
    """The memory of the logs cannot be read or written, or is not one."""


class EnrolError(GatewayError):
    """The gateway was not enrolled; the text says why, and never the code."""
