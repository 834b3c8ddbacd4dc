"""Erasing while the parts run: what the API then says, and what arrives afterwards."""

import secrets
import time

import pytest

from fleet_backend.fleet import counters, trace
from fleet_backend.fleet.errors import DatabaseError, DatabaseRefusedError
from fleet_backend.fleet.retention import RetentionSettings
from fleet_backend.fleet.sqlite import scrub
from fleet_backend.ingest.retainer import EVERY_S, Retainer
from fleet_backend.issuer import worker
from protocol import command, lock, record, request
from tests.privacy.privacy_stand import grant_id_of, keep_house
from tests.privacy.test_privacy_late import begin_ride
from tests.privacy.town import (
    ANNA,
    Town,
    assert_proofs_hold,
    erase_rider,
    rows_of,
    statements_of,
    trace_of,
)
from trifleet.client import RiderClient, to_text


def leaves(town: Town, rider: bytes) -> list[int]:
    """Places in the ledger of the statements that speak of a rider."""
    own = set(statements_of(town.layout, rider))
    rows = rows_of(town.layout.database)["statements"]
    return [int(str(row["leaf_index"])) for row in rows if row["id"] in own]


def test_receipts_of_what_was_erased_say_so_in_plain_words(town: Town) -> None:
    anna, bob = leaves(town, town.anna), leaves(town, town.bob)
    name = trace_of(town.layout, town.anna).command_ids[0].hex()
    assert town.stand.operator.get(f"/v1/fleet/receipts/{anna[0]}").status_code == 200
    erase_rider(town.layout, town.anna)
    for leaf in anna:
        answer = town.stand.operator.get(f"/v1/fleet/receipts/{leaf}")
        assert answer.status_code == 410
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["title"] == "The content was erased"
        assert "still proves" in answer.json()["detail"]
    for leaf in bob:
        assert town.stand.operator.get(f"/v1/fleet/receipts/{leaf}").status_code == 200
    assert town.stand.operator.get(f"/v1/commands/{name}").status_code == 404
    assert_proofs_hold(town.layout)


def test_an_erased_rider_may_come_back_as_somebody_new(town: Town) -> None:
    erase_rider(town.layout, town.anna)
    anna = town.clients[town.anna]
    anna.register()
    town.stand.ride(anna, "trike-2", ANNA)
    again = trace_of(town.layout, town.anna)
    assert len(again.rides) == 1
    # What was erased once does not make the new ride vanish.
    keep_house(Retainer(town.stand.database, RetentionSettings()), int(time.time()))
    assert trace_of(town.layout, town.anna) == again
    assert erase_rider(town.layout, town.anna).deleted["riders"] == 1
    assert trace_of(town.layout, town.anna).is_empty


def test_the_retainer_begins_again_after_midnight(town: Town) -> None:
    now = int(time.time())
    midnight = now - now % EVERY_S + EVERY_S
    retainer = Retainer(town.stand.database, RetentionSettings())
    keep_house(retainer, now)
    old = {"telemetry_days": 1, "bodies_days": 1}
    retainer = Retainer(town.stand.database, RetentionSettings(**old))
    keep_house(retainer, now)
    assert rows_of(town.layout.database)["telemetry"]
    keep_house(retainer, midnight - 1)  # not yet
    assert rows_of(town.layout.database)["telemetry"]
    keep_house(retainer, midnight + 1)
    assert rows_of(town.layout.database)["telemetry"]  # begun, and nothing is a day old
    keep_house(retainer, midnight + EVERY_S - 1)
    assert rows_of(town.layout.database)["telemetry"]
    keep_house(retainer, midnight + EVERY_S + 10)
    assert not rows_of(town.layout.database)["telemetry"]


def shared_statement(town: Town) -> tuple[bytes, bytes]:
    """One statement: Anna's lock and Bob's unlock on trike-2. (Bob's command, his grant.)"""
    stand, anna, bob = town.stand, town.clients[town.anna], town.clients[town.bob]
    granted = stand.granted(anna, "trike-2")
    mine = grant_id_of(granted)
    stand.deliver("trike-2", stand.unlocked("trike-2", stand.send(
        anna, "trike-2", granted, command.UNLOCK), mine))  # fmt: skip
    locking = stand.send(anna, "trike-2", granted, command.LOCK)
    name, his = begin_ride(stand, bob, "trike-2")
    stand.deliver(
        "trike-2",
        [
            stand.sample("trike-2", ANNA[0], lock.DRIVE),
            *stand.locked("trike-2", locking, mine),
            *stand.unlocked("trike-2", name, his),
            stand.sample("trike-2", (483_100_001, 25_100_001), lock.DRIVE),
        ],
    )
    return name, his


def test_a_statement_of_two_riders_loses_its_content_and_the_other_keeps_his_rows(
    town: Town,
) -> None:
    name, his = shared_statement(town)
    stand = town.stand
    assert stand.operator.get(f"/v1/commands/{name.hex()}/receipt").status_code == 200
    report = erase_rider(town.layout, town.anna)
    assert report.deleted["bodies that held records of others as well"] == 1
    rows = rows_of(town.layout.database)
    assert any(row["lat_e7"] == 483_100_001 for row in rows["telemetry"])
    assert any(his.hex() in str(row["body"]) for row in rows["records"])
    told = stand.operator.get(f"/v1/commands/{name.hex()}").json()
    assert told["state"] == "executed"
    gone = stand.operator.get(f"/v1/commands/{name.hex()}/receipt")
    assert gone.status_code == 410
    assert "still proves" in gone.json()["detail"]


def test_a_request_that_waits_for_the_issuer_goes_too(town: Town) -> None:
    stand, anna = town.stand, town.clients[town.anna]
    waiting = _ask(anna)
    stand.issuer.step()  # signed and sealed, not logged
    assert list(stand.layout.issuer_journal.glob("*.signed"))
    report = erase_rider(town.layout, town.anna)
    assert report.deleted["grants in the issuer's journal"] == 1
    for _ in range(3):
        stand.issuer.step()
        stand.sequencer.step()
    assert stand.operator.get(f"/v1/grants/{waiting}").status_code == 404
    # The issuer goes on for everybody else.
    assert stand.granted(town.clients[town.bob], "trike-1")["state"] == "issued"
    assert_proofs_hold(town.layout)


def test_an_issuer_that_slept_over_an_erasure_goes_on(town: Town) -> None:
    """Its computer was asleep: what it had signed is gone, and over its time as well."""
    stand = town.stand
    _ask(town.clients[town.anna])
    stand.issuer.step()
    erase_rider(town.layout, town.anna)
    waiting = _ask(town.clients[town.bob])
    stand.issuer._clock = lambda: time.time() + 600
    for _ in range(2):
        stand.issuer.step()
    assert stand.operator.get(f"/v1/grants/{waiting}").json()["state"] == "expired"


def test_more_requests_than_fit_a_round_hide_no_erased_one(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = town.stand
    _ask(town.clients[town.anna])
    sealed = stand.issuer._store.seal
    monkeypatch.setattr(stand.issuer._store, "seal", _locked)
    stand.issuer.step()  # signed, and the database takes no claim just now
    monkeypatch.setattr(stand.issuer._store, "seal", sealed)
    erase_rider(town.layout, town.anna)
    monkeypatch.setattr(worker, "MAX_ROWS", 1)
    assert stand.granted(town.clients[town.bob], "trike-1")["state"] == "issued"


def _locked(*_: object) -> None:
    raise DatabaseRefusedError("the database refused: database is locked")


def _ask(rider: RiderClient) -> str:
    asked = request.GrantRequest("trike-1", 3, 900, secrets.token_bytes(16), int(time.time()), None)
    payload = request.encode_grant_request(asked)
    sealed = rider.key.seal(payload, request.grant_request_message(payload))
    body = {"rider": rider.key.thumbprint.hex(), "request": to_text(sealed)}
    return str(rider._post("/v1/grants", body)["id"])


def test_codes_are_found_by_their_hashes(town: Town) -> None:
    """A code that was typed is answered in its hash's name; the rider's phone sent no command."""
    stand, anna = town.stand, town.clients[town.anna]
    granted = stand.granted(anna, "trike-2", codes=True)
    codes = trace_of(town.layout, town.anna).command_ids
    of = stand.vehicles["trike-2"]
    refused = {0: codes[-1], 1: 20, 2: command.UNLOCK, 3: 0}
    stand.deliver("trike-2", [of.seal(record.REFUSAL, refused, int(time.time()))])
    assert granted["state"] == "issued"
    erase_rider(town.layout, town.anna)
    assert not any(codes[-1].hex() in str(row) for row in rows_of(town.layout.database)["records"])


def test_a_reader_of_the_database_holds_the_end_up_and_is_named(town: Town) -> None:
    with town.stand.database.read() as connection:
        trace.find(connection, town.anna)  # sees an older moment
        with town.stand.database.begin() as writing:
            counters.add(writing, {"tests": 1})
        with pytest.raises(DatabaseError, match="write-ahead log"):
            scrub.empty_log(town.layout.database, wait_s=0.2)
