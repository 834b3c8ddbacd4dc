"""A gateway's line to releases through a real broker and the real ingest, which loses messages.

Lost is what one side handed over and the other never sees: a share of the messages on up/release
and down/release, each way, drawn from a seeded generator.
"""

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_gateway.events import Arrived, Inbox
from edge_gateway.mqtt_settings import MqttSettings
from edge_gateway.updates.line import Line
from edge_gateway.updates.partial import Partials
from edge_gateway.updates.repository import Bundle
from edge_gateway.updates.repository import Repository as Client
from edge_gateway.uplink import Uplink
from fleet_backend.fleet import gateways, keys, releases, vehicles
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.ingest import mqtt
from fleet_backend.ingest.releasefiles import ReleaseFiles
from fleet_backend.ingest.worker import Worker, WorkerSettings
from protocol import courier
from trifleet.brokers.common import Role, User
from trifleet.brokers.embedded import BrokerSettings, EmbeddedBroker
from trifleet.releases.repository import Repository

GATEWAY, VEHICLE = "gw-1", "trike-1"
NAME, DIGEST = "app-7.tfr", bytes(range(32))
PASSPHRASE = b"a passphrase of this site"


class Loss:
    """Says which messages never arrive."""

    def __init__(self, share: float, seed: int) -> None:
        self.messages = self.lost = 0
        self._share = share
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def takes(self) -> bool:
        with self._lock:
            self.messages += 1
            gone = self._random.random() < self._share
            self.lost += gone
            return gone


class LossyUplink:
    """The gateway's own uplink, some of whose messages are lost."""

    def __init__(self, uplink: Uplink, loss: Loss) -> None:
        self._uplink = uplink
        self._loss = loss

    def publish(self, name: str, payload: bytes, retain: bool = False) -> bool:
        return self._loss.takes() or self._uplink.publish(name, payload, retain)


class Site:
    """Broker, ingest, repository with one bundle, and a gateway's line; a roll-out is open."""

    def __init__(self, folder: Path, bundle: bytes, loss: Loss) -> None:
        self.folder = folder
        self.loss = loss
        self.bundle = bundle
        self.repository = Repository(folder / "repository")
        now = datetime.now(UTC)
        self.repository.init(PASSPHRASE, now)
        custom: dict[str, object] = {"board": "virtual", "number": 7, "digest": DIGEST.hex()}
        files = {NAME: (bundle, custom), NAME + ".receipt": (bytes(3_000), {})}
        self.repository.publish(files, PASSPHRASE, now)
        self._stop = threading.Event()

    def fetch(self) -> tuple[Bundle, float]:
        """From "what is wanted?" to the verified bundle on the gateway's disk, and the seconds."""
        with contextlib.ExitStack() as ends:
            port, words = self._broker(ends)
            self._ingest(ends, port, words["ingest"])
            line = self._line(ends, port, words[GATEWAY])
            client = Client(self.folder / "gateway", self.repository.root_bytes, line)
            begin = time.monotonic()
            (want,) = line.ask_wanted()
            found = client.get(want.target, want.digest)
            return found, time.monotonic() - begin

    def _broker(self, ends: contextlib.ExitStack) -> tuple[int, dict[str, Path]]:
        words = {name: self.folder / f"{name}.password" for name in ("ingest", GATEWAY)}
        roles = {"ingest": Role.INGEST, GATEWAY: Role.GATEWAY}
        users = [User(name, roles[name], path) for name, path in words.items()]
        broker = EmbeddedBroker(BrokerSettings(self.folder / "broker"), users)
        broker.start()
        ends.callback(broker.stop)
        return broker.port, words

    def _ingest(self, ends: contextlib.ExitStack, port: int, word: Path) -> None:
        database = self._database()
        ends.callback(database.close)
        adapter = mqtt.MqttAdapter(mqtt.MqttSettings("127.0.0.1", port, "ingest", word))
        ends.callback(adapter.close)

        def send(gateway: str, name: str, payload: bytes) -> None:
            if name != courier.DOWN_RELEASE or not self.loss.takes():
                adapter.send(gateway, name, payload)

        files = ReleaseFiles(self.repository.folder, send)
        files.start()
        ends.callback(files.stop)
        worker = Worker(
            database, adapter, Ed25519PrivateKey.generate(), WorkerSettings(), questions=files.ask
        )
        ends.callback(worker.close)
        ends.enter_context(_running(lambda stop: worker.run(stop)))

    def _line(self, ends: contextlib.ExitStack, port: int, word: Path) -> Line:
        inbox = Inbox(1_024)
        uplink = Uplink(MqttSettings("127.0.0.1", port, GATEWAY, word), GATEWAY, inbox)
        lossy = LossyUplink(uplink, self.loss)
        line = Line(lossy, Partials(self.folder / "gateway/partial"), self._stop)

        def pump(stop: threading.Event) -> None:
            while not stop.is_set():
                for event in inbox.take(0.05):
                    if isinstance(event, Arrived):
                        line.arrived(event.payload)

        uplink.start()
        ends.callback(uplink.stop)
        ends.enter_context(_running(pump))
        while not uplink.connected:
            time.sleep(0.01)
        return line

    def _database(self) -> Database:
        database = open_database(f"sqlite:///{self.folder / 'fleet.db'}")
        database.create_schema()
        now = int(time.time())
        key = keys.public_bytes(Ed25519PrivateKey.generate())
        new = releases.Rollout(
            "bench", DIGEST, NAME, "virtual", "7", 7, 1, 0, 0, releases.RUNNING, "", 0, now, now
        )
        with database.begin() as connection:
            gateways.register(connection, GATEWAY, key, gateways.GATEWAY, now)
            vehicles.register(connection, VEHICLE, GATEWAY, bytes(32), bytes(32), bytes(32), now)
            releases.add(connection, new, [(VEHICLE, 1)])
            releases.change(connection, "bench", 0, releases.RUNNING, 1, "", now)
        return database


@contextlib.contextmanager
def _running(run: "object") -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(stop,), daemon=True)  # type: ignore[arg-type]
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)
