"""Puts the meters to those who are measured."""

from prometheus_client import CollectorRegistry

from fleet_backend.ingest.adapter import Adapter
from fleet_backend.ingest.meters import IngestMeters, LedgerMeters
from fleet_backend.ingest.sequencer import Sequencer


def measure_log(sequencer: Sequencer, registry: CollectorRegistry) -> LedgerMeters:
    """Meters of the log's writer, in this registry from now on."""
    meters = sequencer.meters = LedgerMeters(registry)
    writer = sequencer.writer

    def published() -> int:
        seen = writer.published
        return 0 if seen is None else seen.size

    meters.watch_sizes(lambda: writer.size, published)
    return meters


def watch_queue(meters: IngestMeters, adapter: Adapter) -> None:
    """How many messages were received and wait, where the adapter can tell."""
    waiting = getattr(adapter, "waiting", None)
    if callable(waiting):
        meters.watch_queue(waiting)
