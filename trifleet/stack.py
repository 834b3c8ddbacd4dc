"""The whole stack on one machine: starts every program and watches it.

Order of the start: broker, backend, vehicles, gateways. Nothing here decides about a vehicle.
"""

import dataclasses
import json
import logging
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fleet_backend.fleet.metricserver import served
from fleet_backend.witness.setup import SETTINGS_FILE
from trifleet import ingest_line, installation
from trifleet.brokers.embedded import empty_if_asked
from trifleet.brokers.kinds import BrokerKind
from trifleet.errors import InstallationError
from trifleet.hostmetrics import HostCollector, registry_of
from trifleet.layout import Layout, lock_folder, make_folder, write_private
from trifleet.ports import LOOPBACK, free_port, require_free
from trifleet.program_settings import BoardWish, ProgramSettings
from trifleet.provisioning import Say
from trifleet.slots import Slot, known_vehicles, slots
from trifleet.supervisor import Program, Supervisor
from trifleet.transport import AnyBroker, Transport

log = logging.getLogger("trifleet.stack")

LEAST_VEHICLES = 3
# A vehicle tells its challenge once a minute: the first one may have got lost.
_READY_S = 90.0
_TEND_S = 0.1
# How often we look, and when a timestamp is signed anew.
_FRESHEN_S = 600.0
_FRESHEN_AGAIN_S = 60.0
_TIMESTAMP_LEFT = timedelta(hours=18)


@dataclasses.dataclass(frozen=True)
class StackSettings:
    """What `trifleet run` was asked for."""

    data: Path
    vehicles: int = 0  # 0: as many as the folder has, at least three
    port: int = 8080
    reaction_s: float = 0.4  # of the simulated riders
    can_log: bool = False  # keep a candump file of each bus
    broker: BrokerKind = BrokerKind.EMBEDDED
    workers: int = 1  # of the ingest
    witness_port: int = 0  # be a witness for other owners' logs there; 0: be none


class Stack:
    """Start, tend and stop. Not for several threads, but for `slots` and `address`."""

    def __init__(self, settings: StackSettings) -> None:
        self.settings = settings
        self.layout = Layout(settings.data)
        self.supervisor = Supervisor()
        self.slots: list[Slot] = []
        self._lock: int | None = None
        self._mqtt_port = 0
        self._freshen_s = 0.0
        self._ends = ExitStack()
        self._transport: Transport | None = None
        self._broker: AnyBroker | None = None

    @property
    def address(self) -> str:
        """Where API and pages are."""
        return f"http://{LOOPBACK}:{self.settings.port}"

    def start(self, say: Say, stop: threading.Event) -> None:
        """Install what is missing, start every program, wait until all vehicles can be unlocked.

        Returns early where `stop` is set. Raises TrifleetError.
        """
        require_free(self.settings.port)
        ingest_line.require(self.settings.broker, self.settings.workers)
        if self.layout.shares_log:
            raise InstallationError(
                f"the log of {self.layout.root} is shared (ledger/tiles.url): its programs are"
                " started one by one, docs/ledger.md says how"
            )
        count = self.settings.vehicles
        if count == 0:
            count = max(LEAST_VEHICLES, known_vehicles(self.layout))
        self.slots = slots(count)
        self.start_witness(say)
        installation.install(self.layout, count, say)
        broker = self._start_broker(say)
        line = ingest_line.to(broker, self.settings.workers)
        files = ProgramSettings(self.layout, broker.port, line)
        self._serve_metrics(files.metrics_ports)
        self._start_backend(files)
        self._start_vehicles(files)
        self._mqtt_port = broker.port
        self._write_run_file()
        say("starting", f"{len(self.supervisor.children)} processes, logs in {self.layout.logs}")
        self._wait(stop)

    def start_witness(self, say: Say) -> None:
        """Take the folder, and serve its witness if there shall be one; safe to call twice.

        Apart from `start`, because owners who witness each other need each other's to get ready.
        """
        if self._lock is not None:
            return
        installation.claim(self.layout)
        self._lock = lock_folder(self.layout.root, "trifleet")
        if not self.settings.witness_port:
            return
        require_free(self.settings.witness_port)
        installation.make_witness(self.layout, say)
        config, port = str(self.layout.witness / SETTINGS_FILE), str(self.settings.witness_port)
        self._trifleet("witness", "witness", "serve", "--config", config, "--port", port)

    def tend_until(self, stop: threading.Event) -> None:
        """Restart what dies, until `stop`."""
        while not stop.wait(_TEND_S):
            if self.supervisor.tend():
                self._write_run_file()
            if self._transport is not None and self._broker is not None:
                self._transport.tend(self._broker)
            self._freshen_releases()

    def stop(self) -> None:
        """End every process; safe to call twice."""
        self.supervisor.stop()
        self._ends.close()
        if self._lock is not None:  # else the folder is another's, and so is what runs there
            self.layout.run_file.unlink(missing_ok=True)
            self.layout.metrics.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def _freshen_releases(self) -> None:
        """Gateways are told every few hours that nothing newer is kept from them."""
        now = time.monotonic()
        if now < self._freshen_s or not self.layout.has_releases:
            return
        # Late: few need its library.
        from trifleet.releases.errors import ReleaseError
        from trifleet.releases.repository import Repository

        self._freshen_s = now + _FRESHEN_S
        try:
            Repository(self.layout.releases).refresh_timestamp(
                datetime.now(UTC), _TIMESTAMP_LEFT, wait_s=0.0
            )
        except (ReleaseError, OSError) as error:
            # If it stays so, gateways take no update any more; everything else runs.
            self._freshen_s = now + _FRESHEN_AGAIN_S
            log.error("the releases' timestamp was not renewed: %s", error)

    def _start_broker(self, say: Say) -> AnyBroker:
        gateways = [slot.gateway for slot in self.slots]
        transport = Transport(self.layout, gateways, workers=self.settings.workers)
        if made := transport.ensure_certificates():
            say("certificates", f"made {len(made)}, good for a year and renewed before their end")
        broker = transport.make_broker(self.settings.broker)
        broker.write_config()
        self._run("broker", tuple(broker.command()), lambda: empty_if_asked(self.layout.broker))
        broker.child.lend(lambda: self.supervisor.children["broker"].pid)
        broker.wait_until_ready()
        self._transport, self._broker = transport, broker
        way = ", ingest by AMQP" if self.settings.broker is BrokerKind.RABBITMQ else ""
        where = f"{LOOPBACK}:{broker.port}, {self.settings.broker}{way}"
        say("broker", f"MQTT over mutual TLS on {where}")
        return broker

    def _start_backend(self, files: ProgramSettings) -> None:
        programs = {
            **{name: files.ingest(name) for name in files.metrics_ports},
            "issuer": files.issuer(),
            "registrar": files.registrar(),
        }
        for name, config in programs.items():
            program = ingest_line.FIRST if name in files.metrics_ports else name
            self._trifleet(name, "backend", program, "--config", str(config))
        api, port = str(files.api()), str(self.settings.port)
        self._trifleet("api", "backend", "api", "--config", api, "--port", port)

    def _serve_metrics(self, ingest_ports: Mapping[str, int]) -> None:
        """Our own, and a file that tells Prometheus where everybody's are (file_sd)."""
        registry = registry_of(HostCollector(self.layout, lambda: dict(self.supervisor.children)))
        own = self._ends.enter_context(served(0, registry))
        ports = {"api": self.settings.port, **ingest_ports, "run": own}
        value = [
            {"targets": [f"{LOOPBACK}:{port}"], "labels": {"program": name}}
            for name, port in ports.items()
        ]
        write_private(self.layout.metrics, json.dumps(value, indent=2).encode() + b"\n")

    def _start_vehicles(self, files: ProgramSettings) -> None:
        wish = BoardWish(self.settings.reaction_s, self.settings.can_log)
        ports = {slot: free_port() for slot in self.slots}
        for slot, can_port in ports.items():
            config = files.board(slot, can_port, wish)
            self._trifleet(slot.vehicle, "board", "virtual", "--config", str(config))
        for slot, can_port in ports.items():
            config = files.gateway(slot, can_port)
            self._trifleet(slot.gateway, "gateway", "--config", str(config))

    def _wait(self, stop: threading.Event) -> None:
        ready: set[str] = set()

        def all_ready() -> bool:
            for slot in self.slots:
                if slot.vehicle not in ready and self._is_ready(slot.vehicle):
                    ready.add(slot.vehicle)
            return stop.is_set() or len(ready) == len(self.slots)

        self.supervisor.wait_until(
            lambda: stop.is_set() or self._fetch("/healthz") is not None, "API", 30.0
        )
        self.supervisor.wait_until(all_ready, "a vehicle", _READY_S + 2 * len(self.slots))

    def _is_ready(self, vehicle: str) -> bool:
        """It has said how it is, and a rider can get its challenge."""
        state = self._fetch(f"/v1/vehicles/{vehicle}")
        return (
            state is not None
            and json.loads(state)["state"] != "UNKNOWN"
            and self._fetch(f"/v1/vehicles/{vehicle}/challenge") is not None
        )

    def _fetch(self, path: str) -> bytes | None:
        """The answer to a GET, or None while there is none."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.address + path, timeout=5) as answer:
                return bytes(answer.read())
        except OSError:
            return None

    def _trifleet(self, name: str, *arguments: str) -> None:
        self._run(name, (sys.executable, "-m", "trifleet.cli", *arguments))

    def _run(
        self, name: str, command: tuple[str, ...], prepare: Callable[[], None] = lambda: None
    ) -> None:
        log_file = make_folder(self.layout.logs) / f"{name}.log"
        self.supervisor.start(Program(name, command, log_file, prepare=prepare))

    def _write_run_file(self) -> None:
        pids = {name: child.pid for name, child in self.supervisor.children.items()}
        value = {
            "address": self.address,
            "mqtt_port": self._mqtt_port,
            "pid": os.getpid(),
            "pids": pids,
        }
        write_private(self.layout.run_file, json.dumps(value).encode())
