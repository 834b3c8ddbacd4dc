"""From the message to the acknowledgement, over a real database."""

import os
import random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_fleet import NOW, FakeGateway, FakeVehicle, open_fleet
from memory_adapter import MemoryAdapter
from sqlalchemy import func, select

from fleet_backend.fleet import (
    challenges,
    commands,
    counters,
    events,
    gaps,
    gateways,
    quarantine,
    records,
    statements,
    telemetry,
    vehicles,
)
from fleet_backend.fleet.errors import DatabaseError
from fleet_backend.fleet.schema import records as records_table
from fleet_backend.fleet.schema import telemetry as telemetry_table
from fleet_backend.ingest import reasons
from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.gaps import GapLimits
from fleet_backend.ingest.worker import Worker, WorkerSettings
from protocol import cbor, courier, lock, record, refusal, statement
from protocol import command as wire_command

COMMAND = bytes(range(16))


def _store_command(desk, action: int = wire_command.LOCK, state: str = commands.SENT) -> None:
    with desk.database.begin() as connection:
        commands.create(connection, COMMAND, "v-1", action, b"presentation", NOW + 60, NOW)
        if state != commands.QUEUED:
            commands.advance(connection, COMMAND, commands.SEND, NOW)


def _command(desk) -> commands.CommandRow:
    with desk.database.read() as connection:
        return commands.get(connection, COMMAND)


def _answer(outcome: int, command_id: bytes = COMMAND) -> dict[int, object]:
    return {0: command_id, 1: wire_command.LOCK, 2: b"", 3: outcome}


def _lock(state: int, previous: int, reason: int) -> dict[int, object]:
    return {0: state, 1: previous, 2: reason}


def _state(desk) -> vehicles.State:
    with desk.database.read() as connection:
        return vehicles.state(connection, "v-1")


def _events(desk, topic: str) -> list[events.Event]:
    with desk.database.read() as connection:
        return [one for one in events.since(connection, 0) if one.topic == topic]


def _quarantined(desk) -> list[quarantine.Message]:
    with desk.database.read() as connection:
        return quarantine.newest(connection)


def test_what_is_accepted_is_stored_and_then_acknowledged(desk) -> None:
    desk.take(desk.gateway.message([desk.vehicle.sample() for _ in range(3)]))
    assert desk.acked() == ({0}, set())
    with desk.database.read() as connection:
        assert statements.count(connection) == (1, 0)
        row = statements.by_id(connection, 1)
        assert statements.hash_of(row.statement) == row.hash
        assert telemetry.series(connection, "v-1", NOW, NOW).columns["speed_mmps"] == [5_000] * 3
        assert counters.values(connection)["ingest_samples"] == 3
    assert _state(desk).state == "DRIVE"
    assert [one.data["speed_mmps"] for one in _events(desk, events.VEHICLE)] == [5_000]


def test_a_duplicate_is_acknowledged_again_and_stored_once(desk) -> None:
    message = desk.gateway.message([desk.vehicle.sample()])
    desk.take(message, message)
    desk.take(message)
    assert [one.accepted for one in desk.acks()] == [[(0, 0)], [(0, 0)]]
    with desk.database.read() as connection:
        assert statements.count(connection) == (1, 0)
        assert counters.values(connection)["ingest_statements_duplicate"] == 2


def test_a_forged_statement_is_kept_and_never_acknowledged(desk) -> None:
    desk.take(FakeGateway("gw-1").message([desk.vehicle.sample()]))
    assert desk.acks() == []
    (kept,) = _quarantined(desk)
    assert (kept.reason, kept.authentic) == (reasons.SIGNATURE, False)
    (told,) = _events(desk, events.REFUSAL)
    assert told.data["text"] == reasons.TEXTS[reasons.SIGNATURE]


def test_an_authentic_refusal_is_kept_whole_and_acknowledged_as_refused(desk) -> None:
    message = desk.gateway.message(body=b"no list")
    desk.take(message)
    desk.take(message)
    assert desk.acked() == (set(), {0})
    assert len(desk.acks()) == 2
    (kept,) = _quarantined(desk)
    assert (kept.reason, kept.authentic, kept.message) == (reasons.BODY, True, message)


def test_a_bad_record_is_set_aside_and_told_and_its_statement_accepted(desk) -> None:
    forged = FakeVehicle("v-1").seal(record.LOST, {0: 7})
    message = desk.gateway.message([desk.vehicle.sample(), forged, desk.vehicle.sample()])
    desk.take(message)
    desk.take(message)
    assert desk.acked() == ({0}, set())
    (kept,) = _quarantined(desk)
    assert (kept.gateway, kept.seq, kept.topic) == ("gw-1", 0, "tf/1/gw-1/up/statement")
    assert (kept.reason, kept.authentic, kept.message) == (reasons.RECORD_MAC, False, forged)
    assert kept.detail == "record 1: v-1 boot 1 seq 0"
    (told,) = _events(desk, events.REFUSAL)
    assert (told.data["id"], told.data["gateway_seq"]) == (kept.id, 0)
    assert told.data["text"] == reasons.TEXTS[reasons.RECORD_MAC]
    with desk.database.read() as connection:
        assert statements.count(connection) == (1, 0)
        assert len(telemetry.series(connection, "v-1", NOW, NOW).time) == 2
        assert records.of_vehicle(connection, "v-1") == []
        assert counters.values(connection)["ingest_records_set_aside"] == 1


def test_bad_records_beyond_the_bound_are_counted_and_never_hold_up_an_acknowledgement(
    desk,
) -> None:
    good = [desk.vehicle.sample() for _ in range(10)]
    bad = [os.urandom(6_000) for _ in range(9)]
    desk.take(*(desk.gateway.message([*bad[:5], one, *bad[5:]]) for one in good))
    assert desk.acked() == (set(range(10)), set())
    kept = _quarantined(desk)
    assert (len(kept), max(len(one.message) for one in kept)) == (20, 4_096)
    with desk.database.read() as connection:
        found = counters.values(connection)
        assert len(telemetry.series(connection, "v-1", NOW, NOW).time) == 10
    assert found["ingest_records_set_aside"] == 90
    assert found["ingest_records_set_aside_not_kept"] == 70
    # Nor do they take the place of a refused statement, which is acknowledged once it is kept.
    desk.take(desk.gateway.message(body=b"no list"))
    assert desk.acked() == (set(range(10)), {10})


def test_a_vehicle_that_is_registered_later_is_found(desk) -> None:
    late = FakeVehicle("v-2")
    with desk.database.begin() as connection:
        vehicles.register(
            connection, "v-2", "gw-1", bytes(32), late.record_key, os.urandom(32), NOW
        )
    desk.take(desk.gateway.message([late.sample(), b"no record"]))
    assert [one.reason for one in _quarantined(desk)] == [reasons.RECORD]
    with desk.database.read() as connection:
        assert len(telemetry.series(connection, "v-2", NOW, NOW).time) == 1


def test_equivocation_is_kept_as_evidence(desk) -> None:
    body = cbor.encode([desk.vehicle.sample()])
    _, other = desk.gateway.make(0, statement.FIRST_PREV_HASH, body)
    first = desk.gateway.message([desk.vehicle.sample()])
    desk.take(first)
    desk.take(other)
    (kept,) = _quarantined(desk)
    assert (kept.reason, kept.seq, kept.message) == (reasons.EQUIVOCATION, 0, other)
    with desk.database.read() as connection:
        assert statements.count(connection) == (1, 0)


def test_forged_messages_cannot_fill_the_disk(desk) -> None:
    desk.take(*(os.urandom(6_000) for _ in range(100)))
    kept = _quarantined(desk)
    assert len(kept) == 20
    assert max(len(one.message) for one in kept) == 4_096
    with desk.database.read() as connection:
        assert counters.values(connection)["ingest_messages_refused"] == 100
        assert counters.values(connection)["ingest_messages_refused_not_kept"] == 80


def test_an_authentic_refusal_beyond_the_bound_is_not_acknowledged(desk) -> None:
    desk.take(*(desk.gateway.message(body=b"no list") for _ in range(15)))
    _, refused = desk.acked()
    assert refused == set(range(10))
    assert len(_quarantined(desk)) == 10


def test_a_gateway_that_is_registered_later_is_found(desk) -> None:
    late, vehicle = FakeGateway("gw-2"), FakeVehicle("v-2")
    with desk.database.begin() as connection:
        public = late.key.public_key().public_bytes_raw()
        gateways.register(connection, "gw-2", public, gateways.GATEWAY, NOW)
        vehicles.register(
            connection, "v-2", "gw-2", bytes(32), vehicle.record_key, os.urandom(32), NOW
        )
    desk.worker.handle([Message("gw-2", "up/statement", late.message([vehicle.sample()]))])
    assert desk.acks()[0].accepted == [(0, 0)]


def test_the_issuer_is_not_heard_over_the_broker(desk) -> None:
    issuer = FakeGateway("issuer")
    with desk.database.begin() as connection:
        public = issuer.key.public_key().public_bytes_raw()
        gateways.register(connection, "issuer", public, gateways.ISSUER, NOW)
    message = issuer.message(kind=statement.GRANT, body=cbor.encode(b"grant"))
    desk.worker.handle([Message("issuer", "up/statement", message)])
    assert desk.acks() == []
    assert _quarantined(desk)[0].reason == reasons.UNKNOWN_GATEWAY


def test_a_record_that_came_before_is_not_doubled(desk) -> None:
    sample = desk.vehicle.sample()
    boot = desk.vehicle.seal(record.BOOT, {0: "1.0", 1: 0, 2: 0, 3: 0, 4: 0})
    desk.take(desk.gateway.message([sample, boot]))
    desk.take(desk.gateway.message([sample, boot]))
    assert desk.acked() == ({0, 1}, set())
    with desk.database.read() as connection:
        assert statements.count(connection) == (2, 0)
        assert len(telemetry.series(connection, "v-1", NOW, NOW).time) == 1
        assert len(records.of_vehicle(connection, "v-1")) == 1
    assert len(_events(desk, events.RECORD)) == 1


@pytest.mark.parametrize("late", [False, True], ids=["in order", "lock record first"])
def test_a_pending_lock_is_executed_by_the_lock_record(desk, late: bool) -> None:
    _store_command(desk)
    pending = desk.vehicle.seal(record.ANSWER, _answer(record.PENDING))
    locked = desk.vehicle.seal(record.LOCK, _lock(lock.LOCKED, lock.LOCK_PENDING, lock.STANDSTILL))
    messages = [desk.gateway.message([pending]), desk.gateway.message([locked])]
    if late:
        desk.take(messages[1])
        assert _command(desk).state == commands.SENT
        desk.take(messages[0])
    else:
        desk.take(messages[0])
        assert _command(desk).state == commands.PENDING
        desk.take(messages[1])
    done = _command(desk)
    assert (done.state, done.outcome) == (commands.EXECUTED, record.PENDING)
    assert _state(desk).state == "LOCKED"
    states = [one.data["state"] for one in _events(desk, events.COMMAND)]
    assert states == [commands.PENDING, commands.EXECUTED]


def test_an_earlier_lock_record_does_not_complete_a_later_command(desk) -> None:
    _store_command(desk)
    locked = desk.vehicle.seal(record.LOCK, _lock(lock.LOCKED, lock.DRIVE, lock.COMMAND))
    pending = desk.vehicle.seal(record.ANSWER, _answer(record.PENDING))
    desk.take(desk.gateway.message([locked]))
    desk.take(desk.gateway.message([pending]))
    assert _command(desk).state == commands.PENDING


def test_an_answer_executes_the_command_even_after_we_stopped_waiting(desk) -> None:
    _store_command(desk, wire_command.UNLOCK)
    desk.take(courier.encode_command_status(COMMAND, courier.EXPIRED), name="up/command")
    assert _command(desk).state == commands.EXPIRED
    answer = desk.vehicle.seal(record.ANSWER, _answer(record.DONE))
    desk.take(desk.gateway.message([answer]))
    found = _command(desk)
    assert found.state == commands.EXECUTED
    with desk.database.read() as connection:
        assert records.get(connection, found.record_id or 0).kind == record.ANSWER


def test_a_refusal_reaches_the_command_and_the_operator(desk) -> None:
    _store_command(desk)
    body: dict[int, object] = {0: COMMAND, 1: refusal.EXPIRED, 2: wire_command.LOCK, 3: 0}
    desk.take(desk.gateway.message([desk.vehicle.seal(record.REFUSAL, body)]))
    found = _command(desk)
    assert (found.state, found.refusal_code) == (commands.REFUSED, refusal.EXPIRED)
    (told,) = _events(desk, events.REFUSAL)
    assert (told.data["source"], told.data["name"]) == ("vehicle", "EXPIRED")


def test_a_contradicting_answer_changes_nothing_and_is_told(desk) -> None:
    _store_command(desk)
    desk.take(desk.gateway.message([desk.vehicle.seal(record.ANSWER, _answer(record.DONE))]))
    body: dict[int, object] = {0: COMMAND, 1: refusal.EXPIRED, 2: wire_command.LOCK, 3: 0}
    desk.take(desk.gateway.message([desk.vehicle.seal(record.REFUSAL, body)]))
    assert _command(desk).state == commands.EXECUTED
    reasons_told = [one.data.get("reason") for one in _events(desk, events.REFUSAL)]
    assert reasons_told == [None, reasons.CONTRADICTION]


@pytest.mark.parametrize(
    ("outcome", "state"),
    [(record.DONE, commands.EXECUTED), (record.PENDING, commands.PENDING)],
)
@pytest.mark.parametrize("code", [refusal.CHALLENGE, refusal.BACKOFF])
def test_the_answer_wins_over_the_refusal_of_a_copy_that_overtook_it(
    desk, outcome: int, state: str, code: int
) -> None:
    _store_command(desk)
    answer = desk.vehicle.seal(record.ANSWER, _answer(outcome))
    body: dict[int, object] = {0: COMMAND, 1: code, 2: wire_command.LOCK, 3: 0}
    refused = desk.vehicle.seal(record.REFUSAL, body)
    first, second = desk.gateway.message([answer]), desk.gateway.message([refused])
    desk.take(second)
    assert _command(desk).state == commands.REFUSED
    desk.take(first)
    found = _command(desk)
    assert (found.state, found.outcome, found.refusal_code) == (state, outcome, None)
    with desk.database.read() as connection:
        assert records.get(connection, found.record_id or 0).kind == record.ANSWER


def test_another_vehicles_answer_does_not_touch_the_command(desk) -> None:
    other = FakeVehicle("v-2")
    with desk.database.begin() as connection:
        vehicles.register(
            connection, "v-2", "gw-1", bytes(32), other.record_key, os.urandom(32), NOW
        )
    _store_command(desk)
    desk.take(desk.gateway.message([other.seal(record.ANSWER, _answer(record.DONE))]))
    assert _command(desk).state == commands.SENT


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        (courier.DELIVERED, commands.DELIVERED, None),
        (courier.EXPIRED, commands.EXPIRED, None),
        (courier.SILENT, commands.EXPIRED, None),
        (courier.MALFORMED, commands.REFUSED, refusal.MALFORMED),
    ],
)
def test_a_gateways_report_moves_the_command(desk, status: int, state: str, code: object) -> None:
    _store_command(desk)
    desk.take(courier.encode_command_status(COMMAND, status), name="up/command")
    found = _command(desk)
    assert (found.state, found.refusal_code) == (state, code)


def test_a_report_on_another_gateways_command_is_refused(desk) -> None:
    _store_command(desk)
    stranger = FakeGateway("gw-2")
    with desk.database.begin() as connection:
        public = stranger.key.public_key().public_bytes_raw()
        gateways.register(connection, "gw-2", public, gateways.GATEWAY, NOW)
    report = courier.encode_command_status(COMMAND, courier.EXPIRED)
    desk.worker.handle([Message("gw-2", "up/command", report)])
    assert _command(desk).state == commands.SENT
    assert _quarantined(desk)[0].reason == reasons.UNKNOWN_COMMAND


def test_an_overdue_command_expires(desk) -> None:
    with desk.database.begin() as connection:
        commands.create(connection, COMMAND, "v-1", wire_command.LOCK, b"p", NOW - 1, NOW - 60)
    desk.worker.keep_house()
    assert _command(desk).state == commands.EXPIRED


def test_a_challenge_is_kept_no_longer_than_a_vehicle_keeps_it(desk) -> None:
    challenge = courier.encode_challenge("v-1", bytes(16), NOW + 10_000)
    desk.take(challenge, name="up/challenge")
    with desk.database.read() as connection:
        found = challenges.fresh(connection, "v-1", NOW)
        assert found is not None
        assert found.expires == NOW + 120
        assert challenges.fresh(connection, "v-1", NOW + 120) is None


def test_a_challenge_for_a_strangers_vehicle_is_refused(desk) -> None:
    desk.take(courier.encode_challenge("v-9", bytes(16), NOW + 60), name="up/challenge")
    assert _quarantined(desk)[0].reason == reasons.COURIER_VEHICLE


def test_a_status_says_whether_the_gateway_is_online(desk) -> None:
    desk.take(courier.encode_status(True, NOW), name="up/status")
    assert _state(desk).online
    desk.take(courier.encode_status(False, NOW + 1), name="up/status")
    assert not _state(desk).online


@given(st.binary(max_size=60), st.sampled_from(["up/status", "up/command", "up/challenge", "up/x"]))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_courier_messages_do_no_harm(desk, payload: bytes, name: str) -> None:
    desk.take(payload, name=name)
    assert desk.acks() == []


def test_a_state_from_the_future_is_not_shown(desk) -> None:
    desk.take(desk.gateway.message([desk.vehicle.sample(soc_permille=500)]))
    desk.take(desk.gateway.message([desk.vehicle.sample(NOW + 500, soc_permille=999)]))
    assert _state(desk).soc_permille == 500
    desk.take(desk.gateway.message([desk.vehicle.sample(soc_permille=400)]))
    assert _state(desk).soc_permille == 400


def test_the_newest_state_wins_in_any_order_of_arrival(desk) -> None:
    messages = [
        desk.gateway.message([desk.vehicle.sample(soc_permille=900 - number)])
        for number in range(6)
    ]
    seed = random.randrange(1 << 32)
    print("seed", seed)
    random.Random(seed).shuffle(messages)
    for message in messages:
        desk.take(message)
    assert _state(desk).soc_permille == 895
    assert desk.acked() == (set(range(6)), set())


def test_an_acknowledgement_of_many_gaps_is_split(desk) -> None:
    messages = [desk.gateway.message([desk.vehicle.sample()]) for _ in range(1_000)]
    desk.take(*messages[::2])
    assert len(desk.acks()) == 2
    assert desk.acked() == (set(range(0, 1_000, 2)), set())


def _limit_pages(desk, pages: int) -> None:
    """A full disk that fails cleanly: the database may not grow beyond what it has, or `pages`."""
    with desk.database.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")


@pytest.mark.parametrize("desk", ["sqlite"], indirect=True)  # a limit of its file
def test_nothing_is_acknowledged_while_the_disk_is_full(desk) -> None:
    messages = [desk.gateway.message([desk.vehicle.sample()] * 60) for _ in range(60)]
    _limit_pages(desk, 1)
    with pytest.raises(DatabaseError, match="full"):
        desk.take(*messages)
    assert desk.adapter.sent == []
    with desk.database.read() as connection:
        assert statements.count(connection) == (0, 0)
    _limit_pages(desk, 1 << 30)
    desk.take(*messages)
    assert desk.acked() == (set(range(60)), set())


def test_reordered_doubled_and_batched_at_random_gives_the_same_rows(tmp_path) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    gateway, vehicle, aside = FakeGateway("gw-1"), FakeVehicle("v-1"), 0
    messages = []
    for _ in range(40):
        bad = [rng.randbytes(rng.randint(0, 90)) for _ in range(rng.randint(0, 3))]
        mixed = [vehicle.sample(), vehicle.seal(record.LOST, {0: 1}), *bad]
        rng.shuffle(mixed)
        messages.append(gateway.message(mixed))
        aside += len(bad)
    delivered = messages + rng.choices(messages, k=40)
    rng.shuffle(delivered)
    database = open_fleet(tmp_path, (gateway, [vehicle]))
    adapter = MemoryAdapter()
    worker = Worker(
        database, adapter, Ed25519PrivateKey.generate(), WorkerSettings(), now=lambda: NOW
    )
    while delivered:
        size = rng.randint(1, 9)
        batch, delivered = delivered[:size], delivered[size:]
        worker.handle([Message("gw-1", "up/statement", one) for one in batch])
    with database.read() as connection:
        assert statements.count(connection) == (40, 0)
        assert [one.seq for one in statements.links(connection, "gw-1", 0, 99)] == list(range(40))
        for table in (records_table, telemetry_table):
            assert connection.execute(select(func.count()).select_from(table)).scalar() == 40
        assert len(quarantine.newest(connection, limit=500)) == aside
        assert counters.values(connection).get("ingest_records_set_aside", 0) == aside
    database.close()


def test_a_gap_that_lasts_is_told_and_told_again_when_it_is_filled(desk) -> None:
    messages = [desk.gateway.message([desk.vehicle.sample()]) for _ in range(5)]
    desk.take(messages[0], messages[4])
    desk.worker.keep_house()
    assert _events(desk, events.GAP) == []
    _later(desk, GapLimits().tell_after_s)
    desk.worker.keep_house()
    desk.worker.keep_house()
    (told,) = _events(desk, events.GAP)
    assert (told.subject, told.data["first"], told.data["last"]) == ("gw-1", 1, 3)
    assert told.data["filled"] is None
    desk.take(*messages[1:4])
    _, filled = _events(desk, events.GAP)
    assert (filled.data["first"], filled.data["last"], filled.data["since"]) == (1, 3, NOW)
    assert filled.data["filled"] == NOW + GapLimits().tell_after_s


def test_a_forged_number_far_ahead_costs_one_row(desk) -> None:
    """A gateway that jumps ahead by 2^40 makes one gap, not a loop."""
    body = cbor.encode([desk.vehicle.sample()])
    desk.take(desk.gateway.message([desk.vehicle.sample()]))
    _, jump = desk.gateway.make(1 << 40, bytes(32), body)
    _, last = desk.gateway.make((1 << 63) - 1, bytes(32), body)
    desk.take(jump, last)
    assert desk.acked()[0] >= {0, 1 << 40, (1 << 63) - 1}
    with desk.database.read() as connection:
        found = gaps.page(connection, is_open=True)
    assert [(one.first, one.last) for one in found] == [
        ((1 << 40) + 1, (1 << 63) - 2),
        (1, (1 << 40) - 1),
    ]


def _later(desk, seconds: int) -> None:
    desk.worker._now = lambda: NOW + seconds
