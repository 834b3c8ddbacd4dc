"""The errors of this package. What gateways send never raises: it is judged."""


class IngestError(Exception):
    """Root of everything that this package raises on purpose."""


class BrokerRefusedError(IngestError):
    """The broker does not let us in: another try with the same credential is of no use."""


class LedgerMismatchError(IngestError):
    """Ledger and database tell different stories: add nothing until somebody looked."""


class PublisherError(IngestError):
    """What publishes cosigned checkpoints ended; the program ends with it and starts again."""


class SequencerError(IngestError):
    """The sequencer ended; the program ends with it and recovers when it is started again."""
