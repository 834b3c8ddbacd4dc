"""The repositories: what they keep, and what they refuse by name."""

import os
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from fleet_backend.fleet import (
    challenges,
    commands,
    counters,
    delegations,
    events,
    gateways,
    grants,
    idempotency,
    quarantine,
    records,
    riders,
    statements,
    vehicles,
)
from fleet_backend.fleet.chains import Chain
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.errors import (
    ErasedError,
    ExistsError,
    FleetError,
    LifecycleError,
    NotLoggedError,
    RepeatedKeyError,
    UnknownError,
    ValueRefusedError,
)
from protocol import lock, record, rsa

NOW = 1_790_000_000


@pytest.fixture
def connection(shared: Database) -> Iterator[Connection]:
    """A transaction that leaves nothing behind."""
    with shared.begin() as connection:
        gateways.register(connection, "gw-1", bytes(32), gateways.GATEWAY, NOW)
        _vehicle(connection, "v-1")
        yield connection
        connection.rollback()


def _vehicle(connection: Connection, name: str, **values: bytes) -> vehicles.Vehicle:
    keys = {
        "owner_thumbprint": bytes(32),
        "record_key": os.urandom(32),
        "key_fingerprint": os.urandom(32),
        **values,
    }
    return vehicles.register(connection, name, "gw-1", **keys, now=NOW)


def _statement(seq: int = 0, gateway: str = "gw-1") -> statements.NewStatement:
    return statements.NewStatement(
        gateway, seq, os.urandom(32), bytes(32), 1, NOW, b"signed", bytes(16), b"packed"
    )


@pytest.mark.parametrize("field", ["record_key", "key_fingerprint"])
def test_a_repeated_vehicle_key_is_refused(connection: Connection, field: str) -> None:
    first = vehicles.get(connection, "v-1")
    with pytest.raises(RepeatedKeyError, match="'v-1' has the key of 'v-2'"):
        _vehicle(connection, "v-2", **{field: getattr(first, field)})
    assert vehicles.find(connection, "v-2") is None


def test_a_vehicle_never_prints_its_key(connection: Connection) -> None:
    found = vehicles.get(connection, "v-1")
    assert found.record_key.hex() not in repr(found)
    assert repr(found) == "Vehicle('v-1')"


@pytest.mark.parametrize("name", ["", "V", "-v", "v-", "v" * 33, "v 1"])
def test_names_outside_the_protocol_are_refused(connection: Connection, name: str) -> None:
    with pytest.raises(ValueRefusedError):
        _vehicle(connection, name)


def test_a_vehicle_needs_a_gateway_that_is_one(connection: Connection) -> None:
    gateways.register(connection, "issuer", bytes([1]) * 32, gateways.ISSUER, NOW)
    keys = [os.urandom(32) for _ in range(3)]
    with pytest.raises(ValueRefusedError):
        vehicles.register(connection, "v-2", "issuer", *keys, now=NOW)
    with pytest.raises(UnknownError):
        vehicles.register(connection, "v-2", "gw-9", *keys, now=NOW)
    with pytest.raises(ExistsError):
        _vehicle(connection, "v-1")


def test_vehicles_come_in_pages_with_their_state(connection: Connection) -> None:
    for number in range(2, 6):
        _vehicle(connection, f"v-{number}")
    gateways.set_status(connection, "gw-1", True, NOW)
    first = vehicles.states(connection, limit=3)
    rest = vehicles.states(connection, after=first[-1].vehicle, limit=3)
    assert [one.vehicle for one in first + rest] == [f"v-{number}" for number in range(1, 6)]
    assert all(one.online and one.state == "UNKNOWN" and one.boot is None for one in first)


def test_gateways_are_registered_once_and_with_one_key(connection: Connection) -> None:
    same = gateways.register(connection, "gw-1", bytes(32), gateways.GATEWAY, NOW)
    assert same == gateways.get(connection, "gw-1")
    with pytest.raises(ExistsError):
        gateways.register(connection, "gw-1", bytes([1]) * 32, gateways.GATEWAY, NOW)
    with pytest.raises(ExistsError):
        gateways.register(connection, "gw-2", bytes(32), gateways.GATEWAY, NOW)
    with pytest.raises(ValueRefusedError):
        gateways.register(connection, "gw-2", bytes(31), gateways.GATEWAY, NOW)
    assert [one.id for one in gateways.all_gateways(connection)] == ["gw-1"]


def test_a_rider_is_registered_once(connection: Connection) -> None:
    modulus = bytes([0x80]) + bytes(254) + b"\x01"
    rider, is_new = riders.register(connection, modulus, NOW)
    assert is_new
    assert rider.thumbprint == rsa.thumbprint(modulus)
    assert riders.register(connection, modulus, NOW) == (rider, False)
    assert riders.all_riders(connection) == [rider]
    with pytest.raises(ValueRefusedError):
        riders.register(connection, bytes(256), NOW)
    with pytest.raises(UnknownError):
        riders.get(connection, bytes(32))


def test_a_delegation_replaces_the_one_before(connection: Connection) -> None:
    assert delegations.find(connection, "v-1") is None
    for grant in (b"first", b"second"):
        delegations.put(connection, "v-1", Chain((grant,), (b"owner",)), NOW)
    assert delegations.find(connection, "v-1") == Chain((b"second",), (b"owner",))


def test_the_same_grant_request_is_queued_once(connection: Connection) -> None:
    first = grants.request(connection, "g-1", "v-1", bytes(32), b"signed", NOW)
    again = grants.request(connection, "g-2", "v-1", bytes(32), b"signed", NOW + 1)
    assert again == first
    assert grants.unfinished(connection, 9) == [first]


def test_grants_wait_oldest_first_until_they_are_answered(connection: Connection) -> None:
    for number in range(3):
        grants.request(connection, f"g-{number}", "v-1", bytes(32), bytes([number]), NOW)
    assert [one.public_id for one in grants.unfinished(connection, 2)] == ["g-0", "g-1"]
    for name in ("g-0", "g-1"):
        assert grants.claim(connection, name, NOW).state == "claimed"
        with pytest.raises(LifecycleError):
            grants.claim(connection, name, NOW)
    chain = Chain((b"grant",), (b"key",))
    issued = grants.issue(connection, "g-0", chain, bytes(32), NOW)
    assert (issued.state, issued.chain) == ("issued", chain)
    assert grants.refuse(connection, "g-1", "no-delegation", NOW).reason == "no-delegation"
    assert [one.public_id for one in grants.unfinished(connection, 9)] == ["g-2"]


def test_a_statement_is_kept_with_its_body_until_it_is_erased(connection: Connection) -> None:
    new = _statement()
    number = statements.insert_one(connection, new, NOW)
    assert statements.by_hash(connection, new.hash).id == number
    assert statements.head(connection, "gw-1") == statements.Link(0, new.hash, bytes(32))
    assert statements.body(connection, number).packed == b"packed"
    statements.erase_body(connection, number)
    with pytest.raises(ErasedError):
        statements.body(connection, number)
    assert statements.by_id(connection, number).statement == b"signed"


def test_places_in_the_ledger_are_given_once(connection: Connection) -> None:
    rows = [_statement(seq) for seq in range(3)]
    numbers = [statements.insert_one(connection, row, NOW) for row in rows]
    assert [one.id for one in statements.unlogged(connection, 10)] == numbers
    with pytest.raises(NotLoggedError):
        statements.leaf_index(connection, rows[0].hash)
    statements.assign_leaves(connection, [(numbers[0], 0), (numbers[1], 1)])
    statements.assign_leaves(connection, [(numbers[0], 7)])
    assert statements.leaf_index(connection, rows[0].hash) == 0
    assert statements.next_leaf(connection) == 2
    assert statements.count(connection) == (3, 2)
    with pytest.raises(ExistsError):
        statements.assign_leaves(connection, [(numbers[2], 1)])


def test_commands_are_kept_once(connection: Connection) -> None:
    made = commands.create(connection, bytes(16), "v-1", 1, b"presentation", NOW + 60, NOW)
    again = commands.create(connection, bytes(16), "v-1", 1, b"presentation", NOW + 99, NOW + 9)
    assert again == made
    with pytest.raises(ExistsError):
        commands.create(connection, bytes(16), "v-1", 1, b"another", NOW + 60, NOW)
    with pytest.raises(UnknownError):
        commands.get(connection, bytes([1]) * 16)
    assert commands.in_state(connection, commands.QUEUED, "v-1") == [made]
    assert commands.overdue(connection, NOW + 60) == []
    assert commands.overdue(connection, NOW + 61) == [made]


def test_an_older_challenge_does_not_replace_a_newer_one(connection: Connection) -> None:
    challenges.put(connection, "v-1", b"b" * 16, NOW + 100, NOW)
    challenges.put(connection, "v-1", b"a" * 16, NOW + 40, NOW)
    found = challenges.fresh(connection, "v-1", NOW)
    assert found is not None
    assert found.challenge == b"b" * 16
    assert challenges.fresh(connection, "v-1", NOW + 100) is None
    challenges.drop(connection, "v-1", b"a" * 16)
    assert challenges.fresh(connection, "v-1", NOW) == found
    challenges.drop(connection, "v-1", b"b" * 16)
    assert challenges.fresh(connection, "v-1", NOW) is None


def test_events_are_numbered_upwards_and_trimmed(connection: Connection) -> None:
    news = [events.NewEvent(events.VEHICLE, "v-1", {"n": number}) for number in range(30)]
    events.append(connection, news, NOW)
    events.append(connection, [], NOW)
    assert [one.data["n"] for one in events.since(connection, 25)] == [25, 26, 27, 28, 29]
    events.trim(connection, 10)
    assert [one.id for one in events.since(connection, 0)] == list(range(21, 31))
    events.trim(connection, 0)
    events.append(connection, news[:1], NOW)
    assert events.newest_id(connection) == 31


def test_the_newest_forged_messages_are_kept_and_all_signed_ones(connection: Connection) -> None:
    for number in range(20):
        digest = bytes([number]) * 32
        new = quarantine.NewMessage(
            "gw-1", None, "t", "commitment", "", number % 4 == 0, digest, b"m"
        )
        quarantine.add(connection, new, NOW)
    quarantine.trim_unauthentic(connection, 3)
    kept = quarantine.newest(connection)
    assert [one.digest[0] for one in kept] == [19, 18, 17, 16, 12, 8, 4, 0]
    assert quarantine.count_authentic(connection, "gw-1") == 5
    assert quarantine.holds(connection, "gw-1", bytes(32))
    assert not quarantine.holds(connection, "gw-2", bytes(32))
    assert quarantine.count_by_reason(connection) == {"commitment": 8}
    assert [one.id for one in quarantine.newest(connection, before=9)] == [5, 1]


def _record(seq: int, kind: int, body: dict[int, object]) -> record.Record:
    return record.Record("v-1", 1, seq, 0, NOW, kind, body)


def test_records_are_kept_once_and_paged_newest_first(connection: Connection) -> None:
    number = statements.insert_one(connection, _statement(), NOW)
    lost = [_record(seq, record.LOST, {0: seq}) for seq in range(5)]
    rows = [records.add(connection, one, number, NOW) for one in lost]
    assert records.add(connection, lost[0], number, NOW) is None
    page = records.of_vehicle(connection, "v-1", limit=3)
    rest = records.of_vehicle(connection, "v-1", before=page[-1].id)
    assert page + rest == rows[::-1]
    item = page[0].as_item()
    assert (item["kind_name"], item["body"], item["leaf_index"]) == ("LOST", {"samples": 4}, None)
    assert (item["gateway"], item["gateway_seq"]) == ("gw-1", 0)


def test_refusals_and_locks_are_found(connection: Connection) -> None:
    number = statements.insert_one(connection, _statement(), NOW)
    refused = _record(0, record.REFUSAL, {0: b"", 1: 9, 2: 1, 3: 0})
    drive = _record(1, record.LOCK, {0: lock.DRIVE, 1: lock.READY, 2: lock.RIDER_ACTION})
    locked = _record(2, record.LOCK, {0: lock.LOCKED, 1: lock.DRIVE, 2: lock.COMMAND})
    rows = [records.add(connection, one, number, NOW) for one in (refused, drive, locked)]
    assert records.refusals(connection) == records.refusals(connection, vehicle="v-1") == rows[:1]
    assert records.locked_after(connection, "v-1", 1, 0) == rows[2]
    assert records.locked_after(connection, "v-1", 1, 2) is None
    assert records.refusal_name(9) == "EXPIRED"
    assert records.refusal_name(99) == "UNKNOWN"
    with pytest.raises(UnknownError):
        records.get(connection, 99)


def test_answers_are_remembered_until_they_are_forgotten(connection: Connection) -> None:
    answer = idempotency.Answer("key", "POST /v1/grants", bytes(32), 202, b"{}")
    idempotency.keep(connection, answer, NOW)
    assert idempotency.find(connection, "key") == answer
    idempotency.forget(connection, NOW + 1)
    assert idempotency.find(connection, "key") is None


def test_counters_add_up(connection: Connection) -> None:
    counters.add(connection, {"a": 2, "b": 0})
    counters.add(connection, {"a": 3})
    assert counters.values(connection) == {"a": 5}


def test_every_error_has_the_one_root() -> None:
    assert issubclass(NotLoggedError, FleetError)
    assert issubclass(ErasedError, FleetError)
