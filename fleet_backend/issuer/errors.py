"""Errors of the issuer: one root, named after what cannot be used."""


class IssuerError(Exception):
    """Root of everything that this package raises on purpose."""


class SettingsError(IssuerError):
    """A settings file that is malformed: says which file and which field."""


class KeyFileError(IssuerError):
    """A key file that is missing, of the wrong kind, or readable by others."""


class JournalError(IssuerError):
    """The issuer's journal cannot be used: another issuer holds it, or the disk refused."""


class DelegationError(IssuerError):
    """An owner's delegation that does not reach this issuer; `reason` is shown to who asked."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
