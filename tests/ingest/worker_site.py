"""Several worker processes on one database, and the ledger beside them, for tests that kill."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ingest_fleet import NOW, FakeGateway, FakeVehicle

from fleet_backend.fleet import statements, telemetry
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.keys import ed25519_verifier, generate_ed25519, public_bytes
from fleet_backend.ingest.sequencer import Sequencer, SequencerThread
from fleet_backend.ledger.keys import generate_log_key, log_signer
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.writer import create_ledger
from trifleet.layout import Settings, write_toml

ORIGIN = "fleet.example/log"
PATIENCE_S = 60.0


class WorkerSite:
    """Gateway `gw-1` with vehicle `v-1` must be registered. `close` ends everything."""

    def __init__(
        self,
        folder: Path,
        url: str,
        database: Database,
        gateway: FakeGateway,
        vehicle: FakeVehicle,
        *,
        logs: bool = True,
    ) -> None:
        """Without `logs` the ledger is written at the end, and not while the workers work."""
        self.folder, self.database = folder, database
        self.gateway, self.vehicle = gateway, vehicle
        self._url = url
        self.ack_key = generate_ed25519(folder / "ack.key")
        self.verify = ed25519_verifier(public_bytes(self.ack_key))
        self._log_key = generate_log_key(folder / "log.key")
        create_ledger(folder / "ledger", ORIGIN, self._log_key)
        self._sequencer: SequencerThread | None = None
        if logs:
            self.log()
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, broker: Settings) -> None:
        """A worker; `broker` is its table [mqtt] or [amqp]. The same name starts it again."""
        path = self.folder / f"{name}.toml"
        if not path.exists():
            worker: Settings = {"notes": str(self.folder / "notes"), "housekeeping_s": 60}
            worker["patience_max_s"] = 0.5
            common: Settings = {"database": self._url, "ack_key": "ack.key", "worker": worker}
            write_toml(path, {**common, **broker})
        script = Path(__file__).with_name("worker_child.py")
        with (self.folder / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(
                [sys.executable, str(script), str(path)], stdout=log, stderr=log
            )

    def log(self) -> None:
        """Begin to write the ledger."""
        opened = Sequencer.open(
            self.database, self.folder / "ledger", ORIGIN, self.folder / "log.key"
        )
        self._sequencer = SequencerThread(opened, lambda: None)
        self._sequencer.start(0.05)

    def kill(self, name: str) -> None:
        """As the kernel does when memory is short."""
        child = self._children.pop(name)
        child.kill()
        child.wait()

    def message(self) -> tuple[int, bytes]:
        """The next statement: (number, as it travels)."""
        number = self.gateway.seq
        return number, self.gateway.message([self.vehicle.sample()])

    def kill_at_random(self, rng: random.Random, start: Callable[[str], None], kills: int) -> None:
        """One of the workers at a time, started again at once."""
        for _ in range(kills):
            time.sleep(rng.uniform(0.2, 0.9))
            name = rng.choice(sorted(self._children))
            self.kill(name)
            start(name)

    def check_alive(self) -> None:
        for name, child in self._children.items():
            assert child.poll() is None, (self.folder / f"{name}.log").read_text()

    def assert_exactly_once(self, count: int) -> None:
        """Every statement and sample once, in the database and in the ledger, without a gap."""
        if self._sequencer is None:
            self.log()
        self._wait_logged(count)
        verifier = log_signer(ORIGIN, self._log_key).verifier
        reader = LedgerReader(FolderFetch(self.folder / "ledger/public"), verifier)
        reader.audit()
        entries = list(reader.entries(0, reader.checkpoint.size))
        assert len(set(entries)) == len(entries) == count
        with self.database.read() as connection:
            links = statements.links(connection, "gw-1", 0, count + 9)
            assert [one.seq for one in links] == list(range(count))
            assert {one.hash for one in links} == {statements.hash_of(one) for one in entries}
            assert len(telemetry.series(connection, "v-1", 0, NOW).time) == count

    def _wait_logged(self, count: int) -> None:
        end = time.monotonic() + PATIENCE_S
        while True:
            with self.database.read() as connection:
                stored, logged = statements.count(connection)
            if logged == count:
                break
            assert time.monotonic() < end, f"{stored} stored, {logged} logged of {count}"
            time.sleep(0.05)
        assert self._sequencer is not None
        self._sequencer.stop()
        self._sequencer = None

    def close(self) -> None:
        for child in self._children.values():
            child.send_signal(signal.SIGTERM)
        for child in self._children.values():
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if self._sequencer is not None:
            self._sequencer.stop()
        self.database.close()
