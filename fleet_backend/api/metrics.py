"""/metrics in Prometheus' text format: totals of the whole installation, nothing about anyone.

Counted in the database, so at most once in 5 s however often it is asked for.
"""

import threading
import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from fleet_backend.fleet import census, counters, gaps
from fleet_backend.fleet.records import refusal_name
from fleet_backend.ledger.errors import LedgerError
from protocol import record

from .services import Services

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
KEEP_S = 5.0
VERSION = "0.1.0"


class FleetCollector:
    """Reads the totals when it is asked; a size of the ledger is -1 where there is none to read.

    Where witnesses cosign, what is signed and not published waits for them.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        with self._services.database.read() as connection:
            found = census.take(connection)
            missing = gaps.totals(connection)
            counted = counters.values(connection)
        build = InfoMetricFamily("trifleet_build", "Version of this program")
        build.add_metric([], {"version": VERSION})
        yield build
        yield _counter("trifleet_statements", "Statements stored", found.statements)
        yield _counter("trifleet_statements_logged", "Statements with a leaf", found.logged)
        records = CounterMetricFamily("trifleet_records", "Records by kind", labels=["kind"])
        for kind, number in found.records.items():
            records.add_metric([record.KINDS[kind].lower()], number)
        yield records
        refusals = CounterMetricFamily("trifleet_refusals", "Vehicles' refusals", labels=["name"])
        for code, number in found.refusals.items():
            refusals.add_metric([refusal_name(code).lower()], number)
        yield refusals
        kept = GaugeMetricFamily("trifleet_quarantined_messages", "Kept", labels=["reason"])
        for reason, number in found.quarantined.items():
            kept.add_metric([reason], number)
        yield kept
        commands = GaugeMetricFamily("trifleet_commands", "Commands by state", labels=["state"])
        for state, number in found.commands.items():
            commands.add_metric([state], number)
        yield commands
        yield GaugeMetricFamily("trifleet_gateways", "Gateways", value=found.gateways)
        yield GaugeMetricFamily("trifleet_gateways_online", "Online", value=found.online)
        yield GaugeMetricFamily("trifleet_gateway_gaps", "Open", value=missing.gaps)
        name, text = "trifleet_gateway_statements_missing", "Statements in open gaps"
        yield GaugeMetricFamily(name, text, value=missing.statements)
        for name, value in sorted(counted.items()):
            if name.startswith("ingest_"):
                yield _counter(f"trifleet_{name}", "Counted by the ingest", value)
        ledger = self._services.ledger
        published, signed = _size(ledger.size), _size(ledger.pending_size)
        yield GaugeMetricFamily("trifleet_ledger_entries", "Published", value=published)
        yield GaugeMetricFamily("trifleet_ledger_entries_signed", "Signed", value=signed)
        streams = self._services.hub.open_streams
        yield GaugeMetricFamily("trifleet_streams_open", "Live streams", value=streams)


def _size(read: Callable[[], int]) -> int:
    try:
        return read()
    except LedgerError:
        return -1


def _counter(name: str, text: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, value=value)


class Metrics:
    """The text, kept for a few seconds."""

    def __init__(self, services: Services) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(FleetCollector(services))
        self._lock = threading.Lock()
        self._made = -KEEP_S
        self._text = b""

    def text(self) -> bytes:
        with self._lock:
            if time.monotonic() - self._made >= KEEP_S:
                self._text = generate_latest(self._registry)
                self._made = time.monotonic()
            return self._text
