"""What happens or arrives of a rider while he is erased, and afterwards."""

import json
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection

from fleet_backend.fleet import late
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.retention import RetentionSettings
from fleet_backend.fleet.sqlite import scrub
from fleet_backend.ingest.retainer import Retainer
from protocol import command, lock, record
from tests.privacy import bytes_of
from tests.privacy.privacy_stand import PrivacyStand, grant_id_of, keep_house
from tests.privacy.town import (
    ANNA,
    BOB,
    Town,
    assert_proofs_hold,
    erase_rider,
    quiet,
    rows_of,
    trace_of,
)
from trifleet.client import RiderClient
from trifleet.privacy import erase, erase_database
from trifleet.privacy.erase_database import OpenRideError


def begin_ride(stand: PrivacyStand, rider: RiderClient, vehicle: str) -> tuple[bytes, bytes]:
    granted = stand.granted(rider, vehicle)
    name = stand.send(rider, vehicle, granted, command.UNLOCK)
    return name, grant_id_of(granted)


def test_what_a_gateway_brings_afterwards_is_dropped_the_same_day(town: Town) -> None:
    """It was offline from the middle of the ride on."""
    stand, anna = town.stand, town.clients[town.anna]
    name, grant_id = begin_ride(stand, anna, "trike-2")
    stand.deliver("trike-2", stand.unlocked("trike-2", name, grant_id))
    outbox = stand.outboxes["trike-2"]
    now = int(time.time())
    for place in ANNA[:2]:
        outbox.store_records([stand.sample("trike-2", place, lock.DRIVE)], now, "trike-2", {})
    outbox.store_records(stand.locked("trike-2", name, grant_id), now, "trike-2", {})
    with pytest.raises(OpenRideError, match="trike-2"):
        erase_rider(town.layout, town.anna)
    report = erase.erase(town.layout, town.anna.hex(), quiet, even_riding=True)
    assert any("gw-2: 3 statements" in text for text in report.not_reached)
    stand.drain("trike-2")
    after = [stand.sample("trike-2", (1, 1), lock.LOCKED)]
    stand.deliver("trike-2", after)
    assert any(row["lat_e7"] == ANNA[0][0] for row in rows_of(town.layout.database)["telemetry"])
    retainer = Retainer(stand.database, RetentionSettings())
    keep_house(retainer, now)
    rows = rows_of(town.layout.database)
    places = {row["lat_e7"] for row in rows["telemetry"]}
    assert not places & {place[0] for place in ANNA[:2]}
    assert 1 in places  # after the ride
    kinds = {record.ANSWER, record.REFUSAL}
    assert not any(grant_id.hex() in str(row) for row in rows["records"] if row["kind"] in kinds)
    assert_proofs_hold(town.layout)


def ride_unseen(town: Town) -> bytes:
    """Anna's whole ride waits in the outbox of gw-2; the id of her grant."""
    stand, now = town.stand, int(time.time())
    name, grant_id = begin_ride(stand, town.clients[town.anna], "trike-2")
    outbox = stand.outboxes["trike-2"]
    for items in (
        stand.unlocked("trike-2", name, grant_id),
        *([stand.sample("trike-2", place, lock.DRIVE)] for place in ANNA[:2]),
        stand.locked("trike-2", name, grant_id),
    ):
        outbox.store_records(items, now, "trike-2", {})
    return grant_id


def test_a_whole_ride_that_arrives_afterwards_is_dropped(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway was offline: at the erasure nobody knew of the ride."""
    monkeypatch.setattr(late, "PIECE", 1)  # its answer and its samples in pieces apart
    stand, now = town.stand, int(time.time())
    grant_id = ride_unseen(town)
    erase_rider(town.layout, town.anna)
    stand.drain("trike-2")
    # Another rider's messages go on meanwhile.
    stand.ride(town.clients[town.bob], "trike-1", BOB)
    before = trace_of(town.layout, town.bob)
    found = bytes_of.of_place(*ANNA[0]) | {
        "grant": grant_id,
        "grant in hex": grant_id.hex().encode(),
    }
    data = town.layout.database.parent
    assert bytes_of.find(data, found)  # else the search could not fail
    retainer = Retainer(stand.database, RetentionSettings())
    keep_house(retainer, now)
    scrub.rewrite(town.layout.database)
    assert not bytes_of.find(data, found, skip=["gateways"])
    assert not any(held_by(body, grant_id) for body in bodies_of(town))
    assert trace_of(town.layout, town.bob) == before
    assert_proofs_hold(town.layout)


def test_a_record_that_arrives_a_second_time_afterwards_leaves_no_content(town: Town) -> None:
    """A gateway that forgot what it had stored puts it into another statement, without rows."""
    stand, now = town.stand, int(time.time())
    name, grant_id = begin_ride(stand, town.clients[town.anna], "trike-2")
    answer = stand.unlocked("trike-2", name, grant_id)
    sample = stand.sample("trike-2", ANNA[0], lock.DRIVE)
    stand.deliver("trike-2", [*answer, sample, *stand.locked("trike-2", name, grant_id)])
    erase_rider(town.layout, town.anna)
    for _ in range(2):
        stand.deliver("trike-2", [sample])
    assert sum(held_by(body, sample) for body in bodies_of(town)) == 2
    keep_house(Retainer(stand.database, RetentionSettings()), now)
    assert not any(held_by(body, sample) for body in bodies_of(town))


def bodies_of(town: Town) -> list[bytes]:
    return [bytes(row["body"]) for row in rows_of(town.layout.database)["bodies"]]  # type: ignore[call-overload]


def held_by(packed: bytes, needle: bytes) -> bool:
    return needle in zlib.decompress(packed)


class Interrupted(Database):
    """Something happens before its fourth transaction: the bodies were looked through by then."""

    def __init__(self, of: Database, happens: Callable[[], None]) -> None:
        super().__init__(of._link)
        self._happens = happens
        self.begun = 0

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        self.begun += 1
        if self.begun == 4:
            self._happens()
        with super().begin() as connection:
            yield connection


def test_what_he_does_during_the_erasure_goes_too(town: Town) -> None:
    """His phone asks and commands on, and a ride begins and ends."""
    stand = town.stand
    place = (489_100_001, 29_100_001)
    database = Interrupted(
        stand.database, lambda: stand.ride(town.clients[town.anna], "trike-2", [place])
    )
    erase_database.erase_rows(database, town.anna, even_riding=False)
    assert database.begun == 4
    assert trace_of(town.layout, town.anna).is_empty
    rows = rows_of(town.layout.database)
    assert place[0] not in {row["lat_e7"] for row in rows["telemetry"]}
    kinds = {record.ANSWER, record.REFUSAL}
    bob = {one.hex() for one in trace_of(town.layout, town.bob).command_ids}
    answered = [json.loads(str(row["body"])) for row in rows["records"] if row["kind"] in kinds]
    assert {body["command_id"] for body in answered} <= bob
