"""Fixtures of the ingest's tests: a registered gateway with its vehicle, and a worker on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ingest_fleet import NOW, FakeGateway, FakeVehicle, open_fleet
from memory_adapter import MemoryAdapter

from fleet_backend.fleet.database import Database
from fleet_backend.fleet.keys import ed25519_verifier, public_bytes
from fleet_backend.ingest.limits import QuarantineLimits
from fleet_backend.ingest.worker import Worker, WorkerSettings
from protocol import ack
from tests.fleet.engines import ENGINES, database_url


@dataclass
class Desk:
    """A worker with everything around it."""

    database: Database
    adapter: MemoryAdapter
    worker: Worker
    gateway: FakeGateway
    vehicle: FakeVehicle
    ack_key: Ed25519PrivateKey

    def take(self, *payloads: bytes, name: str = "up/statement") -> None:
        """One batch from the gateway."""
        for payload in payloads:
            self.adapter.put(self.gateway.name, payload, name)
        self.worker.handle(self.adapter.receive(1_000, 0, 0))

    def acks(self) -> list[ack.Ack]:
        """All acknowledgements so far, verified."""
        return self.adapter.acks(ed25519_verifier(public_bytes(self.ack_key)))

    def acked(self) -> tuple[set[int], set[int]]:
        """(accepted, refused) numbers of all acknowledgements so far."""
        accepted: set[int] = set()
        refused: set[int] = set()
        for one in self.acks():
            assert one.gateway == self.gateway.name
            accepted.update(*(range(first, last + 1) for first, last in one.accepted))
            refused.update(*(range(first, last + 1) for first, last in one.refused))
        return accepted, refused


@pytest.fixture(params=ENGINES)
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """On both engines: whatever the worker writes has to come out the same."""
    gateway, vehicle = FakeGateway("gw-1"), FakeVehicle("v-1")
    url = database_url(request.param, tmp_path)
    database = open_fleet(tmp_path, (gateway, [vehicle]), url=url)
    adapter, key = MemoryAdapter(), Ed25519PrivateKey.generate()
    settings = WorkerSettings(quarantine=QuarantineLimits(burst=20, per_s=0.0, authentic_kept=10))
    worker = Worker(database, adapter, key, settings, now=lambda: NOW)
    yield Desk(database, adapter, worker, gateway, vehicle, key)
    worker.close()
    database.close()
