"""mosquitto 2.0 over mutual TLS: the certificate's name is user and client id, and an access list
says what each may do. Nothing is kept on disk.

Its access list is read again at a signal, its list of revoked certificates is not applied to who
is connected: so taking something back is a restart. Runs as the user who starts it: the data folder
is that user's alone (0700), so another user could not reach the files in it.
"""

import os
import pwd
import shutil
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

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
    topics_of,
    with_certificates,
    write_private,
)
from trifleet.ports import free_port

SESSION_HOURS = 24


@dataclass(frozen=True)
class MosquittoSettings:
    """Where the broker keeps its files, and its limits."""

    folder: Path
    tls: ServerTls
    port: int = 0  # 0 takes a free one when the object is made
    limits: Limits = field(default_factory=Limits)
    start_timeout_s: float = 10.0
    binary: Path | None = None  # None: looked for


def find_binary() -> Path:
    """Raises BrokerError where there is none."""
    found = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if found is None:
        raise BrokerError("mosquitto is not installed: apt-get install mosquitto")
    return Path(found)


class Mosquitto:
    """See `common.Broker`."""

    def __init__(self, settings: MosquittoSettings, users: Iterable[User]) -> None:
        self.settings = settings
        self.port = settings.port or free_port()
        self.child = BrokerChild("mosquitto", self.port, settings.start_timeout_s)
        self._binary = settings.binary or find_binary()
        self._users = checked_users(users)

    @property
    def config_file(self) -> Path:
        """What mosquitto reads."""
        return self.settings.folder / "mosquitto.conf"

    @property
    def pid(self) -> int | None:
        """Process number of the running broker."""
        return self.child.pid

    def command(self) -> list[str]:
        """What runs the broker, for a supervisor that starts its children itself."""
        return [str(self._binary), "-c", str(self.config_file)]

    def write_config(self) -> None:
        """Settings and access list, private, whole or not at all."""
        private_folder(self.settings.folder)
        write_private(self.settings.folder / "access.acl", _access_list(self._users))
        write_private(self.config_file, self._config())

    def start(self) -> None:
        """Start mosquitto and return when it takes connections. Raises BrokerError."""
        self.write_config()
        self.child.start(self.command(), self.settings.folder / "mosquitto.log")

    def wait_until_ready(self) -> None:
        """Raises BrokerError when nobody listens within the start timeout."""
        self.child.wait_until_ready()

    def set_users(self, users: Iterable[User]) -> None:
        """A new user is let in without a restart. Whoever lost something is put out by one."""
        before, self._users = self._users, checked_users(users)
        self.write_config()
        if not lost_something(with_certificates(before), with_certificates(self._users)):
            self.child.send(signal.SIGHUP)
        elif self.child.is_ours:
            self.stop()
            self.start()
        else:
            self.child.restart_elsewhere()

    def revoke(self, name: str) -> None:
        """His rights are gone, and his certificate is on the list that the caller wrote before."""
        self.set_users([user for user in self._users if user.name != name])

    def stop(self) -> None:
        """End it; it keeps nothing."""
        self.child.end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash does."""
        self.child.end(signal.SIGKILL)

    def _config(self) -> str:
        s, limits = self.settings, self.settings.limits
        lines = [
            "per_listener_settings false",
            f"user {pwd.getpwuid(os.geteuid()).pw_name}",
            "persistence false",
            "log_dest stderr",
            "log_type error",
            "log_type warning",
            "log_type notice",
            "connection_messages false",
            "sys_interval 0",
            "allow_zero_length_clientid false",
            f"persistent_client_expiration {SESSION_HOURS}h",
            f"max_packet_size {limits.payload_bytes + 1024}",
            f"max_inflight_messages {limits.inflight}",
            f"max_queued_messages {limits.queue_messages}",
            f"max_queued_bytes {limits.queue_bytes}",
            f"memory_limit {limits.memory_bytes}",
            "max_keepalive 600",
            "allow_anonymous false",
            f"acl_file {s.folder / 'access.acl'}",
            f"listener {self.port} {LOOPBACK}",
            "protocol mqtt",
            "socket_domain ipv4",
            f"max_connections {limits.connections}",
            f"cafile {s.tls.ca_file}",
            f"certfile {s.tls.certificate_file}",
            f"keyfile {s.tls.private_key_file}",
            f"crlfile {s.tls.revoked_file}",
            "require_certificate true",
            "use_identity_as_username true",
            "use_username_as_clientid true",
            "tls_version tlsv1.2",
        ]
        return "\n".join(lines) + "\n"


def _access_list(users: Iterable[User]) -> str:
    """One block for each user; who has none reaches nothing. No patterns: names go in as text."""
    lines = ["# Who is not here may do nothing."]
    for user in with_certificates(users):
        publish, subscribe = topics_of(user)
        lines.append(f"user {user.name}")
        lines += [f"topic write {topic}" for topic in publish]
        lines += [f"topic read {topic}" for topic in subscribe]
    return "\n".join(lines) + "\n"
