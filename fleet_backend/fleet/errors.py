"""The errors of this package, split by who is at fault."""


class FleetError(Exception):
    """Root of everything that this package raises on purpose."""


class RequestError(FleetError):
    """They asked for what is not there or not possible; `name` is stable."""

    name = "request"


class UnknownError(RequestError):
    """No such vehicle, gateway, grant, command or statement."""

    name = "unknown"


class ExistsError(RequestError):
    """The name is taken by another one."""

    name = "exists"


class RepeatedKeyError(RequestError):
    """Two vehicles or two gateways with one key: neither could be told from the other."""

    name = "repeated-key"


class ValueRefusedError(RequestError):
    """A value that the table cannot hold: a key of the wrong size, say."""

    name = "value"


class LifecycleError(RequestError):
    """The table of states has no such step."""

    name = "lifecycle"

    def __init__(self, noun: str, state: str, event: str) -> None:
        super().__init__(f"{noun}: no step from {state!r} by {event!r}")
        self.state = state
        self.event = event


class NotLoggedError(RequestError):
    """The statement has no place in the published ledger yet."""

    name = "not-logged-yet"


class ErasedError(RequestError):
    """The body was erased: what the statement committed to can no longer be shown."""

    name = "erased"


class OperationError(FleetError):
    """This installation cannot go on."""


class DatabaseError(OperationError):
    """The database cannot be opened, or is not one of ours."""


class DatabaseRefusedError(DatabaseError):
    """The engine did not do what it was asked: locked, full, not allowed, not there."""


class DatabaseLostError(DatabaseRefusedError):
    """The server went away, or does not answer: what was under way may be committed or not.

    Worth waiting for: the same may be asked again, of it or of the standby that takes its place.
    """


class UpgradeError(DatabaseError):
    """An older database could not be brought up, and is as it was."""


class SchemaVersionError(DatabaseError):
    """A newer program has written this database: refuse to touch it."""


class SettingsError(OperationError):
    """A file of settings, or the secret that it names, that cannot be used: which, and why."""


class KeyFileError(OperationError):
    """A key file that is missing, readable by others, or not the key that is wanted."""
