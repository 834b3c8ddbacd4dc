"""The part of the stack that a load is put on: a broker and the ingest, in a folder of their own.

The same programs with the same settings as under `trifleet run`; there are no vehicles, no issuer
and no pages.
"""

import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from fleet_backend.fleet.database import open_database
from trifleet import ingest_line, installation
from trifleet.brokers.kinds import BrokerKind
from trifleet.layout import Layout, make_folder
from trifleet.load.fleet import Names, register
from trifleet.load.keys import Keyring
from trifleet.load.plan import Plan
from trifleet.program_settings import ProgramSettings
from trifleet.provisioning import Say
from trifleet.supervisor import Program, Supervisor
from trifleet.transport import AnyBroker, Transport


class UnderLoad(Protocol):
    """What a load is put on, with brokers on loopback and a log in a folder."""

    layout: Layout

    @property
    def port(self) -> int:
        """MQTT, on loopback."""

    @property
    def public(self) -> Path:
        """The published log."""

    @property
    def pids(self) -> dict[str, int]:
        """The processes that the load is carried by."""

    def start(self, plan: Plan, names: Names, keyring: Keyring, say: Say) -> None:
        """Return when gateways may connect and are known."""

    def tend(self) -> None:
        """Bring back what died."""

    def stop(self) -> None:
        """End all processes."""


class Stand:
    """Start, tend, stop; `layout` is the installation that it made."""

    def __init__(self, folder: Path, broker: BrokerKind = BrokerKind.EMBEDDED) -> None:
        self.layout = Layout(folder)
        self.supervisor = Supervisor()
        self._kind = broker
        self._broker: AnyBroker | None = None

    @property
    def port(self) -> int:
        """MQTT, on loopback."""
        return 0 if self._broker is None else self._broker.port

    @property
    def pids(self) -> dict[str, int]:
        """The processes that the load is carried by."""
        return {name: child.pid for name, child in self.supervisor.children.items() if child.pid}

    @property
    def public(self) -> Path:
        """The published log."""
        return self.layout.ledger / "public"

    def tend(self) -> None:
        """Bring back what died."""
        self.supervisor.tend()

    def start(self, plan: Plan, names: Names, keyring: Keyring, say: Say) -> None:
        """Install, register the fleet, and return when the broker takes connections."""
        installation.found(self.layout, say)
        database = open_database(self.layout.database_url)
        try:
            database.create_schema()
            register(database, plan, names, keyring, int(time.time()))
        finally:
            database.close()
        say("fleet", f"{plan.vehicles:,} vehicles, {plan.count:,} gateways registered")
        self._start_broker([names.gateway(number) for number in range(plan.count)], say)
        line = ingest_line.to(self._broker, 1)
        config = ProgramSettings(self.layout, self.port, line).ingest()
        self._run("ingest", (sys.executable, "-m", "trifleet.cli", "backend", "ingest"), config)
        say("stack", f"{', '.join(self.supervisor.children)}, logs in {self.layout.logs}")

    def stop(self) -> None:
        """End all processes; the broker's store, which holds nothing, goes."""
        self.supervisor.stop()
        shutil.rmtree(self.layout.broker / "store", ignore_errors=True)

    def _start_broker(self, gateways: Sequence[str], say: Say) -> None:
        transport = Transport(self.layout, gateways)
        made = transport.ensure_certificates()
        say("certificates", f"made {len(made):,}")
        self._broker = transport.make_broker(self._kind)
        self._broker.write_config()
        log = make_folder(self.layout.logs) / "broker.log"
        self.supervisor.start(Program("broker", tuple(self._broker.command()), log))
        self._broker.wait_until_ready()

    def _run(self, name: str, command: tuple[str, ...], config: Path) -> None:
        log = make_folder(self.layout.logs) / f"{name}.log"
        self.supervisor.start(Program(name, (*command, "--config", str(config)), log))
