"""The whole program over the embedded broker: what it takes survives kill -9, exactly once."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ingest_fleet import NOW, FakeGateway, FakeVehicle, open_fleet
from ingest_outbox import Outbox
from sqlalchemy import select

from fleet_backend.fleet import schema, sightings, statements, vehicles
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.keys import ed25519_verifier, generate_ed25519, public_bytes
from fleet_backend.ingest import ledgerprogram
from fleet_backend.ingest.settings import load_ledger_settings
from fleet_backend.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from fleet_backend.ledger.keys import generate_log_key, load_log_key, log_signer, log_vkey
from fleet_backend.ledger.merkle import verify_consistency
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.writer import create_ledger
from protocol import courier, sighting
from trifleet.brokers.common import Role, User
from trifleet.brokers.embedded import BrokerSettings, EmbeddedBroker

ORIGIN = "fleet.example/log"
PATIENCE_S = 60.0


@dataclass
class Site:
    """A data folder with broker, database and ledger, and the child that runs the ingest."""

    folder: Path
    broker: EmbeddedBroker
    database: Database
    reader: Callable[[], LedgerReader]
    outbox: Outbox
    gateway: FakeGateway
    vehicle: FakeVehicle
    child: subprocess.Popen[bytes] | None = None
    sent: int = field(default=0)

    @property
    def config(self) -> Path:
        return self.folder / "ingest.toml"

    def start(self) -> None:
        script = Path(__file__).with_name("ingest_child.py")
        with (self.folder / "ingest.log").open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, str(script), str(self.config)], stdout=log, stderr=log
            )

    def end(self, number: signal.Signals) -> None:
        assert self.child is not None
        self.child.send_signal(number)
        self.child.wait(timeout=30)
        self.child = None

    def send(self, count: int) -> None:
        for _ in range(count):
            self.outbox.put(self.gateway.seq, self.gateway.message([self.vehicle.sample()]))
            self.sent += 1

    def wait_logged(self) -> None:
        end = time.monotonic() + PATIENCE_S
        while True:
            with self.database.read() as connection:
                stored, logged = statements.count(connection)
            if stored == logged == self.sent:
                return
            assert self.child is not None
            assert self.child.poll() is None, (self.folder / "ingest.log").read_text()
            assert time.monotonic() < end, f"{stored} stored, {logged} logged of {self.sent}"
            time.sleep(0.02)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    users = [
        User("gw-1", Role.GATEWAY, tmp_path / "gw-1.password"),
        User("ingest", Role.INGEST, tmp_path / "ingest.password"),
    ]
    broker = EmbeddedBroker(BrokerSettings(tmp_path / "broker"), users)
    broker.start()
    gateway, vehicle = FakeGateway("gw-1"), FakeVehicle("v-1")
    database = open_fleet(tmp_path, (gateway, [vehicle]))
    ack_key = generate_ed25519(tmp_path / "ack.key")
    log_key = generate_log_key(tmp_path / "log.key")
    create_ledger(tmp_path / "ledger", ORIGIN, log_key)
    _write_config(tmp_path, broker.port)
    verify = ed25519_verifier(public_bytes(ack_key))
    outbox = Outbox("gw-1", (tmp_path / "gw-1.password").read_text().strip(), broker.port, verify)
    fetch, verifier = FolderFetch(tmp_path / "ledger" / "public"), log_signer(ORIGIN, log_key)
    made = Site(
        tmp_path,
        broker,
        database,
        lambda: LedgerReader(fetch, verifier.verifier),
        outbox,
        gateway,
        vehicle,
    )
    yield made
    if made.child is not None:
        made.end(signal.SIGKILL)
    outbox.close()
    database.close()
    broker.stop()


def _write_config(folder: Path, port: int) -> None:
    (folder / "ingest.toml").write_text(
        f'''database = "sqlite:///{folder}/fleet.db"
ack_key = "{folder}/ack.key"

[mqtt]
host = "127.0.0.1"
port = {port}
user = "ingest"
password_file = "{folder}/ingest.password"
reconnect_max_s = 1

[ledger]
directory = "{folder}/ledger"
origin = "{ORIGIN}"
key_file = "{folder}/log.key"
'''
    )


def _assert_exactly_once(site: Site) -> None:
    """Every statement and record once, in the database and in the ledger, without a gap."""
    reader = site.reader()
    reader.audit()
    assert reader.checkpoint.size == site.sent
    entries = list(reader.entries(0, site.sent))
    assert len(set(entries)) == site.sent
    with site.database.read() as connection:
        links = statements.links(connection, "gw-1", 0, site.sent + 9)
        assert [one.seq for one in links] == list(range(site.sent))
        assert {one.hash for one in links} == {statements.hash_of(one) for one in entries}
        assert statements.by_leaf(connection, site.sent - 1).statement == entries[-1]
        stored = connection.execute(select(schema.telemetry.c.seq)).scalars().all()
        assert sorted(stored) == list(range(site.sent))


def _check_kills_at_random_moments(site: Site, moments: int) -> None:
    seed = int(os.environ.get("TRIFLEET_SEED", random.randrange(1 << 32)))
    print("TRIFLEET_SEED", seed)
    rng = random.Random(seed)
    for _ in range(moments):
        site.start()
        halt = time.monotonic() + rng.uniform(0.3, 1.6)
        while time.monotonic() < halt:
            site.send(rng.randint(1, 40))
            time.sleep(rng.uniform(0, 0.02))
        site.end(signal.SIGKILL)
    site.start()
    site.outbox.wait_empty(PATIENCE_S)
    site.wait_logged()
    site.end(signal.SIGTERM)
    assert site.outbox.refused == set()
    _assert_exactly_once(site)


def test_ingest_killed_at_two_random_moments_keeps_everything_once(site: Site) -> None:
    _check_kills_at_random_moments(site, 2)


@pytest.mark.faults
@pytest.mark.parametrize("round_", range(3))
def test_ingest_killed_at_ten_random_moments_keeps_everything_once(site: Site, round_: int) -> None:
    _check_kills_at_random_moments(site, 10)


def test_broker_killed_while_statements_come_loses_nothing(site: Site) -> None:
    site.start()
    site.send(100)
    site.broker.kill()
    site.send(100)
    site.broker.start()
    site.outbox.wait_empty(PATIENCE_S)
    site.wait_logged()
    site.end(signal.SIGTERM)
    _assert_exactly_once(site)


def test_ingest_that_started_before_the_broker_connects_later(site: Site) -> None:
    site.broker.stop()
    site.start()
    site.send(5)
    site.broker.start()
    site.outbox.wait_empty(PATIENCE_S)
    with site.database.read() as connection:
        assert vehicles.state(connection, "v-1").boot == 1


def _ask(site: Site, held: bytes) -> None:
    made = sighting.Sighting("gw-1", NOW, ORIGIN, held)
    site.outbox.publish(courier.UP_SIGHTING, sighting.encode(made, site.gateway.key.sign))


def _checkpoints(site: Site, count: int) -> list[tuple[str, bytes, int, list[bytes]]]:
    """The answers so far, once there are so many."""
    end = time.monotonic() + PATIENCE_S
    while len(site.outbox.checkpoints) < count:
        assert time.monotonic() < end, (site.folder / "ingest.log").read_text()
        time.sleep(0.02)
    return [courier.decode_checkpoint(one) for one in site.outbox.checkpoints]


def test_a_sighting_is_kept_and_answered_with_what_continues_it(site: Site) -> None:
    site.start()
    site.send(5)
    site.outbox.wait_empty(PATIENCE_S)
    site.wait_logged()
    _ask(site, b"")
    origin, note, old_size, proof = _checkpoints(site, 1)[0]
    signer = log_signer(ORIGIN, load_log_key(site.folder / "log.key"))
    log = signer.verifier
    first = open_checkpoint(note, (log,))
    assert (origin, first.size, old_size, proof) == (ORIGIN, 5, 0, [])
    site.send(300)
    site.outbox.wait_empty(PATIENCE_S)
    site.wait_logged()
    _ask(site, note)
    _, note, old_size, proof = _checkpoints(site, 2)[1]
    second = open_checkpoint(note, (log,))
    assert (second.size, old_size) == (305, 5)
    verify_consistency(5, 305, first.root, second.root, proof)
    # Who saw more than is published is shown what is published.
    ahead = sign_checkpoint(Checkpoint(ORIGIN, 999, bytes(32)), signer)
    _ask(site, ahead.note)
    assert _checkpoints(site, 3)[2] == (ORIGIN, note, 999, [])
    with site.database.read() as connection:
        rows, _ = sightings.page(connection)
    assert [(one.gateway, one.size, one.note) for one in rows] == [("gw-1", 999, ahead.note)]
    site.end(signal.SIGTERM)


def test_a_log_that_cannot_be_read_stops_no_statement(site: Site) -> None:
    site.start()
    site.send(5)
    site.outbox.wait_empty(PATIENCE_S)
    site.wait_logged()
    (site.folder / "ledger/public/checkpoint").write_bytes(b"spoilt")
    _ask(site, b"")
    end = time.monotonic() + PATIENCE_S
    while "no answer to a sighting" not in (site.folder / "ingest.log").read_text():
        assert time.monotonic() < end, "the spoilt checkpoint was not met"
        time.sleep(0.02)
    site.send(5)
    site.outbox.wait_empty(PATIENCE_S)
    site.wait_logged()
    # The next batch published the next checkpoint: now there is an answer.
    _ask(site, b"")
    note = _checkpoints(site, 1)[0][1]
    log = log_signer(ORIGIN, load_log_key(site.folder / "log.key")).verifier
    assert open_checkpoint(note, (log,)).size == 10
    site.end(signal.SIGTERM)


def test_ingest_with_a_wrong_password_ends_with_a_named_error(site: Site) -> None:
    (site.folder / "ingest.password").write_text("wrong\n")
    site.start()
    assert site.child is not None
    assert site.child.wait(PATIENCE_S) != 0
    assert "BrokerRefusedError: the broker refuses us" in (site.folder / "ingest.log").read_text()


def test_a_worker_and_the_ledgers_own_program_share_the_work(site: Site) -> None:
    """The worker holds no key of the log; it answers sightings from what is published."""
    text = site.config.read_text()
    database, common, ledger = text.partition("ack_key")[0], *text.split("[ledger]")
    (site.folder / "ledger.toml").write_text(f"{database}[ledger]{ledger}")
    key = log_vkey(ORIGIN, load_log_key(site.folder / "log.key"))
    (site.folder / "policy.txt").write_text(f"log {key}\nquorum none\n")
    answers = f'[answers]\npublic = "{site.folder}/ledger/public"\npolicy = "policy.txt"\n'
    site.config.write_text(common + answers)
    settings = load_ledger_settings(site.folder / "ledger.toml")
    stop = threading.Event()
    writer = threading.Thread(target=ledgerprogram.run, args=(settings, stop))
    writer.start()
    site.start()
    site.send(40)
    site.outbox.wait_empty(PATIENCE_S)
    site.wait_logged()
    _ask(site, b"")
    note = _checkpoints(site, 1)[0][1]
    log = log_signer(ORIGIN, load_log_key(site.folder / "log.key")).verifier
    assert open_checkpoint(note, (log,)).size == 40
    site.end(signal.SIGTERM)
    stop.set()
    writer.join(PATIENCE_S)
    assert not writer.is_alive()
    _assert_exactly_once(site)
