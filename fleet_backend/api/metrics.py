"""/metrics in Prometheus' text format: totals of the whole installation, nothing about anyone.

Counted in the database, so at most once in 5 s however often it is asked for.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from sqlalchemy.exc import SQLAlchemyError

from fleet_backend.fleet import census, counters, gaps, lag
from fleet_backend.fleet.census import Census
from fleet_backend.fleet.errors import FleetError
from fleet_backend.fleet.lag import Lag
from fleet_backend.fleet.records import refusal_name
from fleet_backend.ledger.errors import LedgerError
from protocol import record

from .services import Services

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
KEEP_S = 5.0
VERSION = "0.1.0"
_COUNTER = re.compile("[a-z]+(_[a-z]+)*")


class FleetCollector:
    """Reads the totals when it is asked; a size of the ledger is -1 where there is none to read.

    Where witnesses cosign, what is signed and not published waits for them.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        """Where the database is away, the rest."""
        build = InfoMetricFamily("trifleet_build", "Version of this program")
        build.add_metric([], {"version": VERSION})
        yield build
        try:
            with self._services.database.read() as connection:
                found, behind = census.take(connection), lag.take(connection)
                counted, missing = counters.values(connection), gaps.totals(connection)
        except (FleetError, SQLAlchemyError):
            yield _gauge("trifleet_database_up", "Whether it can be read", 0)
        else:
            yield _gauge("trifleet_database_up", "Whether it can be read", 1)
            yield from _stored(found)
            yield from _lag(found, behind)
            yield _gauge("trifleet_gateway_gaps", "Open", missing.gaps)
            name, text = "trifleet_gateway_statements_missing", "Statements in open gaps"
            yield _gauge(name, text, missing.statements)
            yield from _lifetime(counted)
        yield from self._of_this_process()

    def _of_this_process(self) -> Iterator[Metric]:
        services = self._services
        published, signed = _size(services.ledger.size), _size(services.ledger.pending_size)
        yield _gauge("trifleet_ledger_entries", "Published", published)
        yield _gauge("trifleet_ledger_entries_signed", "Signed", signed)
        yield _gauge("trifleet_streams_open", "Live streams", services.hub.open_streams)
        broker = "Whether the broker takes our commands"
        yield _gauge("trifleet_broker_connected", broker, int(services.downlink.connected))
        in_use = services.database.connections_in_use()
        yield _labelled_gauge("trifleet_database_connections", "In use", "pool", in_use)


def _stored(found: Census) -> Iterator[Metric]:
    yield _counter("trifleet_statements", "Statements stored", found.statements)
    yield _counter("trifleet_statements_logged", "Statements with a leaf", found.logged)
    records = {record.KINDS[kind].lower(): number for kind, number in found.records.items()}
    yield _labelled_counter("trifleet_records", "Records by kind", "kind", records)
    refusals = {refusal_name(code).lower(): number for code, number in found.refusals.items()}
    yield _labelled_counter("trifleet_refusals", "Vehicles' refusals", "name", refusals)
    kept = found.quarantined
    yield _labelled_gauge("trifleet_quarantined_messages", "Kept", "reason", kept)
    yield _labelled_gauge("trifleet_commands", "Commands by state", "state", found.commands)
    yield _gauge("trifleet_gateways", "Gateways", found.gateways)
    yield _gauge("trifleet_gateways_online", "Online", found.online)


def _lag(found: Census, behind: Lag) -> Iterator[Metric]:
    name = "trifleet_statement_newest_timestamp_seconds"
    yield _gauge(name, "When the newest statement was stored", behind.newest)
    waiting = found.statements - found.logged
    yield _gauge("trifleet_statements_unlogged", "Stored, without a leaf", waiting)
    age = max(0.0, time.time() - behind.oldest_unlogged) if behind.oldest_unlogged else 0.0
    yield _gauge("trifleet_statements_unlogged_age_seconds", "Of the oldest of them", age)


def _lifetime(counted: Mapping[str, int]) -> Iterator[Metric]:
    """What the database counts; not under the names by which programs count since their start."""
    for name, value in counted.items():
        if _COUNTER.fullmatch(name):
            name = f"trifleet_lifetime_{name.removeprefix('ingest_')}"
            yield _counter(name, "Counted in the database since its beginning", value)


def _size(read: Callable[[], int]) -> int:
    try:
        return read()
    except LedgerError:
        return -1


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, value=value)


def _labelled_gauge(
    name: str, text: str, label: str, values: Mapping[str, int]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _labelled_counter(
    name: str, text: str, label: str, values: Mapping[str, int]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


class Metrics:
    """The text; what is counted in the database is kept for a few seconds."""

    def __init__(self, services: Services) -> None:
        self._measured = services.meters.registry
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
            return self._text + generate_latest(self._measured)
