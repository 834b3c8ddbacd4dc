"""RabbitMQ 3.10 with its MQTT plugin, one node: gateways by MQTT, the ingest by MQTT or AMQP.

Runs as the user who starts it: the data folder is that user's alone (0700), so another user could
not reach the node's own files in it.
"""

import dataclasses
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trifleet.brokers import rabbitmq_config, rabbitmq_guard
from trifleet.brokers.child import BrokerChild
from trifleet.brokers.common import (
    LOOPBACK,
    BrokerError,
    Limits,
    ServerTls,
    User,
    checked_users,
    lost_something,
    private_folder,
    with_certificates,
    write_private,
)
from trifleet.brokers.rabbitmq_config import Ports
from trifleet.brokers.revoked import write_hashed
from trifleet.ports import free_port

_HOMES = "/usr/lib/rabbitmq/lib"
_CONTROL_S = 60.0


@dataclass(frozen=True)
class RabbitMqSettings:
    """Where one node keeps its files, its ports (0: free ones), and its limits."""

    folder: Path
    tls: ServerTls
    port: int = 0
    amqp_port: int = 0
    # Short name, unique in a cluster; the host is always localhost.
    name: str = "trifleet"
    # Names of all nodes of a cluster, this one included; empty: no cluster.
    nodes: tuple[str, ...] = ()
    cookie: str = ""  # what the nodes of a cluster share; empty: one's own
    # Of the port mapper that serves all nodes of a cluster; 0: the node runs its own.
    epmd_port: int = 0
    limits: Limits = field(default_factory=Limits)
    start_timeout_s: float = 60.0
    home: Path | None = None  # where sbin/rabbitmq-server is; None: looked for


def find_home() -> Path:
    """The newest RabbitMQ of this machine. Raises BrokerError where there is none."""
    found = sorted(Path(_HOMES).glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    if not found or shutil.which("erl") is None or shutil.which("epmd") is None:
        raise BrokerError("RabbitMQ is not installed: apt-get install rabbitmq-server")
    return found[-1].parent.parent


class RabbitMq:
    """One node. See `common.Broker`."""

    def __init__(self, settings: RabbitMqSettings, users: Iterable[User]) -> None:
        self.settings = settings = _absolute(settings)
        self.port = settings.port or free_port()
        self.ports = Ports(
            self.port,
            settings.amqp_port or free_port(),
            free_port(),
            settings.epmd_port or free_port(),
        )
        self.node = f"{settings.name}@localhost"
        self.child = BrokerChild("RabbitMQ", self.port, settings.start_timeout_s)
        self._home = settings.home or find_home()
        self._users = checked_users(users)
        self._lost: set[str] = set()

    @property
    def amqp_port(self) -> int:
        """AMQP 0-9-1 over mutual TLS, SASL mechanism EXTERNAL."""
        return self.ports.amqp

    @property
    def pid(self) -> int | None:
        """Process number of what runs node and port mapper."""
        return self.child.pid

    def command(self) -> list[str]:
        """What runs the broker, for a supervisor that starts its children itself."""
        return [sys.executable, "-m", "trifleet.brokers.rabbitmq_node", str(self.settings.folder)]

    def write_config(self) -> None:
        """Every file of the node, private, each whole or not at all."""
        s = self.settings
        folder = private_folder(s.folder)
        nodes = s.nodes
        write_private(
            folder / "rabbitmq.conf",
            rabbitmq_config.settings_text(folder, self.ports, s.tls, s.limits, nodes),
        )
        write_private(folder / "advanced.config", rabbitmq_config.advanced_text(folder, s.tls))
        write_private(folder / "enabled_plugins", rabbitmq_config.PLUGINS)
        write_private(folder / "env.conf", "")
        write_private(folder / "definitions.json", self._definitions())
        write_hashed(s.tls.revoked_file, folder / "revoked")
        mapper = [find_program("epmd"), "-port", str(self.ports.epmd), "-address", LOOPBACK]
        plan = {
            "environment": self._environment(),
            "port_mapper": [] if s.epmd_port else mapper,
            "server": [
                str(self._home / "sbin/rabbitmq-server"),
                "-eval",
                rabbitmq_guard.expression(),
            ],
        }
        write_private(folder / "node.json", json.dumps(plan))
        self._write_cookie(folder / ".erlang.cookie")

    def start(self) -> None:
        """Start the node and return when it takes connections. Raises BrokerError."""
        self.write_config()
        self.child.start(self.command(), self.settings.folder / "rabbitmq.log")
        self._delete_unlisted()

    def wait_until_ready(self) -> None:
        """Until it takes connections and knows no user but the listed ones.

        Its own database outlives a restart, and with it who was taken out in between. Raises
        BrokerError.
        """
        self.child.wait_until_ready()
        self._delete_unlisted()

    def set_users(self, users: Iterable[User]) -> None:
        """Import rights and users; delete who is gone, which ends his connections; end those of
        who may not come with everything that he had."""
        self._lost.update(self.write_users(users))
        if self.child.pid is not None:
            # What could not be enforced is, when this is called again.
            self.enforce(sorted(self._lost))
        self._lost.clear()

    def write_users(self, users: Iterable[User]) -> list[str]:
        """The files alone; returns who lost something. In a cluster each node has its own."""
        before, self._users = self._users, checked_users(users)
        write_private(
            private_folder(self.settings.folder) / "definitions.json", self._definitions()
        )
        write_hashed(self.settings.tls.revoked_file, self.settings.folder / "revoked")
        return lost_something(with_certificates(before), with_certificates(self._users))

    def enforce(self, lost: Iterable[str]) -> None:
        """What the files say, in the running broker; in a cluster it holds on all nodes."""
        self.control("import_definitions", str(self.settings.folder / "definitions.json"))
        deleted = self._delete_unlisted()
        for name in lost:
            if name not in deleted:
                self.control("close_all_user_connections", name, "access was taken back")

    def revoke(self, name: str) -> None:
        """The user is deleted and its connections are closed."""
        self.set_users([user for user in self._users if user.name != name])

    def stop(self) -> None:
        """End it in order."""
        self.child.end(signal.SIGTERM, patience_s=60.0)

    def kill(self) -> None:
        """End it as a crash does: node and port mapper die with the process that runs them."""
        self.child.end(signal.SIGKILL)

    def control(self, *arguments: str, tool: str = "rabbitmqctl") -> str:
        """What the tool says. Raises BrokerError."""
        try:
            done = subprocess.run(
                [str(self._home / "sbin" / tool), "--quiet", "--node", self.node, *arguments],
                env={**os.environ, **self._environment()},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_CONTROL_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BrokerError(f"{tool} {arguments[0]}: no answer in {_CONTROL_S:.0f} s") from error
        if done.returncode != 0:
            raise BrokerError(f"{tool} {arguments[0]}: {_last_lines(done.stdout + done.stderr)}")
        return done.stdout

    def _delete_unlisted(self) -> list[str]:
        listed = {user.name for user in with_certificates(self._users)}
        table = json.loads(self.control("list_users", "--formatter", "json"))
        unlisted = [row["user"] for row in table if row["user"] not in listed]
        for name in unlisted:
            self.control("delete_user", name)
        return unlisted

    def _definitions(self) -> str:
        # On a cluster the queues are declared when all nodes are there: see cluster.py.
        queues = not self.settings.nodes
        return rabbitmq_config.definitions_text(self._users, self.settings.limits, queues=queues)

    def _environment(self) -> dict[str, str]:
        folder = self.settings.folder
        return {
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_CONF_ENV_FILE": str(folder / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "store"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            # The shell in between would outlive its parent's death: the node replaces it.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput +sbwt none +sbwtdcpu none",
            "ERL_EPMD_PORT": str(self.ports.epmd),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_CRASH_DUMP_BYTES": "0",  # it would hold what was in memory
        }

    def _write_cookie(self, path: Path) -> None:
        if self.settings.cookie:
            write_private(path, self.settings.cookie)
        elif not path.exists():
            write_private(path, secrets.token_hex(32))


def _absolute(settings: RabbitMqSettings) -> RabbitMqSettings:
    """The node works in its own folder, not where it was started from: see `rabbitmq_node`."""
    tls = settings.tls
    files = {one.name: getattr(tls, one.name).absolute() for one in dataclasses.fields(tls)}
    return dataclasses.replace(settings, folder=settings.folder.absolute(), tls=ServerTls(**files))


def find_program(name: str) -> str:
    """Its path. Raises BrokerError where it is not installed."""
    found = shutil.which(name)
    if found is None:
        raise BrokerError(f"{name} is not installed: apt-get install rabbitmq-server")
    return found


def _last_lines(text: str) -> str:
    return " ".join([line.strip() for line in text.splitlines() if line.strip()][-3:])


def full_names(nodes: Sequence[str]) -> tuple[str, ...]:
    """Full names of nodes on this machine."""
    return tuple(f"{node}@localhost" for node in nodes)
