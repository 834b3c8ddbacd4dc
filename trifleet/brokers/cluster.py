"""Several RabbitMQ nodes on one machine as one cluster: own ports and names, a private cookie.

The nodes find each other through one port mapper, which is the cluster's own child on loopback, so
that the death of any node leaves the others theirs. On several machines each has its own.
"""

import contextlib
import secrets
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from trifleet.brokers import rabbitmq_config
from trifleet.brokers.child import BrokerChild, listens
from trifleet.brokers.common import (
    LOOPBACK,
    BrokerError,
    Limits,
    ServerTls,
    User,
    private_folder,
    write_private,
)
from trifleet.brokers.rabbitmq import RabbitMq, RabbitMqSettings, find_program, full_names
from trifleet.ports import free_port

_BEGIN = "catch ra:restart_server(coordination, {mqtt_node, node()})."


@dataclass(frozen=True)
class ClusterSettings:
    """Where the nodes keep their files, and how many there are: an odd number, to have a quorum."""

    folder: Path
    tls: ServerTls
    size: int = 3
    limits: Limits = field(default_factory=Limits)
    start_timeout_s: float = 120.0
    ports: Sequence[tuple[int, int]] = ()  # (MQTT, AMQP) of each node; free ones without


class RabbitCluster:
    """`nodes` may be killed and started one by one; the cluster serves while most of them run."""

    def __init__(self, settings: ClusterSettings, users: Iterable[User]) -> None:
        if settings.size < 3 or settings.size % 2 == 0:
            raise BrokerError(f"a cluster has 3, 5 or 7 nodes, not {settings.size}")
        self.settings = settings
        self._users = list(users)
        self._epmd_port = free_port()
        self._mapper = BrokerChild("epmd", self._epmd_port, 10.0)
        self._cookie = private_folder(settings.folder) / "cookie"
        if not self._cookie.exists():
            write_private(self._cookie, secrets.token_hex(32))
        names = tuple(f"node-{number}" for number in range(1, settings.size + 1))
        ports = settings.ports or [(0, 0)] * settings.size
        self.nodes = [
            RabbitMq(self._node(name, names, *own), self._users)
            for name, own in zip(names, ports, strict=True)
        ]

    def start(self) -> None:
        """All nodes, then the queues, with a copy on each. Raises BrokerError; nothing stays."""
        self._mapper.start(self.mapper_command(), self.settings.folder / "epmd.log")
        try:
            self.nodes[0].start()  # the others join who is there
            with ThreadPoolExecutor(len(self.nodes)) as pool:
                list(pool.map(RabbitMq.start, self.nodes[1:]))
            self.declare_queues()
        except (BrokerError, subprocess.SubprocessError):
            self.kill()
            raise

    def mapper_command(self) -> list[str]:
        """What runs the port mapper, for a supervisor; it comes before the nodes."""
        return [find_program("epmd"), "-port", str(self._epmd_port), "-address", LOOPBACK]

    def begin_together(self, seconds: float = 120.0) -> None:
        """For nodes that knew each other and were started at once; returns when all serve.

        The MQTT plugin keeps client ids by Raft, and asks its peers who belongs to it before it
        starts its own part. Where all begin together each waits 100 s for an answer that nobody
        can give; so their parts are started from here, and the plugins find them started.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            waiting = [node for node in self.running() if not listens(node.port)]
            if not waiting:
                return
            for node in waiting:
                with contextlib.suppress(BrokerError):  # it is too early
                    node.control("eval", _BEGIN)

    def set_users(self, users: Iterable[User]) -> None:
        """These and no others, from now on, on every node."""
        self._users = list(users)
        lost: set[str] = set()
        for node in self.nodes:
            lost.update(node.write_users(self._users))
        if running := self.running():
            running[0].enforce(sorted(lost))

    def revoke(self, name: str) -> None:
        """All users but this one."""
        self.set_users([user for user in self._users if user.name != name])

    def running(self) -> list[RabbitMq]:
        """The nodes whose process is there."""
        return [node for node in self.nodes if node.pid is not None]

    def stop(self) -> None:
        """End all nodes in order; the last one that ends is the first one to be started again."""
        for node in reversed(self.nodes):
            node.stop()
        self._mapper.end(signal.SIGTERM)

    def kill(self) -> None:
        """End everything as a crash does."""
        for node in self.nodes:
            node.kill()
        self._mapper.end(signal.SIGKILL)

    def declare_queues(self) -> None:
        """When all nodes are there: then each gets a copy. Those that are there stay."""
        first = self.nodes[0]
        first.control("await_online_nodes", str(len(self.nodes)))
        file = self.settings.folder / "queues.json"
        text = rabbitmq_config.definitions_text(self._users, self.settings.limits)
        write_private(file, text)
        first.control("import_definitions", str(file))

    def _node(
        self, name: str, names: tuple[str, ...], port: int, amqp_port: int
    ) -> RabbitMqSettings:
        s = self.settings
        return RabbitMqSettings(
            s.folder / name,
            s.tls,
            port=port,
            amqp_port=amqp_port,
            name=name,
            nodes=full_names(names),
            cookie=self._cookie.read_text(),
            epmd_port=self._epmd_port,
            limits=s.limits,
            start_timeout_s=s.start_timeout_s,
        )
