"""The embedded MQTT broker: nats-server as a child process that listens on loopback only.

Deny first: a user reaches the topics of its role and nothing else. Nobody connects without one of
the listed certificates, or, without TLS, a password from a file of mode 0600.
"""

import json
import secrets
import shutil
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from trifleet.brokers.child import BrokerChild
from trifleet.brokers.common import (
    LOOPBACK,
    BrokerError,
    Limits,
    Role,
    ServerTls,
    User,
    checked_users,
    private_folder,
    topics_of,
    with_certificates,
    write_private,
)
from trifleet.ports import free_port


@dataclass(frozen=True)
class BrokerSettings:
    """Where the broker keeps its files, and its limits."""

    folder: Path
    # MQTT port on loopback; 0 takes a free one when the object is made.
    port: int = 0
    tls: ServerTls | None = None
    limits: Limits = field(default_factory=Limits)
    server_name: str = "trifleet"
    max_memory_bytes: int = 64 * 1024 * 1024
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
        if user.password_file is None:
            raise BrokerError(f"user {user.name!r}: a password file, or TLS for all")
        private_folder(user.password_file.parent)
        if not user.password_file.exists():
            write_private(user.password_file, secrets.token_urlsafe(32) + "\n")


class EmbeddedBroker:
    """nats-server under this process: configure, start, reload with other users, stop."""

    def __init__(self, settings: BrokerSettings, users: Iterable[User]) -> None:
        self.settings = settings
        self.port = settings.port or free_port()
        self.child = BrokerChild("nats-server", self.port, settings.start_timeout_s)
        self._users = checked_users(users)

    @property
    def config_file(self) -> Path:
        """What nats-server reads; mode 0600, for it may hold passwords."""
        return self.settings.folder / "nats.conf"

    @property
    def pid(self) -> int | None:
        """Process number of the running broker."""
        return self.child.pid

    def command(self) -> list[str]:
        """What runs the broker, for a supervisor that starts its children itself."""
        return [str(self.settings.binary), "-c", str(self.config_file)]

    def write_config(self) -> None:
        """Make missing passwords and write the configuration, whole or not at all."""
        if self.settings.tls is None:
            ensure_credentials(self._users)
        private_folder(self.settings.folder)
        write_private(self.config_file, self._config())

    def start(self) -> None:
        """Start nats-server and return when it takes connections. Raises BrokerError."""
        self.write_config()
        empty_if_asked(self.settings.folder)
        self.child.start(self.command(), self.settings.folder / "nats.log")

    def wait_until_ready(self) -> None:
        """Raises BrokerError when nobody listens within the start timeout."""
        self.child.wait_until_ready()

    def set_users(self, users: Iterable[User]) -> None:
        """Other users from now on, without a restart: who stays keeps connection and session."""
        self._users = checked_users(users)
        self.write_config()
        self.child.send(signal.SIGHUP)

    def revoke(self, name: str) -> None:
        """nats-server ends the connections of users that a reload has taken away."""
        self.set_users([user for user in self._users if user.name != name])

    def stop(self) -> None:
        """End it; what it acknowledged stays in its store."""
        self.child.end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash does."""
        self.child.end(signal.SIGKILL)

    def _config(self) -> str:
        s = self.settings
        # The NATS client port cannot be switched off; it is on loopback, at a random port, and no
        # user may use it: every one is restricted to MQTT, and with TLS it asks for certificates.
        value: dict[str, object] = {
            "server_name": s.server_name,
            "host": LOOPBACK,
            "port": -1,
            "max_payload": s.limits.payload_bytes,
            "max_connections": s.limits.connections,
            # A reader who takes nothing is dropped: after a while, or when so much waits for him.
            "max_pending": s.limits.queue_bytes,
            "write_deadline": "10s",
            "jetstream": {
                "store_dir": str(s.folder / "store"),
                "max_memory_store": s.max_memory_bytes,
                "max_file_store": s.limits.store_bytes,
            },
            "mqtt": {
                "host": LOOPBACK,
                "port": self.port,
                "max_ack_pending": s.limits.inflight,
                # What is not acknowledged by then comes again, in the same connection too.
                "ack_wait": f"{s.limits.again_s}s",
                **self._tls(),
            },
            **self._tls(),
            "authorization": {"timeout": s.limits.silent_s, "users": self._entries()},
        }
        # JSON is a subset of the configuration language, so nothing needs quoting by hand.
        return json.dumps(value, indent=2) + "\n"

    def _tls(self) -> dict[str, object]:
        tls = self.settings.tls
        if tls is None:
            return {}
        return {
            "tls": {
                "cert_file": str(tls.certificate_file),
                "key_file": str(tls.private_key_file),
                "ca_file": str(tls.ca_file),
                "verify_and_map": True,
                "min_version": "1.2",
                "timeout": self.settings.limits.silent_s,
            }
        }

    def _entries(self) -> list[dict[str, object]]:
        if self.settings.tls is None:
            return [
                {**_entry(user), "user": user.name, "password": _password(user)}
                for user in self._users
            ]
        # The subject of each certificate by itself; a certificate that is not here is nobody.
        return [
            {**_entry(user), "user": f"CN={user.name},OU={serial:x}"}
            for user in with_certificates(self._users)
            for serial in user.serials
        ]


def _entry(user: User) -> dict[str, object]:
    publish, subscribe = _subjects(user)
    return {
        "allowed_connection_types": ["MQTT"],
        "permissions": {"publish": _only(publish), "subscribe": _only(subscribe)},
    }


def _password(user: User) -> str:
    return "" if user.password_file is None else user.password_file.read_text().strip()


def _subjects(user: User) -> tuple[list[str], list[str]]:
    """(publish, subscribe) as NATS subjects: the topics with dots.

    Since 2.14 the server grants itself the internal $MQTT subjects of QoS 1 sessions; a client
    that names them, or $JS, is refused. `up/#` asks for the subject `up` as well.
    """
    publish, subscribe = ([_subject(one) for one in topics] for topics in topics_of(user))
    if user.role is Role.INGEST:
        subscribe += [one.removesuffix(".>") for one in subscribe]
    return publish, subscribe


def _subject(topic: str) -> str:
    return topic.replace("/", ".").replace("+", "*").replace("#", ">")


def _only(subjects: list[str]) -> dict[str, list[str]]:
    return {"allow": subjects} if subjects else {"deny": [">"]}
