"""What the command line tells its user: each says what happened and what to do next."""


class TrifleetError(Exception):
    """Root of the errors that end a command with one clear line."""

    exit_status = 1


class UsageError(TrifleetError):
    """What was asked for cannot be done as it was asked: nothing was checked."""

    exit_status = 2


class ReceiptError(TrifleetError):
    """A receipt that does not hold."""


class InstallationError(TrifleetError):
    """The data folder is not usable as it is."""


class ChildError(TrifleetError):
    """A program of the stack did not start or kept ending."""


class ClientError(TrifleetError):
    """The API, or the vehicle behind it, did not do what was asked."""


class KeypadError(TrifleetError):
    """Nobody can type on the simulated vehicle."""


class PortError(TrifleetError):
    """The port that was asked for is taken."""


class BackupError(TrifleetError):
    """A back-up cannot be made or restored as asked."""


class PostgresError(TrifleetError):
    """The embedded PostgreSQL cannot be made, started or asked."""


class PrivacyError(TrifleetError):
    """A rider's data cannot be erased or exported as asked."""


class FederationError(TrifleetError):
    """Owners who are to witness each other did not, or one of them signed two histories."""
