"""Errors of the ledger: one root, split by who is at fault.

`UntrustedDataError` is theirs: bytes that came from elsewhere and do not hold. `OperationError` is
ours: this installation cannot go on, and signs nothing more until somebody looked.
"""


class LedgerError(Exception):
    """Root of everything that this package raises on purpose."""


class UntrustedDataError(LedgerError):
    """What was handed in is malformed, or does not prove what it claims."""


class NoteError(UntrustedDataError):
    """Not a signed note, not a verifier key, or no good signature."""


class CheckpointError(UntrustedDataError):
    """A signed note whose text is not a checkpoint of this log."""


class ProofError(UntrustedDataError):
    """An inclusion or consistency proof, or its file, that does not verify."""


class TileError(UntrustedDataError):
    """A tile path or a tile that is not what the signed root stands for."""


class BundleError(UntrustedDataError):
    """An entry bundle that is malformed, or does not hash to its tile."""


class EntryError(UntrustedDataError):
    """An entry or a batch that the log cannot hold."""


class PolicyError(UntrustedDataError):
    """A policy file that is malformed, not met, or asks for what is not built."""


class RequestError(UntrustedDataError):
    """A request to a witness that is malformed."""


class UnknownLogError(UntrustedDataError):
    """A checkpoint of a log that the witness does not know."""


class LogSignatureError(UntrustedDataError):
    """A checkpoint without a good signature of a key that the witness trusts for the log."""


class OldSizeError(UntrustedDataError):
    """A request that begins at another size than the one that was cosigned last (`size`)."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the checkpoint that was cosigned last has size {size}")
        self.size = size


class EvidenceError(UntrustedDataError):
    """A file that does not show what it should: a log that contradicts itself."""


class WitnessError(UntrustedDataError):
    """A witness that did not cosign, or whose answer is not a cosignature.

    `status` is that of its answer where it refused with one.
    """

    def __init__(self, words: str, status: int | None = None) -> None:
        super().__init__(words)
        self.status = status


class SplitViewError(UntrustedDataError):
    """Two checkpoints of one log, both signed, that do not go together; `known` came first.

    `evidence` is the file that shows it to others; empty where it cannot be shown.
    """

    def __init__(self, words: str, known: bytes, seen: bytes, evidence: bytes = b"") -> None:
        super().__init__(words)
        self.known = known
        self.seen = seen
        self.evidence = evidence


class ForkError(SplitViewError):
    """Two histories: no tree continues both."""


class RollBackError(SplitViewError):
    """A log that shows an older checkpoint than it showed before."""


class MissingError(LedgerError):
    """A file of the log that is not there; every `fetch` raises this for it."""


class OperationError(LedgerError):
    """This installation cannot go on."""


class ConfigError(OperationError):
    """A key, folder or setting that cannot be used."""


class StorageError(OperationError):
    """The disk refused; the writer is of no use until it is opened again."""


class FetchError(OperationError):
    """A log at a URL that cannot be reached, or answers what no log answers: nothing was proved."""


class LogCorruptError(OperationError):
    """Data, write-ahead file and lock database disagree: refuse to sign."""


class LockLostError(OperationError):
    """Another writer has the log, or moved it on: refuse to sign."""


class WriterStoppedError(OperationError):
    """An earlier failure or `close` ended this writer; open the log again."""


class WitnessStoppedError(OperationError):
    """An earlier failure of the disk ended this witness; start it again."""
