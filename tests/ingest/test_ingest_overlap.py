"""Two workers on one database: what the other one stored meanwhile counts, to the last moment."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ingest_fleet import NOW, FakeGateway, FakeVehicle
from memory_adapter import MemoryAdapter
from sqlalchemy import Connection

from fleet_backend.fleet import counters, quarantine, statements
from fleet_backend.fleet.database import Database
from fleet_backend.ingest import reasons
from fleet_backend.ingest.worker import Worker, WorkerSettings
from protocol import cbor, statement


class Interrupted:
    """A database in which something happens between this worker's look and its write."""

    def __init__(self, database: Database, meanwhile) -> None:
        self._database = database
        self._meanwhile = [meanwhile]
        self.read = database.read

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        for happen in self._meanwhile[:]:
            self._meanwhile.clear()
            happen()
        with self._database.begin() as connection:
            yield connection


@pytest.fixture
def other(desk):
    """Makes a second worker: (adapter, worker), interrupted once before its first write."""
    made: list[Worker] = []

    def make(meanwhile) -> tuple[MemoryAdapter, Worker]:
        database, adapter = Interrupted(desk.database, meanwhile), MemoryAdapter()
        worker = Worker(database, adapter, desk.ack_key, WorkerSettings(), now=lambda: NOW)
        made.append(worker)
        return adapter, worker

    yield make
    for worker in made:
        worker.close()


def _take(adapter: MemoryAdapter, worker: Worker, *payloads: bytes) -> None:
    for payload in payloads:
        adapter.put("gw-1", payload)
    worker.handle(adapter.receive(100, 0, 0))


def _stored(desk) -> list[int]:
    with desk.database.read() as connection:
        return [one.seq for one in statements.links(connection, "gw-1", 0, 99)]


def test_both_take_the_same_messages_and_each_is_stored_once(desk, other) -> None:
    messages = [desk.gateway.message([desk.vehicle.sample()]) for _ in range(5)]
    adapter, worker = other(lambda: desk.take(*messages[1:4]))
    _take(adapter, worker, *messages)
    assert _stored(desk) == list(range(5))
    with desk.database.read() as connection:
        found = counters.values(connection)
    assert (found["ingest_statements_accepted"], found["ingest_statements_duplicate"]) == (5, 3)
    verify = desk.adapter.acks
    assert [one.accepted for one in verify(_key(desk))] == [[(1, 3)]]
    assert [one.accepted for one in adapter.acks(_key(desk))] == [[(0, 4)]]


def test_of_two_statements_under_one_number_the_second_to_commit_is_refused(desk, other) -> None:
    body = cbor.encode([desk.vehicle.sample()])
    _, fork = desk.gateway.make(0, statement.FIRST_PREV_HASH, body)
    first = desk.gateway.message([desk.vehicle.sample()])
    adapter, worker = other(lambda: desk.take(first))
    _take(adapter, worker, fork)
    with desk.database.read() as connection:
        (kept,) = quarantine.newest(connection)
    assert (kept.reason, kept.message) == (reasons.EQUIVOCATION, fork)
    (told,) = adapter.acks(_key(desk))
    assert (told.accepted, told.refused) == ([], [(0, 0)])


@pytest.mark.parametrize("held_first", [0, 1], ids=["predecessor first", "successor first"])
def test_the_halves_of_a_fork_do_not_both_get_in(desk, other, held_first: int) -> None:
    """No unique key would notice: the two have different numbers."""
    sign1, before = desk.gateway.make(0, statement.FIRST_PREV_HASH, cbor.encode([b"x"]))
    assert statement.statement_hash(sign1) != bytes(32)
    _, after = desk.gateway.make(1, bytes(32), cbor.encode([desk.vehicle.sample()]))
    halves = [before, after]
    adapter, worker = other(lambda: desk.take(halves[held_first]))
    _take(adapter, worker, halves[1 - held_first])
    assert _stored(desk) == [held_first]
    with desk.database.read() as connection:
        kept = [one for one in quarantine.newest(connection) if one.authentic]
    assert [one.reason for one in kept] == [reasons.BROKEN_CHAIN]


def test_another_gateways_statements_change_no_verdict(desk, other) -> None:
    forged = FakeGateway("gw-1").message([desk.vehicle.sample()])
    messages = [desk.gateway.message([desk.vehicle.sample()]), forged]

    def meanwhile() -> None:
        desk.worker._judge._database = desk.database
        stranger = FakeGateway("gw-2")
        _register(desk, stranger)
        desk.adapter.put("gw-2", stranger.message(kind=2, body=cbor.encode([1, "restart"])))
        desk.worker.handle(desk.adapter.receive(9, 0, 0))

    adapter, worker = other(meanwhile)
    _take(adapter, worker, *messages)
    assert _stored(desk) == [0]
    with desk.database.read() as connection:
        reasons_kept = [one.reason for one in quarantine.newest(connection)]
    assert reasons.SIGNATURE in reasons_kept


def _register(desk, gateway: FakeGateway) -> None:
    from fleet_backend.fleet import gateways
    from fleet_backend.fleet.keys import public_bytes

    with desk.database.begin() as connection:
        gateways.register(
            connection, gateway.name, public_bytes(gateway.key), gateways.GATEWAY, NOW
        )


def _key(desk):
    from fleet_backend.fleet.keys import ed25519_verifier, public_bytes

    return ed25519_verifier(public_bytes(desk.ack_key))


def test_a_vehicle_that_sends_from_two_boots_is_no_fork(desk, other) -> None:
    later = FakeVehicle("v-1", desk.vehicle.key, boot=2)
    messages = [desk.gateway.message([one.sample()]) for one in (desk.vehicle, later)]
    adapter, worker = other(lambda: desk.take(messages[1]))
    _take(adapter, worker, messages[0])
    assert _stored(desk) == [0, 1]
