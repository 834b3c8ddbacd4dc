"""A gateway's key of statements is another one: a statement is judged by the key of its number.

What comes too early is refused without an acknowledgement, and comes again.
"""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.fleet import gateway_keys, gateways, quarantine, statements
from fleet_backend.fleet.keys import ed25519_verifier, public_bytes
from fleet_backend.ingest import reasons
from fleet_backend.ingest.worker import Worker, WorkerSettings
from protocol import ack, cbor, courier, sighting, statement
from tests.ingest.ingest_fleet import NOW, FakeGateway, FakeVehicle, open_fleet
from tests.ingest.memory_adapter import MemoryAdapter

ACK = Ed25519PrivateKey.generate()
NAME = "gw-1"


class Bench:
    """One database and workers that share it."""

    def __init__(self, folder: Path) -> None:
        self.gateway, self.trike = FakeGateway(NAME), FakeVehicle("trike-1")
        self.other = FakeGateway("gw-2")
        self.database = open_fleet(folder, (self.gateway, [self.trike]), (self.other, []))
        self.worker, self.adapter = self.another()

    def another(self) -> tuple[Worker, MemoryAdapter]:
        adapter = MemoryAdapter()
        settings = WorkerSettings(threads=1)
        return Worker(self.database, adapter, ACK, settings, now=lambda: NOW), adapter

    def sample(self) -> bytes:
        return self.gateway.message([self.trike.sample()])

    def put(self, *messages: bytes) -> ack.Ack:
        """The batch of these; what the gateway is told."""
        return handled(self.worker, self.adapter, *messages)

    def refused(self) -> list[tuple[str, bool]]:
        with self.database.read() as connection:
            found = quarantine.newest(connection)
        return [(one.reason, one.authentic) for one in found]

    def keys(self) -> list[int]:
        with self.database.read() as connection:
            return [one.first_seq for one in gateway_keys.history(connection, NAME)]


def handled(worker: Worker, adapter: MemoryAdapter, *messages: bytes) -> ack.Ack:
    adapter.sent.clear()
    for one in messages:
        adapter.put(NAME, one)
    worker.handle(adapter.receive(100, 0.0, 0.0))
    told = [payload for gateway, name, payload in adapter.sent if name == courier.DOWN_ACK]
    opened = [ack.open_ack(one, ed25519_verifier(public_bytes(ACK))) for one in told]
    return opened[-1] if opened else ack.Ack(NAME, [], [])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.worker.close()
    made.database.close()


def test_both_eras_are_accepted_in_one_batch_and_in_several(bench: Bench) -> None:
    batch = [bench.sample(), bench.gateway.change_key(), bench.sample()]
    assert bench.put(*batch).accepted == [(0, 2)]
    assert bench.put(bench.sample(), bench.gateway.change_key()).accepted == [(3, 4)]
    assert bench.put(bench.sample()).accepted == [(5, 5)]
    assert bench.keys() == [0, 2, 5]
    assert not bench.refused()
    # Again, as after a lost acknowledgement: each is known by its bytes.
    assert bench.put(*batch).accepted == [(0, 2)]


def test_what_comes_before_its_key_is_not_acknowledged_and_taken_the_second_time(
    bench: Bench,
) -> None:
    early = bench.sample()
    change, late = bench.gateway.change_key(), bench.sample()
    told = bench.put(late)
    assert (told.accepted, told.refused, told.replaced) == ([], [], b"")
    assert bench.refused() == [(reasons.SIGNATURE, False)]
    assert bench.put(change).accepted == [(1, 1)]  # and before its own predecessor
    assert bench.put(late, early).accepted == [(0, 0), (2, 2)]


def test_the_old_key_beyond_the_change_is_refused_by_name_and_never_acknowledged(
    bench: Bench,
) -> None:
    bench.put(bench.sample())
    copied = copy.copy(bench.gateway)  # a back-up, or a thief
    before = public_bytes(copied.key)
    bench.put(bench.gateway.change_key())
    for _ in range(2):
        copied.message()  # its own statement 1, which was the change
        told = bench.put(copied.message([bench.trike.sample()]))
        assert (told.accepted, told.refused, told.replaced) == ([], [], before)
    assert bench.refused()[0] == (reasons.KEY_REPLACED, False)
    assert bench.put(bench.sample()).accepted == [(2, 2)]
    # Below the change the old key is the right one: two statements under one number.
    copied.seq, copied.head = 0, statement.FIRST_PREV_HASH
    assert bench.put(copied.message([b"x"])).refused == [(0, 0)]
    assert bench.refused()[0] == (reasons.EQUIVOCATION, True)


def test_a_change_that_does_not_hold_is_refused_and_changes_nothing(bench: Bench) -> None:
    gateway = bench.gateway
    stranger = Ed25519PrivateKey.generate()
    texts = {
        "nonsense": "nonsense",
        "capitals": "A" * 64 + " " + "0" * 128,
        "no-proof": public_bytes(stranger).hex() + " " + "00" * 64,
        "another-place": _text(gateway, stranger, seq=7),
        "the-same": _text(gateway, gateway.key),
        "of-another": _text(gateway, bench.other.key),
    }
    for name, text in texts.items():
        body = cbor.encode({0: statement.KEY_CHANGED, 1: text})
        told = bench.put(gateway.message(kind=statement.GATEWAY, body=body))
        assert told.refused, name
        gateway.seq, gateway.head = 0, statement.FIRST_PREV_HASH
    assert {*bench.refused()} == {(reasons.KEY_CHANGE, True)}
    assert bench.keys() == [0]
    assert bench.put(bench.sample()).accepted == [(0, 0)]


def _text(gateway: FakeGateway, new: Ed25519PrivateKey, seq: int | None = None) -> str:
    moved = copy.copy(gateway)
    moved.seq = gateway.seq if seq is None else seq
    event = statement.decode_gateway_event(moved.change_body(new))
    return event[1]


def test_a_change_below_what_is_stored_is_refused(bench: Bench) -> None:
    """Statement 2 is there under the old key: it would belong to the new one."""
    first = bench.sample()
    change_place = copy.copy(bench.gateway)
    bench.sample()
    later = bench.sample()
    bench.put(first, later)
    assert bench.put(change_place.change_key()).refused == [(1, 1)]
    assert bench.keys() == [0]
    again = copy.copy(bench.gateway)
    assert bench.put(again.message([bench.trike.sample()])).accepted == [(3, 3)]


def test_a_worker_that_judged_before_the_change_judges_again(bench: Bench) -> None:
    """Two workers: one holds the thief's statement, the other stores the change."""
    bench.put(bench.sample())
    thief = copy.copy(bench.gateway)
    thief.seq += 1  # beyond the change, under the old key
    second, adapter = bench.another()
    forged = thief.message([bench.trike.sample()])
    adapter.put(NAME, forged)
    batch = adapter.receive(100, 0.0, 0.0)
    judgement = second._judge.judge(batch, NOW)
    assert type(judgement.verdicts[0]).__name__ == "Accepted"
    bench.put(bench.gateway.change_key())
    with bench.database.begin() as connection:
        outcome = second._transaction.apply(connection, batch, judgement, NOW)
    assert [one.reason for _, one in outcome.refused] == [reasons.KEY_REPLACED]
    assert not outcome.accepted
    assert handled(second, adapter, bench.sample()).accepted == [(2, 2)]
    second.close()


def test_a_release_of_an_old_statement_is_signed_by_the_new_key(bench: Bench) -> None:
    sign1, _ = bench.gateway.make(0, bench.gateway.head, cbor.encode([bench.trike.sample()]))
    bench.gateway.seq, bench.gateway.head = 1, statement.statement_hash(sign1)
    old = bench.gateway.key
    change = bench.gateway.change_key()
    released = statement.encode_release(sign1, bench.gateway.key.sign)
    assert bench.put(released).accepted == []
    assert bench.put(change).accepted == [(1, 1)]
    assert bench.put(released).accepted == [(0, 0)]
    late = bench.gateway.make(2, bench.gateway.head, cbor.encode([bench.trike.sample()]))[0]
    assert bench.put(statement.encode_release(late, old.sign)).accepted == []


def test_what_names_no_statement_is_by_the_newest_key(bench: Bench) -> None:
    old = bench.gateway.key
    bench.put(bench.gateway.change_key())
    for key in (old, bench.gateway.key):
        bench.adapter.put(NAME, seen(key), courier.UP_SIGHTING)
        bench.worker.handle(bench.adapter.receive(100, 0.0, 0.0))
    assert bench.refused() == [(reasons.SIGHTING_SIGNATURE, False)]


def seen(key: Ed25519PrivateKey) -> bytes:
    return sighting.encode(sighting.Sighting(NAME, NOW, "log.example", b""), key.sign)


def test_a_key_is_one_gateways_for_ever(bench: Bench) -> None:
    first = public_bytes(bench.gateway.key)
    bench.put(bench.gateway.change_key())
    for key in (first, public_bytes(bench.gateway.key)):
        with bench.database.begin() as connection, pytest.raises(Exception, match="has this key"):
            gateways.register(connection, "gw-3", key, gateways.GATEWAY, NOW)


def test_the_content_of_a_change_outlives_the_bodies(bench: Bench) -> None:
    bench.put(bench.gateway.change_key())
    with bench.database.begin() as connection:
        row = statements.by_id(connection, 1)
        before = statements.body(connection, row.id)
        statements.erase_body(connection, row.id)
        assert statements.body(connection, row.id) == before
