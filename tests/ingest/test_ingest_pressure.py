"""A database that takes nothing holds back worker, broker and gateway, and nothing is lost."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from adapter_stands import WINDOW, MqttStand, wait_until
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ingest_fleet import NOW, FakeGateway, FakeVehicle, open_fleet
from memory_adapter import MemoryAdapter
from sqlalchemy.exc import OperationalError

from fleet_backend.fleet import statements
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.errors import SchemaVersionError
from fleet_backend.fleet.keys import ed25519_verifier, public_bytes
from fleet_backend.fleet.sqlite import connect
from fleet_backend.ingest.adapter import Adapter
from fleet_backend.ingest.mqtt import MqttAdapter
from fleet_backend.ingest.worker import Worker, WorkerSettings
from protocol import ack, courier

COUNT = 6 * WINDOW


@pytest.fixture
def impatient(monkeypatch) -> None:
    """A locked database is an error after 0.1 s, so that a worker meets it often."""
    monkeypatch.setattr(connect, "BUSY_TIMEOUT_MS", 100)


@contextmanager
def _running(database: Database, adapter: Adapter, key: Ed25519PrivateKey) -> Iterator[Worker]:
    settings = WorkerSettings(patience_max_s=0.2, wait_s=0.05, batch_messages=20)
    worker = Worker(database, adapter, key, settings, now=lambda: NOW)
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield worker
    finally:
        stop.set()
        thread.join(30)
        worker.close()
        assert not thread.is_alive()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with closing(sqlite3.connect(folder / "fleet.db", isolation_level=None)) as driver:
        driver.execute("BEGIN IMMEDIATE")
        yield
        driver.execute("ROLLBACK")


def _stored(database: Database) -> int:
    with database.read() as connection:
        return statements.count(connection)[0]


def _acked(stand: MqttStand, key: Ed25519PrivateKey) -> set[int]:
    verify = ed25519_verifier(public_bytes(key))
    found: set[int] = set()
    for topic, payload in stand.heard():
        assert topic == courier.topic("gw-1", courier.DOWN_ACK)
        for first, last in ack.open_ack(payload, verify).accepted:
            found.update(range(first, last + 1))
    return found


def test_a_locked_database_holds_everybody_back_and_costs_nothing(
    tmp_path: Path, impatient: None
) -> None:
    stand = MqttStand(tmp_path, again_s=60)
    gateway, vehicle, key = FakeGateway("gw-1"), FakeVehicle("v-1"), Ed25519PrivateKey.generate()
    database = open_fleet(tmp_path, (gateway, [vehicle]))
    adapter = stand.adapter()
    assert isinstance(adapter, MqttAdapter)
    messages = [gateway.message([vehicle.sample()]) for _ in range(COUNT)]
    with closing(stand), closing(adapter), _running(database, adapter, key):
        with _locked(tmp_path):
            for message in messages:
                stand.publish(message)
            time.sleep(1.5)
            # Not a message more than the broker's window has left the broker.
            assert len(adapter._inbox._messages) <= WINDOW
            assert stand.heard() == []
            assert _stored(database) == 0
        wait_until(lambda: _stored(database) == COUNT, "the worker did not go on")
        wait_until(lambda: _acked(stand, key) == set(range(COUNT)), "not all acknowledged")
    database.close()


def test_a_worker_that_is_stopped_while_it_waits_ends_and_is_done_with_nothing(
    tmp_path: Path, impatient: None
) -> None:
    gateway, vehicle = FakeGateway("gw-1"), FakeVehicle("v-1")
    database = open_fleet(tmp_path, (gateway, [vehicle]))
    adapter = MemoryAdapter(window=WINDOW)
    for _ in range(COUNT):
        adapter.put("gw-1", gateway.message([vehicle.sample()]))
    with _locked(tmp_path), _running(database, adapter, Ed25519PrivateKey.generate()):
        wait_until(lambda: len(adapter.broker.waiting) < COUNT, "nothing was taken")
        time.sleep(0.5)
        assert len(adapter.broker.waiting) >= COUNT - 20
    assert (adapter.broker.done, adapter.sent) == ([], [])
    database.close()


class Away:
    """A database whose server is lost for so many transactions."""

    def __init__(self, database: Database, errors: list[Exception]) -> None:
        self._database, self._errors = database, errors
        self.read = database.read

    @contextmanager
    def begin(self):
        if self._errors:
            raise self._errors.pop()
        with self._database.begin() as connection:
            yield connection


def test_a_lost_server_is_waited_out(tmp_path: Path) -> None:
    gateway, vehicle = FakeGateway("gw-1"), FakeVehicle("v-1")
    database = open_fleet(tmp_path, (gateway, [vehicle]))
    errors: list[Exception] = [OperationalError("x", {}, OSError("gone")) for _ in range(6)]
    adapter = MemoryAdapter()
    away = Away(database, errors)
    for _ in range(5):
        adapter.put("gw-1", gateway.message([vehicle.sample()]))
    with _running(away, adapter, Ed25519PrivateKey.generate()):  # type: ignore[arg-type]
        wait_until(lambda: _stored(database) == 5, "the worker did not go on")
    assert errors == []
    assert len(adapter.broker.done) == 5
    database.close()


def test_a_database_of_a_newer_program_ends_the_worker(tmp_path: Path) -> None:
    database = open_fleet(tmp_path)
    adapter = MemoryAdapter()
    adapter.put("gw-1", b"anything")
    worker = Worker(
        Away(database, [SchemaVersionError("newer")]),  # type: ignore[arg-type]
        adapter,
        Ed25519PrivateKey.generate(),
        WorkerSettings(),
    )
    with pytest.raises(SchemaVersionError):
        worker.run(threading.Event())
    assert adapter.broker.done == []
    worker.close()
    database.close()
