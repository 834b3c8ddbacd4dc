"""Who sends what nobody should: honest messages beside it are taken as if it were not there."""

import os
import random
import tracemalloc
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_fleet import NOW, FakeGateway, FakeVehicle

from fleet_backend.fleet import counters, gateways, quarantine, statements, telemetry
from fleet_backend.fleet.keys import public_bytes
from fleet_backend.ingest import reasons
from fleet_backend.ingest.acceptance import FUTURE_S
from protocol import cbor, record, statement

MB = 1 << 20
# What is refused meets the database's engine no other way than what is accepted.
pytestmark = pytest.mark.parametrize("desk", ["sqlite"], indirect=True)

# As they come: none of them is a message.
BOMBS = {
    "deep arrays": b"\x81" * 65_000,
    "deep maps": b"\xa1\x00" * 30_000,
    "deep tags": b"\xc1" * 65_000,
    "long array": b"\x9b" + b"\x7f" * 8,
    "long array of nothing": b"\x9a\xff\xff\xff\xff" + b"\xf6" * 60_000,
    "long map": b"\xbb" + b"\xff" * 8,
    "long bytes": b"\x83\x5b" + b"\xff" * 8 + b"x" * 60_000,
    "long text": b"\x83\x7a\xff\xff\xff\xff",
    "endless array": b"\x9f" + b"\x00" * 60_000,
    "endless bytes": b"\x5f" + b"\x41\x00" * 30_000,
    "many items": b"\x99\xff\xff" + b"\x00" * 65_000,
    "one byte too many": b"\x83" + b"\x40" * 70_000,
    "nothing": b"",
}
# As the body of a statement that the gateway really signed.
BODIES = {
    "deep arrays": b"\x81" * 65_000,
    "a million records": b"\x9a\x00\x0f\x42\x40" + b"\x40" * 60_000,
    "records that nest": b"\x81" + b"\x59\xfd\xe8" + b"\x81" * 65_000,
    "endless": b"\x9f" + b"\x40" * 60_000,
}


def _counters(desk) -> dict[str, int]:
    with desk.database.read() as connection:
        return counters.values(connection)


def _kept(desk) -> list[quarantine.Message]:
    with desk.database.read() as connection:
        return quarantine.newest(connection, limit=500)


def _honest(desk, count: int = 3) -> list[bytes]:
    return [desk.gateway.message([desk.vehicle.sample()]) for _ in range(count)]


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_by_name_and_costs_little(desk, bomb: bytes) -> None:
    honest = _honest(desk)
    tracemalloc.start()
    try:
        desk.take(honest[0], bomb, honest[1])
        desk.take(bomb, name="up/command")
        desk.take(bomb, name="up/sighting")
        desk.take(honest[2], bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * MB
    assert desk.acked() == ({0, 1, 2}, set())
    assert {one.reason for one in _kept(desk)} <= {
        reasons.MESSAGE,
        reasons.COURIER,
        reasons.SIGHTING,
        reasons.SIGHTING_SIGNATURE,
    }
    assert "ingest_messages_poison" not in _counters(desk)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_bomb_that_the_gateway_signed_is_kept_as_evidence(desk, body: bytes) -> None:
    honest, bomb = _honest(desk, 1), desk.gateway.message(body=body)
    after = _honest(desk, 1)
    desk.take(*honest, bomb, *after)
    accepted, refused = desk.acked()
    assert accepted | refused == {0, 1, 2}
    assert {0, 2} <= accepted
    (kept,) = _kept(desk)
    assert kept.reason in (reasons.BODY, reasons.RECORD)
    assert "ingest_messages_poison" not in _counters(desk)


def test_a_body_that_would_grow_to_a_gigabyte_is_not_grown(desk) -> None:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(MB)) for _ in range(60)) + packer.flush()
    salt = os.urandom(16)
    made = statement.Statement(
        "gw-1", 0, statement.FIRST_PREV_HASH, NOW, 1, statement.commit(salt, b"x")
    )
    sign1 = statement.encode(made, desk.gateway.key.sign)
    bomb = statement.encode_message(sign1, salt, packed)
    assert len(bomb) < 65_536
    tracemalloc.start()
    try:
        desk.take(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * MB
    assert [one.reason for one in _kept(desk)] == [reasons.INFLATE]
    assert desk.acks() == []


def test_a_day_that_is_replayed_is_acknowledged_without_a_check(desk, monkeypatch) -> None:
    """Once a minute for a day, all of it again, twice, in any order."""
    day = [
        desk.gateway.message([desk.vehicle.sample(NOW - 86_400 + 60 * minute)])
        for minute in range(1_440)
    ]
    for at in range(0, len(day), 360):
        desk.take(*day[at : at + 360])
    stored = _counters(desk)["ingest_samples"]
    checked: list[int] = []
    pool = desk.worker._pool
    real = pool.check
    monkeypatch.setattr(pool, "check", lambda checks: checked.append(len(checks)) or real(checks))
    again = day * 2
    random.shuffle(again)
    told = len(desk.acks())
    for at in range(0, len(again), 960):
        desk.take(*again[at : at + 960])
    assert sum(checked) == 0
    found = _counters(desk)
    assert found["ingest_statements_duplicate"] == len(again)
    assert found["ingest_samples"] == stored == 1_440
    seen: set[int] = set()
    for one in desk.acks()[told:]:
        seen.update(*(range(first, last + 1) for first, last in one.accepted))
    assert seen == set(range(1_440))
    with desk.database.read() as connection:
        assert statements.count(connection) == (1_440, 0)
        assert len(telemetry.series(connection, "v-1", 0, NOW).time) == 1_440
        assert quarantine.newest(connection) == []


def test_what_another_gateway_signed_or_replays_is_nobodys(desk) -> None:
    """By the thief's own topic, and by the victim's topic under the thief's key."""
    thief = FakeGateway("gw-2")
    with desk.database.begin() as connection:
        key = public_bytes(thief.key)
        gateways.register(connection, "gw-2", key, gateways.GATEWAY, NOW)
    (honest,) = _honest(desk, 1)
    forger = FakeGateway("gw-1", thief.key)
    desk.adapter.put("gw-2", honest)
    desk.adapter.put("gw-1", forger.message([desk.vehicle.sample()]))
    desk.adapter.put("gw-2", thief.message([FakeVehicle("v-1", desk.vehicle.key).sample()]))
    desk.worker.handle(desk.adapter.receive(9, 0, 0))
    told = [(one.gateway, one.accepted) for one in desk.acks()]
    assert told == [("gw-2", [(0, 0)])]  # its own statement, without the vehicle's record
    assert sorted(one.reason for one in _kept(desk)) == sorted(
        [reasons.WRONG_GATEWAY, reasons.SIGNATURE, reasons.RECORD_VEHICLE]
    )
    with desk.database.read() as connection:
        assert telemetry.series(connection, "v-1", 0, NOW).time == []


def test_a_clock_from_the_future_is_flagged_and_the_statement_kept(desk) -> None:
    times = [NOW + FUTURE_S, NOW + FUTURE_S + 1, (1 << 32) - 1]
    desk.take(*(desk.gateway.message([desk.vehicle.sample()], time=time) for time in times))
    assert desk.acked() == ({0, 1, 2}, set())
    assert _counters(desk)["ingest_statements_future"] == 2
    with desk.database.read() as connection:
        flagged = [statements.by_id(connection, number).future for number in (1, 2, 3)]
    assert flagged == [False, True, True]


@given(
    st.integers(0, 1 << 20),
    st.binary(max_size=4),
    st.sampled_from(["up/statement", "up/command", "up/sighting", "up/x"]),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_mutation_of_a_message_is_poison_or_stops_its_neighbours(
    desk, place: int, put: bytes, name: str
) -> None:
    """What is not the gateway's word never counts; and no bytes make the worker fail."""
    before = desk.gateway.seq
    good = [desk.gateway.message([desk.vehicle.sample(), desk.vehicle.seal(record.LOST, {0: 1})])]
    good += _honest(desk, 1)
    at = place % len(good[0])
    changed = good[0][:at] + put + good[0][at + 1 :]
    desk.take(changed, name=name)
    desk.take(*good)
    assert {before, before + 1} <= desk.acked()[0]
    assert "ingest_messages_poison" not in _counters(desk)


@given(st.binary(max_size=90))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_body_that_the_gateway_signed_has_a_verdict(desk, body: bytes) -> None:
    number = desk.gateway.seq
    desk.take(desk.gateway.message(body=body), desk.gateway.message(kind=2, body=body))
    desk.take(desk.gateway.message(body=cbor.encode([body])))
    accepted, refused = desk.acked()
    assert number + 2 in accepted | refused or number >= 6  # beyond the bound on what is kept
    assert "ingest_messages_poison" not in _counters(desk)
