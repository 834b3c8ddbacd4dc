"""What the ingest and the writer of the log measure of themselves. Totals, nothing about anyone.

What has to survive a restart is counted in the database and shown by the API; these begin at 0.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from fleet_backend.ingest.outcome import Outcome
from protocol import ack

# A batch of one on an idle machine, to a batch of thousands while the disk stalls.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_MESSAGES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
VERDICTS = ("accepted", "duplicate", "refused")


# protocol.statement: what set the gateway's clock.
_CLOCKS = ("unset", "held-over", "network", "gnss")
UNKNOWN_CLOCK = "not-said"


def clock_name(clock: int | None) -> str:
    """Of a statement's clock; a statement of version 1 does not say."""
    return UNKNOWN_CLOCK if clock is None else _CLOCKS[clock]


class IngestMeters:
    """Of one worker. Cheap: a few numbers a batch, none a message."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        to = self.registry = registry or CollectorRegistry(auto_describe=True)
        self._messages = Histogram(
            "trifleet_ingest_batch_messages", "Messages of a batch", buckets=_MESSAGES, registry=to
        )
        self._batch = _seconds(to, "trifleet_ingest_batch_seconds", "A batch, judged to committed")
        self._judge = _seconds(to, "trifleet_ingest_judge_seconds", "Decoding and judging a batch")
        self._signatures = _seconds(
            to, "trifleet_ingest_signature_check_seconds", "Signature checks of a batch"
        )
        self._commit = _seconds(
            to, "trifleet_ingest_commit_seconds", "Transaction of a batch, its turn included"
        )
        self._statements = Counter(
            "trifleet_ingest_statements", "By verdict", ["verdict"], registry=to
        )
        self._refused = Counter("trifleet_ingest_refused", "By reason", ["reason"], registry=to)
        self._future = Counter(
            "trifleet_ingest_statements_future", "From a clock ahead of ours", registry=to
        )
        self._clocks = Counter(
            "trifleet_ingest_statements_clock", "By what set the clock", ["clock"], registry=to
        )
        self._samples = Counter("trifleet_ingest_samples", "Telemetry samples", registry=to)
        self._records = Counter("trifleet_ingest_records", "Other records", registry=to)
        self._failures = Counter(
            "trifleet_ingest_batch_failures", "Batches that did not go through", registry=to
        )
        self._acknowledged = Gauge(
            "trifleet_ingest_last_acknowledged_timestamp_seconds",
            "When a gateway was last told that its statements are stored",
            registry=to,
        )
        self._released = Counter(
            "trifleet_ingest_statements_acknowledged",
            "That gateways were told they may forget",
            registry=to,
        )
        self._queue = Gauge(
            "trifleet_ingest_queue_messages", "Received, and waiting for the worker", registry=to
        )
        for verdict in VERDICTS:
            self._statements.labels(verdict)
        for clock in (*_CLOCKS, UNKNOWN_CLOCK):
            self._clocks.labels(clock)

    def watch_queue(self, waiting: Callable[[], int]) -> None:
        """Where to look how many wait, at each scrape."""
        self._queue.set_function(waiting)

    @contextmanager
    def batch(self, messages: int) -> Iterator[None]:
        """From the first look at a batch to its commit; one that fails is counted apart."""
        begun = time.perf_counter()
        try:
            yield
        except BaseException:
            self._failures.inc()
            raise
        self._batch.observe(time.perf_counter() - begun)
        self._messages.observe(messages)

    def judging(self) -> "_Timer":
        return _Timer(self._judge)

    def committing(self) -> "_Timer":
        return _Timer(self._commit)

    def checking_signatures(self) -> "_Timer":
        return _Timer(self._signatures)

    def committed(self, outcome: Outcome) -> None:
        """What a batch came to."""
        accepted = outcome.accepted
        self._statements.labels("accepted").inc(len(accepted))
        self._statements.labels("duplicate").inc(len(outcome.duplicates))
        refused = [one.reason for _, one in outcome.refused]
        self._statements.labels("refused").inc(len(refused))
        for reason in refused:
            self._refused.labels(reason).inc()
        self._future.inc(sum(one.future for one in accepted))
        for one in accepted:
            self._clocks.labels(clock_name(getattr(one, "clock", None))).inc()
        self._samples.inc(sum(len(one.samples) for one in accepted))
        self._records.inc(sum(len(one.records) for one in accepted))

    def acknowledged(self, told: Sequence[ack.Ack]) -> None:
        """These were handed to the broker."""
        ranges = [one for each in told for one in (*each.accepted, *each.refused)]
        self._released.inc(sum(last - first + 1 for first, last in ranges))
        self._acknowledged.set_to_current_time()


class LedgerMeters:
    """Of the log's writer and publisher."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        to = self.registry = registry or CollectorRegistry(auto_describe=True)
        self._append = _seconds(
            to, "trifleet_ledger_append_seconds", "Batch into tiles, signed and durable"
        )
        self._entries = Counter("trifleet_ledger_appended_entries", "Entries added", registry=to)
        self._round = Histogram(
            "trifleet_ledger_cosign_seconds",
            "A round of asking witnesses",
            ["result"],
            buckets=_SECONDS,
            registry=to,
        )
        self._signed = Gauge("trifleet_ledger_signed_size_entries", "Tree signed", registry=to)
        self._published = Gauge(
            "trifleet_ledger_published_size_entries", "Tree that readers see", registry=to
        )
        self._held_back = Gauge(
            "trifleet_ledger_held_back_entries", "Signed, waiting for witnesses", registry=to
        )

    @contextmanager
    def append(self, entries: int) -> Iterator[None]:
        """One batch; one that fails ends the writer, which the log tells."""
        begun = time.perf_counter()
        yield
        self._append.observe(time.perf_counter() - begun)
        self._entries.inc(entries)

    def cosigned(self, seconds: float, met: bool) -> None:
        """A round of asking the witnesses has ended."""
        self._round.labels("met" if met else "not-met").observe(seconds)

    def watch_sizes(self, signed: Callable[[], int], published: Callable[[], int]) -> None:
        """Where to look how large the trees are, at each scrape."""
        self._signed.set_function(signed)
        self._published.set_function(published)
        self._held_back.set_function(lambda: signed() - published())


class _Timer:
    """Adds how long its block took, whether it ended well or not."""

    def __init__(self, to: Histogram) -> None:
        self._to = to
        self._begun = 0.0

    def __enter__(self) -> None:
        self._begun = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._to.observe(time.perf_counter() - self._begun)


def _seconds(registry: CollectorRegistry, name: str, text: str) -> Histogram:
    return Histogram(name, text, buckets=_SECONDS, registry=registry)
