"""Everything that a storm is let loose on: gateways, a bad network, broker, ingest, database."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path

import paho.mqtt.client as paho
from bad_network import BadNetwork
from fed_bus import Script
from paho.mqtt.enums import CallbackAPIVersion

from edge_gateway.mqtt_tls import MqttTls
from fleet_backend.fleet import gateways, keys, vehicles
from fleet_backend.fleet.database import Database, open_database
from fleet_backend.ledger import pemfile
from trifleet import ingest_line, installation
from trifleet.brokers.kinds import BrokerKind
from trifleet.layout import Layout, make_folder, write_toml
from trifleet.load.keys import Keyring
from trifleet.ports import LOOPBACK, free_port
from trifleet.postgres import PostgresServer, initialise
from trifleet.program_settings import ProgramSettings
from trifleet.supervisor import Program, Supervisor
from trifleet.transport import Transport, gateway_party

_DISK_MB = 48


@dataclass(frozen=True)
class SiteSettings:
    """How large it is."""

    gateways: int
    hosts: int
    script: Script
    seed: int
    broker: BrokerKind = BrokerKind.EMBEDDED
    postgres: bool = False


class Site:
    """A context manager; what it started is gone at its end."""

    def __init__(self, folder: Path, settings: SiteSettings) -> None:
        self.settings = settings
        self.layout = Layout(folder / "data")
        self.names = [f"gw-{number}" for number in range(settings.gateways)]
        self.ring = Keyring(settings.seed.to_bytes(32, "big"))
        self.supervisor = Supervisor()
        self.postgres: PostgresServer | None = None
        self.can_fill_disk = False
        self._folder = folder
        self._ends = ExitStack()
        self._disk = make_folder(folder / "disk")

    def __enter__(self) -> "Site":
        self._ends.__enter__()
        try:
            self._start()
        except BaseException:
            self._ends.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    @staticmethod
    def vehicle(gateway: str) -> str:
        return gateway.replace("gw-", "trike-")

    def host(self, number: int) -> str:
        """The name of its program."""
        return f"host-{number}"

    def gateways_of(self, host: int) -> Sequence[str]:
        return self.names[host :: self.settings.hosts]

    @contextlib.contextmanager
    def database(self):  # type: ignore[no-untyped-def]
        with closing(open_database(self.layout.database_url)) as database:
            yield database

    def kill(self, name: str) -> None:
        """As a crash; the supervisor starts it again."""
        pid = self.supervisor.children[name].pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_database(self) -> None:
        assert self.postgres is not None
        self.postgres.kill()
        self.postgres.start()

    def set_clock(self, host: int, offset_s: float) -> None:
        """Of the computer that a host's gateways run on."""
        draft = self._offset_file(host).with_suffix(".new")
        draft.write_text(str(offset_s))
        draft.replace(self._offset_file(host))

    def fill_disk(self, full: bool) -> None:
        """Of the first host."""
        ballast = self._disk / "ballast"
        if not full:
            ballast.unlink(missing_ok=True)
            return
        with contextlib.suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(65_536))
                file.flush()

    def twin(self, gateway: str, seconds: float) -> None:
        """Somebody with a copy of the gateway's files connects as it, with its client id."""
        party = gateway_party(self.layout, gateway)
        tls = MqttTls(party.ca_file, party.certificate_file, party.private_key_file)
        client = paho.Client(
            CallbackAPIVersion.VERSION2, tls.client_id(gateway), False, protocol=paho.MQTTv311
        )
        client.tls_set_context(tls.context())
        client.reconnect_delay_set(1, 1)
        with contextlib.suppress(OSError):
            client.connect(LOOPBACK, self.broker.port)
        client.loop_start()
        time.sleep(seconds)
        client.disconnect()
        client.loop_stop()

    def waiting(self) -> int:
        """Statements in the gateways' outboxes."""
        total = 0
        for name in self.names:
            file = self._place(name) / "outbox.db"
            with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)) as outbox:
                total += outbox.execute("SELECT count(*) FROM statements").fetchone()[0]
        return total

    def stored(self) -> int:
        """Records that the vehicles were told to be stored."""
        files = [self._vehicles / f"{self.vehicle(name)}.stored" for name in self.names]
        return sum(int(file.read_text()) for file in files if file.exists())

    def faults(self) -> list[str]:
        """What gateways ended by that they must not end by."""
        return [file.read_text() for file in self._folder.rglob("faults")]

    @property
    def _vehicles(self) -> Path:
        return self._folder / "vehicles"

    def _offset_file(self, host: int) -> Path:
        return self._folder / f"{self.host(host)}.offset"

    def _place(self, gateway: str) -> Path:
        number = self.names.index(gateway) % self.settings.hosts
        if number == 0 and self.can_fill_disk:
            return self._disk / gateway
        return self.layout.gateway(gateway)

    def _start(self) -> None:
        make_folder(self._vehicles)
        self._mount()
        installation.found(self.layout, lambda who, what: None)
        if self.settings.postgres:
            self.postgres = initialise(self._open_folder() / "postgres", free_port())
            self._ends.callback(self.postgres.stop)
            self.postgres.start()
            self.layout.database_url_file.write_text(self.postgres.url())
            self.layout.database_url_file.chmod(0o600)
        with self.database() as database:
            database.create_schema()
            self._register(database)
        self._ends.callback(self.supervisor.stop)
        transport = Transport(self.layout, self.names)
        transport.ensure_certificates()
        self.broker = transport.make_broker(self.settings.broker)
        self.broker.write_config()
        self._run("broker", *self.broker.command())
        self.broker.wait_until_ready()
        self.network = self._ends.enter_context(BadNetwork(self.broker.port, self.settings.seed))
        line = ingest_line.to(self.broker, 1)
        config = ProgramSettings(self.layout, self.broker.port, line).ingest()
        words = ("-m", "trifleet.cli", "backend", "ingest", "--config", str(config))
        self._run("ingest", sys.executable, *words)
        for number in range(self.settings.hosts):
            self._start_host(number)

    def _open_folder(self) -> Path:
        """For a server that another account runs: it has to get there."""
        folder = Path(self._ends.enter_context(tempfile.TemporaryDirectory(prefix="trifleet-")))
        folder.chmod(0o711)
        return folder

    def _mount(self) -> None:
        """A small disk for the first host; only root makes one."""
        command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs", str(self._disk)]
        if os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0:
            self.can_fill_disk = True
            self._ends.callback(subprocess.run, ["umount", str(self._disk)], check=True)

    def _register(self, database: Database) -> None:
        now = int(time.time())
        with database.begin() as connection:
            for name in self.names:
                key = self.ring.gateway(name)
                public = keys.public_bytes(key)
                gateways.register(connection, name, public, gateways.GATEWAY, now)
                vehicle = self.vehicle(name)
                record_key = self.ring.record_key(vehicle)
                mark = self.ring.vehicle(vehicle)
                vehicles.register(connection, vehicle, name, bytes(32), record_key, mark, now)

    def _start_host(self, number: int) -> None:
        for name in self.gateways_of(number):
            self._write_gateway(name)
        first = self._place(self.gateways_of(number)[0])
        asked = {
            "folder": str(first.parent),
            "vehicles": str(self._vehicles),
            "offset_file": str(self._offset_file(number)),
            "script": asdict(self.settings.script),
            "gateways": [
                {
                    "gateway": name,
                    "vehicle": self.vehicle(name),
                    "key": self.ring.record_key(self.vehicle(name)).hex(),
                }
                for name in self.gateways_of(number)
            ],
        }
        file = self._folder / f"{self.host(number)}.json"
        file.write_text(json.dumps(asked))
        program = Path(__file__).with_name("chaos_host.py")
        root = str(Path(__file__).resolve().parents[2])
        self._run(self.host(number), sys.executable, str(program), str(file), PYTHONPATH=root)

    def _write_gateway(self, name: str) -> None:
        folder = make_folder(self._place(name))
        pemfile.write_key(folder / "gateway.key", self.ring.gateway(name))
        party = gateway_party(self.layout, name)
        ack = keys.public_bytes(keys.load_ed25519(self.layout.ack_key)).hex()
        write_toml(
            folder / "gateway.toml",
            {
                "gateway": name,
                "key_file": "gateway.key",
                "ack_public_key": ack,
                "outbox_file": "outbox.db",
                "bus": [{"vehicle": self.vehicle(name), "interface": "virtual", "channel": name}],
                "mqtt": {
                    "host": LOOPBACK,
                    "port": self.network.port,
                    "ca_file": str(party.ca_file),
                    "certificate_file": str(party.certificate_file),
                    "private_key_file": str(party.private_key_file),
                },
                "limits": {"first_resend_s": 2, "longest_resend_s": 10},
            },
        )

    def _run(self, name: str, *command: str, **environment: str) -> None:
        log = make_folder(self.layout.logs) / f"{name}.log"
        self.supervisor.start(Program(name, command, log, environment))
