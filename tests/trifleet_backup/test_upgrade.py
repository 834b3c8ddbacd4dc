"""A data folder that an earlier program left is opened by this one's programs, and goes on."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import insert

from fleet_backend.fleet import keys, schema
from fleet_backend.fleet.database import open_database
from fleet_backend.fleet.errors import SchemaVersionError
from fleet_backend.ledger.keys import load_log_key
from fleet_backend.ledger.writer import LedgerWriter
from protocol import statement as wire
from tests.fleet.engines import POSTGRES, SQLITE, database_url, make_older
from tests.ingest.ingest_fleet import NOW, FakeGateway, FakeVehicle
from tests.privacy.privacy_stand import PrivacyStand
from tests.trifleet_backup.server_life import held
from trifleet import installation
from trifleet.backups import backup
from trifleet.backups.backup import BackupFolder
from trifleet.backups.restore import restore
from trifleet.layout import Layout, write_private

LOGGED, STORED = 2, 4
NEWEST = schema.VERSION - 1


@dataclass
class Older:
    """Statements of one vehicle, some of them in the log."""

    layout: Layout
    gateway: FakeGateway
    vehicle: FakeVehicle


def make_folder(folder: Path, engine: str, version: int) -> Older:
    layout = Layout(folder / "data")
    installation.found(layout, lambda *_: None)
    if engine == POSTGRES:
        url = database_url(POSTGRES, folder, empty=True)
        write_private(layout.database_url_file, url.encode() + b"\n")
    made = Older(layout, FakeGateway("gw-1"), FakeVehicle("trike-1"))
    with closing(open_database(layout.database_url)) as database:
        make_older(database, version)
        with database._link.writers.begin() as connection:
            register(connection, made)
            entries = [store(connection, made, seq) for seq in range(STORED)]
    key = load_log_key(layout.log_key)
    with LedgerWriter.open(layout.ledger, installation.origin(layout), key) as writer:
        writer.append(entries[:LOGGED])
    return made


def register(connection, made: Older) -> None:
    gateway = {"id": "gw-1", "kind": "gateway", "added": NOW}
    public = keys.public_bytes(made.gateway.key)
    connection.execute(insert(schema.gateways).values({**gateway, "public_key": public}))
    vehicle = {
        "id": "trike-1", "gateway": "gw-1", "owner_thumbprint": bytes(32),
        "record_key": made.vehicle.record_key, "key_fingerprint": b"f", "added": NOW,
    }  # fmt: skip
    connection.execute(insert(schema.vehicles).values(vehicle))


def store(connection, made: Older, seq: int) -> bytes:
    """As the ingest of that time did."""
    message = made.gateway.message([made.vehicle.sample(NOW + seq)])
    sign1, salt, packed = wire.decode_message(message)
    claim = wire.decode_unverified(sign1)
    row = {
        "id": seq + 1, "gateway": "gw-1", "seq": seq, "hash": wire.statement_hash(sign1),
        "prev_hash": claim.prev_hash, "kind": claim.kind, "time": NOW, "server_time": NOW,
        "statement": sign1, "future": False, "leaf_index": seq if seq < LOGGED else None,
    }  # fmt: skip
    connection.execute(insert(schema.statements).values(row))
    body = {"statement_id": seq + 1, "salt": salt, "body": packed}
    connection.execute(insert(schema.bodies).values(body))
    sample = {
        "vehicle": "trike-1", "boot": 1, "seq": seq, "statement_id": seq + 1, "time": NOW + seq,
        "server_time": NOW, "speed_mmps": 5_000,
    }  # fmt: skip
    connection.execute(insert(schema.telemetry).values(sample))
    return sign1


OLDER = [
    (SQLITE, 1),
    pytest.param((SQLITE, NEWEST), marks=pytest.mark.faults),
    pytest.param((POSTGRES, 1), marks=pytest.mark.faults),
    (POSTGRES, NEWEST),
]


@pytest.fixture(params=OLDER, ids=str)
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Older]:
    yield make_folder(tmp_path, *request.param)


def test_the_programs_of_this_version_go_on_with_an_older_folder(older: Older) -> None:
    url = older.layout.database_url
    told = pytest.raises(SchemaVersionError, match="start the ingest")
    with closing(open_database(url)) as database, told:
        database.check_schema()  # as an API that starts first is told
    stand = PrivacyStand(older.layout.root, names=())
    try:
        assert stand.sequencer.step() == STORED - LOGGED
        stand.adapter.put("gw-1", older.gateway.message([older.vehicle.sample(NOW + STORED)]))
        stand.worker.handle(stand.adapter.receive(1_000, 0, 0))
        assert stand.sequencer.step() == 1
        asked = {"from": NOW, "to": NOW + 60, "step": "raw"}
        answer = stand.operator.get("/v1/fleet/vehicles/trike-1/telemetry", params=asked)
        assert answer.status_code == 200, answer.text
        assert answer.json()["time"] == [NOW + seq for seq in range(STORED + 1)]
    finally:
        stand.close()
    now = held(url)
    assert now.chains == {"gw-1": list(range(STORED + 1))}
    assert now.places == list(range(STORED + 1))
    assert (now.with_body, now.samples, now.open_gaps) == (STORED + 1, STORED + 1, 0)


def test_a_back_up_that_an_older_program_made_is_restored_by_this_one(tmp_path: Path) -> None:
    made = make_folder(tmp_path, SQLITE, 1)
    backup.make(made.layout, tmp_path / "kept", with_keys=True)
    seen = (made.layout.ledger / "public/checkpoint").read_bytes()
    new = Layout(tmp_path / "new")
    found = restore(BackupFolder(tmp_path / "kept"), new, seen=seen)
    assert (found.size, found.may_sign) == (LOGGED, True)
    assert held(new.database_url).places == list(range(LOGGED))
    assert held(new.database_url).samples == STORED
