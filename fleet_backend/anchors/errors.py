"""Errors of the anchors: one root, split by who is at fault.

`UntrustedAnswerError` is theirs: a calendar, a chain's node or a file said what does not hold.
`OperationError` is ours: this installation cannot anchor. None of them concerns the ledger.
"""


class AnchorError(Exception):
    """Root of everything that this package raises on purpose."""


class UntrustedAnswerError(AnchorError):
    """What came from elsewhere is malformed, too large, or not about what was asked."""


class StampError(UntrustedAnswerError):
    """An OpenTimestamps file or a calendar's answer that cannot be used."""


class HeaderError(UntrustedAnswerError):
    """A Bitcoin block header that is malformed, has too little work, or is not there."""


class ChainError(UntrustedAnswerError):
    """A chain's node answered with an error, or with what cannot be."""


class AnchorProofError(UntrustedAnswerError):
    """A proof file that is malformed, or whose anchor is not where it says."""


class UnreachableError(AnchorError):
    """Nobody answered, in time and in full. The next round asks again."""


class OperationError(AnchorError):
    """This installation cannot anchor."""


class SettingsError(OperationError):
    """A settings file or a key that cannot be used."""


class MissingPackageError(OperationError):
    """An optional package is not installed."""


class LedgerChangedError(OperationError):
    """The published checkpoint does not continue what was anchored: nothing more is anchored."""


class StoreError(OperationError):
    """The anchors' own database or folder refused."""
