"""The embedded MQTT broker: nats-server as a child process that listens on loopback only.

Deny first: a user reaches the topics of its role and nothing else, nobody connects without a
password, and the password is in a file of mode 0600, never on a command line.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

_LOOPBACK = "127.0.0.1"
_IDENTIFIER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


class BrokerError(Exception):
    """The broker cannot be configured or started; the text says why."""


class Role(Enum):
    """What a user of the broker may do."""

    GATEWAY = "gateway"
    INGEST = "ingest"
    API = "api"


@dataclass(frozen=True)
class User:
    """One credential. A gateway's name is its identifier, which its topics begin with."""

    name: str
    role: Role
    password_file: Path


@dataclass(frozen=True)
class BrokerSettings:
    """Where the broker keeps its files, and its limits."""

    folder: Path
    # MQTT port on loopback; 0 takes a free one at the first start of this process.
    port: int = 0
    server_name: str = "trifleet"
    max_payload_bytes: int = 128 * 1024
    max_memory_bytes: int = 64 * 1024 * 1024
    # The broker is never the store: this bounds what it may pile up for an absent backend.
    max_store_bytes: int = 1024 * 1024 * 1024
    start_timeout_s: float = 10.0
    binary: Path = field(default_factory=lambda: Path(sys.executable).with_name("nats-server"))


def ask_to_empty(folder: Path) -> Path:
    """Have the broker of this folder begin with an empty store at its next start.

    Returns the mark, which is gone when it was done. Nothing is lost: gateways keep what the
    backend has not acknowledged, and the store is never where a message lives.
    """
    mark = folder / "empty-store"
    mark.touch(mode=0o600)
    return mark


def empty_if_asked(folder: Path) -> None:
    """Before the broker starts: delete its store where `ask_to_empty` was called."""
    mark = folder / "empty-store"
    if mark.exists():
        shutil.rmtree(folder / "store", ignore_errors=True)
        mark.unlink()


def ensure_credentials(users: Iterable[User]) -> None:
    """Give every user that has none a password of 256 random bits, in its own file."""
    for user in users:
        user.password_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not user.password_file.exists():
            _write_private(user.password_file, secrets.token_urlsafe(32) + "\n")


class Broker:
    """nats-server under this process: configure, start, reload with other users, stop."""

    def __init__(self, settings: BrokerSettings, users: Iterable[User]) -> None:
        self.settings = settings
        self.port = settings.port or _free_port()
        self._users = _checked(users)
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def config_file(self) -> Path:
        """The configuration that nats-server reads; mode 0600, for it holds the passwords."""
        return self.settings.folder / "nats.conf"

    def command(self) -> list[str]:
        """What runs the broker, for a supervisor that starts its children itself."""
        return [str(self.settings.binary), "-c", str(self.config_file)]

    def write_config(self) -> None:
        """Make missing passwords and write the configuration, whole or not at all."""
        ensure_credentials(self._users)
        self.settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(self.config_file, self._config())

    def start(self) -> None:
        """Start nats-server and return when it takes connections. Raises BrokerError."""
        self.write_config()
        empty_if_asked(self.settings.folder)
        try:
            with (self.settings.folder / "nats.log").open("ab") as log:
                self._child = subprocess.Popen(
                    self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
        except OSError as error:
            raise BrokerError(f"{self.settings.binary}: {error.strerror}") from error
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Raises BrokerError when nobody listens within the start timeout."""
        end = time.monotonic() + self.settings.start_timeout_s
        while time.monotonic() < end:
            if self._child is not None and self._child.poll() is not None:
                raise BrokerError(f"nats-server ended with status {self._child.returncode}")
            if _listens(self.port):
                return
            time.sleep(0.02)
        raise BrokerError(f"no broker on {_LOOPBACK}:{self.port}")

    def set_users(self, users: Iterable[User]) -> None:
        """Other users from now on, without a restart: who stays keeps connection and session."""
        self._users = _checked(users)
        self.write_config()
        if self._child is not None:
            self._child.send_signal(signal.SIGHUP)

    @property
    def pid(self) -> int | None:
        """Process number of the running broker."""
        return None if self._child is None else self._child.pid

    def stop(self) -> None:
        """End it; what it acknowledged stays in its store."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._child is None:
            return
        self._child.send_signal(number)
        try:
            self._child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def _config(self) -> str:
        s = self.settings
        # The NATS client port cannot be switched off; it is on loopback, at a random port, and no
        # user may use it: every one is restricted to MQTT.
        value = {
            "server_name": s.server_name,
            "host": _LOOPBACK,
            "port": -1,
            "max_payload": s.max_payload_bytes,
            "jetstream": {
                "store_dir": str(s.folder / "store"),
                "max_memory_store": s.max_memory_bytes,
                "max_file_store": s.max_store_bytes,
            },
            "mqtt": {"host": _LOOPBACK, "port": self.port},
            "authorization": {"users": [_user_entry(user) for user in self._users]},
        }
        # JSON is a subset of the configuration language, so nothing needs quoting by hand.
        return json.dumps(value, indent=2) + "\n"


def _user_entry(user: User) -> dict[str, object]:
    publish, subscribe = _subjects(user)
    return {
        "user": user.name,
        "password": user.password_file.read_text().strip(),
        "allowed_connection_types": ["MQTT"],
        "permissions": {"publish": _only(publish), "subscribe": _only(subscribe)},
    }


def _subjects(user: User) -> tuple[list[str], list[str]]:
    """(publish, subscribe) as NATS subjects: the topics with dots.

    Since 2.14 the server grants itself the internal $MQTT subjects of QoS 1 sessions; a client
    that names them, or $JS, is refused. `up/#` asks for the subject `up` as well.
    """
    if user.role is Role.GATEWAY:
        return [f"tf.1.{user.name}.up.>"], [f"tf.1.{user.name}.down.>"]
    if user.role is Role.INGEST:
        answers = ["tf.1.*.down.ack", "tf.1.*.down.checkpoint"]
        return answers, ["tf.1.*.up.>", "tf.1.*.up"]
    return ["tf.1.*.down.command"], []


def _only(subjects: list[str]) -> dict[str, list[str]]:
    return {"allow": subjects} if subjects else {"deny": [">"]}


def _checked(users: Iterable[User]) -> list[User]:
    out = list(users)
    names = [user.name for user in out]
    for name in names:
        if not name or not _IDENTIFIER.issuperset(name) or names.count(name) > 1:
            raise BrokerError(f"user {name!r}: one identifier (a-z 0-9 -) for each")
    return out


def _write_private(path: Path, text: str) -> None:
    """Replace a file of mode 0600; a reader sees the old one or the new one."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    try:
        socket.create_connection((_LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True
