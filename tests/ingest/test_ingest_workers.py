"""Several worker processes that get the same messages at once, and are killed: each counts once.

The embedded broker shares nothing out: each of them has a session of its own and hears everything.
"""

import os
import random
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from ingest_fleet import FakeGateway, FakeVehicle, open_fleet
from ingest_outbox import Outbox
from worker_site import PATIENCE_S, WorkerSite

from fleet_backend.fleet import counters
from tests.fleet.engines import ENGINES, database_url
from trifleet import postgres
from trifleet.brokers.common import Role, User
from trifleet.brokers.embedded import BrokerSettings, EmbeddedBroker
from trifleet.errors import PostgresError
from trifleet.ports import free_port
from trifleet.postgres import ServerSettings

pytestmark = pytest.mark.slow

NAMES = ("w-1", "w-2", "w-3", "w-4")


class Crowd:
    """A broker, a gateway's outbox at it, and as many workers as a test wants."""

    def __init__(self, folder: Path, url: str, *, logs: bool = True) -> None:
        users = [User("gw-1", Role.GATEWAY, folder / "gw-1.password")]
        users += [User(name, Role.INGEST, folder / f"{name}.password") for name in NAMES]
        self.broker = EmbeddedBroker(BrokerSettings(folder / "broker"), users)
        self.broker.start()
        gateway, vehicle = FakeGateway("gw-1"), FakeVehicle("v-1")
        database = open_fleet(folder, (gateway, [vehicle]), url=url)
        self.site = WorkerSite(folder, url, database, gateway, vehicle, logs=logs)
        password = (folder / "gw-1.password").read_text().strip()
        self.outbox = Outbox("gw-1", password, self.broker.port, self.site.verify)

    def start(self, name: str) -> None:
        password = str(self.site.folder / f"{name}.password")
        mqtt = {"host": "127.0.0.1", "port": self.broker.port, "user": name}
        self.site.start(name, {"mqtt": {**mqtt, "password_file": password, "reconnect_max_s": 1}})

    def send(self, count: int) -> None:
        for _ in range(count):
            self.outbox.put(*self.site.message())

    def close(self) -> None:
        self.outbox.close()
        self.site.close()
        self.broker.stop()


@pytest.fixture(params=ENGINES)
def crowd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crowd]:
    made = Crowd(tmp_path, database_url(request.param, tmp_path))
    yield made
    made.close()


def _check_kills(crowd: Crowd, workers: int, kills: int) -> None:
    seed = int(os.environ.get("TRIFLEET_SEED", random.randrange(1 << 32)))
    print("TRIFLEET_SEED", seed)
    rng = random.Random(seed)
    for name in NAMES[:workers]:
        crowd.start(name)
    for _ in range(kills):
        crowd.send(rng.randint(50, 150))
        crowd.site.kill_at_random(rng, crowd.start, 1)
    crowd.send(50)
    crowd.outbox.wait_empty(PATIENCE_S)
    crowd.site.check_alive()
    assert crowd.outbox.refused == set()
    crowd.site.assert_exactly_once(crowd.site.gateway.seq)


def test_three_workers_that_hear_everything_store_it_once_though_they_are_killed(
    crowd: Crowd,
) -> None:
    _check_kills(crowd, 3, 4)
    # Where one did all of it before the others had started, the others hear what comes now.
    end_s = time.monotonic() + PATIENCE_S
    while not counted(crowd).get("ingest_statements_duplicate"):
        assert time.monotonic() < end_s, "nobody heard what another one did"
        crowd.send(10)
        crowd.outbox.wait_empty(PATIENCE_S)
    crowd.site.assert_exactly_once(crowd.site.gateway.seq)
    assert counted(crowd)["ingest_statements_accepted"] == crowd.site.gateway.seq


def counted(crowd: Crowd) -> Mapping[str, int]:
    with crowd.site.database.read() as connection:
        return counters.values(connection)


@pytest.mark.faults
@pytest.mark.parametrize("workers", [2, 4])
def test_workers_that_are_killed_often_store_everything_once(crowd: Crowd, workers: int) -> None:
    _check_kills(crowd, workers, 25)


def test_workers_wait_for_a_server_that_is_killed_and_nothing_is_lost(tmp_path: Path) -> None:
    try:
        postgres.find_programs()
    except PostgresError as error:
        pytest.skip(str(error))
    root = Path(tempfile.mkdtemp(prefix="trifleet-pg-"))
    server = postgres.initialise(root, free_port(), ServerSettings(shared_buffers_mb=32))
    try:
        server.start()
        crowd = Crowd(tmp_path, server.url(), logs=False)
        with closing(crowd):
            for name in NAMES[:2]:
                crowd.start(name)
            for _ in range(2):
                crowd.send(150)
                time.sleep(0.8)  # one round meets them at their start, the other one at work
                server.kill()
                crowd.send(50)
                time.sleep(0.5)
                server.start()
            crowd.outbox.wait_empty(PATIENCE_S)
            crowd.site.check_alive()
            assert crowd.outbox.refused == set()
            crowd.site.assert_exactly_once(400)
    finally:
        postgres.remove(server)
