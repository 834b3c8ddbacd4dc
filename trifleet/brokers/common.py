"""What the brokers share: users and their rights, limits, and the interface that all keep."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from protocol import fields
from protocol.courier import (
    DOWN_ACK,
    DOWN_CHECKPOINT,
    DOWN_COMMAND,
    DOWN_RELEASE,
    UP_CHALLENGE,
    UP_COMMAND,
    UP_RELEASE,
    UP_SIGHTING,
    UP_STATEMENT,
    UP_STATUS,
    topic,
)
from protocol.errors import DecodeError
from trifleet.ports import LOOPBACK


class BrokerError(Exception):
    """The broker cannot be configured or started; the text says why."""


class Role(Enum):
    """What a user of the broker may do."""

    GATEWAY = "gateway"
    INGEST = "ingest"
    API = "api"


@dataclass(frozen=True)
class User:
    """One who may connect. A gateway's name is its identifier, which its topics begin with.

    `serials` are the serial numbers of the certificates that he may come with; with TLS, a user
    who has none is nobody. `password_file` is for the embedded broker without TLS alone.
    """

    name: str
    role: Role
    password_file: Path | None = None
    serials: tuple[int, ...] = ()


@dataclass(frozen=True)
class ServerTls:
    """What a broker needs for mutual TLS; the list of revoked certificates is a PEM file too."""

    ca_file: Path
    certificate_file: Path
    private_key_file: Path
    revoked_file: Path


@dataclass(frozen=True)
class Limits:
    """Bounds on what a client may cost. Sizes in bytes."""

    # Beyond the 65,535 of a document there is room for topic and framing.
    payload_bytes: int = 128 * 1024
    connections: int = 20_000
    # To one client, without an acknowledgement: two batches of the ingest, which acknowledges what
    # is committed.
    inflight: int = 1_000
    again_s: int = 30  # without one, it is sent again
    # What waits for one who is away: he is sent it again by who keeps it, so little is enough.
    queue_messages: int = 10_000
    queue_bytes: int = 64 * 1024 * 1024
    # What waits for the ingest, on a broker that keeps it on disk.
    store_bytes: int = 1024 * 1024 * 1024
    memory_bytes: int = 512 * 1024 * 1024
    silent_s: int = 10  # from the connection to the first word


class Broker(Protocol):
    """One broker on one port of this machine.

    `set_users` and `revoke` hold from their return on: who is not listed any more is disconnected,
    and does not get in again; who stays is served on, after a moment without a connection where
    the broker cannot do it otherwise. Messages may be lost in any of this: nobody takes a broker
    for a store.
    """

    port: int

    def write_config(self) -> None:
        """Every file that the broker reads, private, whole or not at all."""

    def command(self) -> list[str]:
        """What runs the broker, for a supervisor that starts its children itself."""

    def start(self) -> None:
        """Write the configuration, start, and return when it takes connections; BrokerError."""

    def wait_until_ready(self) -> None:
        """Raises BrokerError when nobody listens within the start timeout."""

    def set_users(self, users: Iterable[User]) -> None:
        """These and no others, from now on."""

    def revoke(self, name: str) -> None:
        """All users but this one."""

    def stop(self) -> None:
        """End it in order."""

    def kill(self) -> None:
        """End it as a crash does."""

    @property
    def pid(self) -> int | None:
        """Process number of the running broker."""


# Of a gateway, one by one: it may leave a retained message on each.
_UP = (
    UP_STATEMENT,
    UP_STATUS,
    UP_COMMAND,
    UP_SIGHTING,
    UP_RELEASE,
    UP_CHALLENGE,
    f"{UP_CHALLENGE}/+",
)
_DOWN = (DOWN_ACK, DOWN_COMMAND, DOWN_CHECKPOINT, DOWN_RELEASE)


def topics_of(user: User) -> tuple[list[str], list[str]]:
    """(may publish to, may subscribe to), as MQTT topic filters."""
    if user.role is Role.GATEWAY:
        return [topic(user.name, one) for one in _UP], [topic(user.name, one) for one in _DOWN]
    if user.role is Role.INGEST:
        answers = (DOWN_ACK, DOWN_CHECKPOINT, DOWN_RELEASE)
        return [topic("+", one) for one in answers], [topic("+", "up/#")]
    return [topic("+", DOWN_COMMAND)], []


def checked_users(users: Iterable[User]) -> list[User]:
    """Raises BrokerError for a name that is no identifier, or is there twice: names become parts
    of topics, rights and patterns."""
    out = list(users)
    names = [user.name for user in out]
    for name in names:
        try:
            fields.identifier(name, "user.name")
        except DecodeError as error:
            raise BrokerError(f"user {name!r}: one identifier (a-z 0-9 -) for each") from error
        if names.count(name) > 1:
            raise BrokerError(f"user {name!r} is there twice: one identifier for each")
    return out


def with_certificates(users: Iterable[User]) -> list[User]:
    """Those who may come at all where certificates are asked for."""
    return [user for user in users if user.serials]


def lost_something(before: Iterable[User], after: Iterable[User]) -> list[str]:
    """Names of the users who may not come with everything that they could come with before."""
    kept = {user.name: user for user in after}
    return [
        user.name
        for user in before
        if user.name not in kept
        or kept[user.name].role is not user.role
        or not set(user.serials) <= set(kept[user.name].serials)
    ]


def private_folder(path: Path) -> Path:
    """Create a folder that only its owner may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_private(path: Path, text: str) -> None:
    """Replace a file of mode 0600; a reader sees the old one or the new one."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


__all__ = ["LOOPBACK", "Broker", "BrokerError", "Limits", "Role", "ServerTls", "User"]
