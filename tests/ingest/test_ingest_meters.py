"""The ingest's own numbers say what the worker and the log's writer did."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from fleet_backend.fleet.keys import generate_ed25519
from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.inbox import Inbox
from fleet_backend.ingest.metering import watch_queue
from fleet_backend.ingest.meters import IngestMeters, LedgerMeters, clock_name
from fleet_backend.ingest.worker import Worker, WorkerSettings
from tests.ingest.ingest_fleet import NOW, FakeGateway, FakeVehicle, open_fleet
from tests.ingest.memory_adapter import MemoryAdapter


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    found = registry.get_sample_value(name, labels)
    assert found is not None, name
    return found


def test_a_batch_is_measured(tmp_path: Path) -> None:
    gateway, vehicle = FakeGateway("gw-1"), FakeVehicle("trike-1")
    database = open_fleet(tmp_path, (gateway, [vehicle]))
    adapter, meters = MemoryAdapter(), IngestMeters()
    key = generate_ed25519(tmp_path / "ack.key")
    worker = Worker(database, adapter, key, WorkerSettings(), now=lambda: NOW, meters=meters)
    good = gateway.message([vehicle.sample()])
    for payload in (good, good, b"nonsense"):
        adapter.put("gw-1", payload)
    worker.handle(adapter.receive(10, 0, 0))
    told = meters.registry
    for verdict in ("accepted", "duplicate", "refused"):
        assert value(told, "trifleet_ingest_statements_total", verdict=verdict) == 1
    assert value(told, "trifleet_ingest_samples_total") == 1
    assert value(told, "trifleet_ingest_batch_messages_sum") == 3
    for name in ("batch", "judge", "commit", "signature_check"):
        assert value(told, f"trifleet_ingest_{name}_seconds_count") == 1
    # The statement and its copy are one number; of nonsense nobody knows whose it is.
    assert value(told, "trifleet_ingest_statements_acknowledged_total") == 1
    third, fourth = (gateway.message([vehicle.sample()]) for _ in range(2))
    for payload in (third, good, fourth):
        adapter.put("gw-1", payload)
    worker.handle(adapter.receive(10, 0, 0))
    assert value(told, "trifleet_ingest_statements_acknowledged_total") == 4
    assert value(told, "trifleet_ingest_last_acknowledged_timestamp_seconds") > NOW - 10**9
    worker.close()
    database.close()


def test_a_batch_that_fails_is_counted_apart() -> None:
    meters = IngestMeters()
    with pytest.raises(ZeroDivisionError), meters.batch(3):
        raise ZeroDivisionError
    assert value(meters.registry, "trifleet_ingest_batch_failures_total") == 1
    assert value(meters.registry, "trifleet_ingest_batch_seconds_count") == 0


def test_what_waits_is_looked_at_when_it_is_asked_for() -> None:
    class Adapter:
        def __init__(self) -> None:
            self.inbox = Inbox(10, 1000)

        def waiting(self) -> int:
            return len(self.inbox)

    adapter, meters = Adapter(), IngestMeters()
    watch_queue(meters, adapter)  # type: ignore[arg-type]
    assert value(meters.registry, "trifleet_ingest_queue_messages") == 0
    adapter.inbox.put(Message("gw-1", "up/statement", b"x"), 0)
    assert value(meters.registry, "trifleet_ingest_queue_messages") == 1


def test_the_log_is_measured() -> None:
    meters = LedgerMeters()
    with meters.append(7):
        pass
    with pytest.raises(OSError), meters.append(7):
        raise OSError
    meters.cosigned(0.25, True)
    meters.cosigned(5.0, False)
    meters.watch_sizes(lambda: 12, lambda: 10)
    told = meters.registry
    assert value(told, "trifleet_ledger_appended_entries_total") == 7
    assert value(told, "trifleet_ledger_append_seconds_count") == 1
    assert value(told, "trifleet_ledger_cosign_seconds_count", result="not-met") == 1
    assert value(told, "trifleet_ledger_held_back_entries") == 2


def test_clocks_have_names() -> None:
    names = [clock_name(clock) for clock in (None, 0, 1, 2, 3)]
    assert names == ["not-said", "unset", "held-over", "network", "gnss"]
