"""Starts a cluster, keeps it whole, ends it.

Order of the start: database, brokers, workers, writers, APIs, proxy. Everything is a child that
ends with this process; whoever dies is started again, and the database fails over in `pair.py`.
"""

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from fleet_backend.fleet.database import open_database
from fleet_backend.ingest import ledgerprogram
from fleet_backend.ingest.settings import load_ledger_settings
from trifleet import installation
from trifleet.brokers.child import listens
from trifleet.brokers.cluster import ClusterSettings, RabbitCluster
from trifleet.brokers.common import write_private
from trifleet.brokers.rabbitmq import find_home
from trifleet.cluster import health, proxy
from trifleet.cluster import place as places
from trifleet.cluster.local import LocalFiles
from trifleet.cluster.pair import Pair
from trifleet.cluster.parties import Parties
from trifleet.cluster.place import APIS, ISSUER, LEDGERS, NODES, RUN_FILE, Place
from trifleet.errors import ChildError, UsageError
from trifleet.layout import lock_folder, make_folder
from trifleet.ports import LOOPBACK
from trifleet.postgres import find_programs
from trifleet.provisioning import Say
from trifleet.supervisor import Program, Supervisor

log = logging.getLogger("trifleet.cluster")
MOST_WORKERS = 32
_START_S = 180.0  # of any part, on a machine that has other work
_TEND_S = 0.05
_LOOK_S = 0.5
_BROKERS_LOOK_S = 5.0


class Cluster:
    """Not for several threads, but for what only looks: `pids`, `writer`, `missing`."""

    def __init__(self, root: Path, workers: int = 3) -> None:
        """Raises UsageError."""
        if not 1 <= workers <= MOST_WORKERS:
            raise UsageError(f"workers: 1 to {MOST_WORKERS}, not {workers}")
        self.place = Place(root.absolute())
        self.workers = [f"ingest-{number}" for number in range(1, workers + 1)]
        # What carries messages ends after what uses it.
        self._carriers, self._programs = Supervisor(), Supervisor()
        self.ports: dict[str, int] = {}
        self._gateways: Sequence[str] = ()
        self._lock: int | None = None
        self._pair: Pair | None = None
        self._brokers: RabbitCluster | None = None
        self._parties: Parties | None = None
        self._beginning = threading.Thread()
        self._next_look = 0.0

    def invite(self, gateways: Sequence[str]) -> None:
        """Before the start: these get certificates, beside those that the folder has."""
        self._gateways = gateways

    @property
    def pair(self) -> Pair:
        assert self._pair is not None
        return self._pair

    @property
    def brokers(self) -> RabbitCluster:
        assert self._brokers is not None
        return self._brokers

    @property
    def address(self) -> str:
        """Of API and pages, over the proxy."""
        return f"http://{LOOPBACK}:{self.ports['http']}"

    def start(self, say: Say, stop: threading.Event) -> None:
        """Until every part is there, or `stop`. Raises TrifleetError, BrokerError, FleetError."""
        # What is missing is told before anything is made.
        proxy.find()
        find_home()
        find_programs()
        self.ports = places.claim(self.place)
        self._lock = lock_folder(self.place.root, "`trifleet cluster`")
        places.open_way(self.place)
        places.require_ports(self.ports)
        installation.found(self.place.layout, say)
        self._start_database(say)
        self._start_brokers(say, stop)
        if stop.is_set():
            return
        self._start_programs(say)
        self._wait_whole(stop)
        self._write_run_file()

    def tend_until(self, stop: threading.Event) -> None:
        """Bring back what dies, until `stop`."""
        while not stop.wait(_TEND_S):
            self.tend()

    def tend_for(self, seconds: float) -> None:
        """The same, for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tend()
            time.sleep(_TEND_S)

    def tend(self) -> None:
        """One look at everything."""
        before = self.pids()
        self._carriers.tend()
        self._programs.tend()
        self.pair.tend()
        if self._parties is not None and self._brokers is not None:
            self._parties.tend(self._brokers)
            self._look_at_brokers()
        if self.pids() != before:
            self._write_run_file()

    def stop(self) -> None:
        """End everything, the programs before what they use; safe to call twice."""
        self._programs.stop()
        if self._pair is not None:
            self._pair.stop()
        self._carriers.stop()
        if self._lock is not None:
            (self.place.root / RUN_FILE).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def pids(self) -> dict[str, int]:
        """Of everything that runs now."""
        children = {**self._carriers.children, **self._programs.children}
        found = {name: child.pid for name, child in children.items() if child.pid is not None}
        return found | ({} if self._pair is None else self._pair.pids())

    def writer(self) -> str | None:
        """Which of the ledger's programs has the turn: the one that serves its figures."""
        return health.writer(self.ports)

    def missing(self) -> list[str]:
        """What a whole cluster has and this one has not, now."""
        gone = health.missing(self.ports, self.pids(), [*self.workers, "proxy"])
        return gone if self.pair.is_whole else [*gone, "a synchronous standby"]

    def _start_database(self, say: Say) -> None:
        self._pair = Pair(self.place, self.ports)
        self._pair.start()
        url = self._pair.url()
        write_private(self.place.layout.database_url_file, url + "\n")
        database = open_database(url)
        try:
            database.create_schema()
            installation.register_issuer(self.place.layout, database)
        finally:
            database.close()
        say("database", f"PostgreSQL takes writes on {LOOPBACK}:{self._pair.primary.port}")

    def _start_brokers(self, say: Say, stop: threading.Event) -> None:
        self._parties = Parties(self.place.layout, self.workers, APIS, self._gateways)
        if made := self._parties.ensure():
            say("certificates", f"made {made}, good for a year and renewed before their end")
        is_first = not (self.place.broker / NODES[0] / "store").exists()
        ports = [(self.ports[f"{n}-mqtt"], self.ports[f"{n}-amqp"]) for n in NODES]
        settings = ClusterSettings(self.place.broker, self._parties.server_tls(), ports=ports)
        self._brokers = brokers = RabbitCluster(settings, self._parties.users())
        self._run(self._carriers, "epmd", tuple(brokers.mapper_command()))
        # At first one after the other joins; nodes that know each other wait for each other.
        for group in [(name,) for name in NODES] if is_first else [NODES]:
            for name in group:
                self._start_node(name)
            if not is_first:
                self._begin_together()
            for name in group:
                self._wait(stop, partial(listens, self.ports[f"{name}-mqtt"]), name)
        if stop.is_set():
            return
        brokers.nodes[0].wait_until_ready()
        brokers.declare_queues()
        say("brokers", f"three nodes, MQTT over mutual TLS on {LOOPBACK}:{self.ports['mqtt']}")

    def _begin_together(self) -> None:
        """Beside the work: it asks each node again and again."""
        self._beginning = threading.Thread(target=self.brokers.begin_together, daemon=True)
        self._beginning.start()

    def _look_at_brokers(self) -> None:
        """Where most of them began anew at once they need help; one alone finds its peers."""
        now = time.monotonic()
        if now < self._next_look or self._beginning.is_alive():
            return
        self._next_look = now + _BROKERS_LOOK_S
        silent = [node for node in self.brokers.running() if not listens(node.port)]
        if len(silent) > len(NODES) // 2:
            self._begin_together()

    def _start_node(self, name: str) -> None:
        node = self.brokers.nodes[NODES.index(name)]
        node.write_config()
        self._run(self._carriers, name, tuple(node.command()))
        node.child.lend(lambda: self._carriers.children[name].pid)

    def _start_programs(self, say: Say) -> None:
        files = LocalFiles(self.place, self.ports, self.pair.url())
        self._create_log(files.first_ledger())
        self._run(self._carriers, "proxy", (proxy.find(), "-db", "-f", str(files.proxy())))
        for name in self.workers:
            self._trifleet(name, "backend", "ingest", "--config", str(files.worker(name)))
        for name in LEDGERS:
            self._trifleet(name, "backend", "ledger", "--config", str(files.ledger(name)))
        self._trifleet(ISSUER, "backend", "issuer", "--config", str(files.issuer()))
        for name in APIS:
            port = str(self.ports[name])
            self._trifleet(name, "backend", "api", "--config", str(files.api(name)), "--port", port)
        say("programs", f"{len(self.pids())} processes, logs in {self.place.layout.logs}")

    def _create_log(self, config: Path) -> None:
        """Once. An interrupted beginning is repeated: nothing was logged then."""
        if not (self.place.tiles / "public/checkpoint").exists():
            ledgerprogram.create(load_ledger_settings(config))

    def _wait_whole(self, stop: threading.Event) -> None:
        end, missing = time.monotonic() + _START_S, self.missing()
        while missing and not stop.is_set():
            if time.monotonic() > end:
                raise ChildError(
                    f"after {_START_S:.0f} s the cluster lacks {', '.join(missing)}: see the logs"
                    f" in {self.place.layout.logs}"
                )
            self.tend_for(_LOOK_S)
            missing = self.missing()

    def _wait(self, stop: threading.Event, ready: Callable[[], bool], what: str) -> None:
        def look() -> bool:
            self.pair.tend()
            self._carriers.tend()
            return stop.is_set() or ready()

        self._programs.wait_until(look, what, _START_S)

    def _trifleet(self, name: str, *arguments: str) -> None:
        self._run(self._programs, name, (sys.executable, "-m", "trifleet.cli", *arguments))

    def _run(self, whose: Supervisor, name: str, command: tuple[str, ...]) -> None:
        log_file = make_folder(self.place.layout.logs) / f"{name}.log"
        whose.start(Program(name, command, log_file))

    def _write_run_file(self) -> None:
        value = {"pid": os.getpid(), "ports": self.ports, "pids": self.pids()}
        write_private(self.place.root / RUN_FILE, json.dumps(value, indent=1))
