"""Errors of the issuer: one root, named after what cannot be used."""


class IssuerError(Exception):
    """Root of everything that this package raises on purpose."""


class LedgerPolicyError(IssuerError):
    """The policy file does not name the one log that shows what was logged."""


class IssuerKeyError(IssuerError):
    """The statement key is not the one that is registered for this issuer."""


class JournalError(IssuerError):
    """The issuer's journal cannot be used: another issuer holds it, or the disk refused."""


class DelegationError(IssuerError):
    """An owner's delegation that does not reach this issuer; `reason` is shown to who asked."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
