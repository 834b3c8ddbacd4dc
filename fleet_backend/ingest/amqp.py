"""The AMQP 0-9-1 adapter (RabbitMQ): any number of workers compete for one quorum queue.

Gateways speak MQTT to the broker, whose plugin puts what they say into the queue. What the broker
gave up on, after so many consumers ended with it, comes from a second queue, with that many tries.
The queues are declared by whoever sets the broker up; a missing one is named in the log.

pika is needed only here: `requirements-scale.txt`.
"""

import logging
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fleet_backend.fleet.errors import SettingsError
from fleet_backend.fleet.mqtt_tls import MqttTls, check_way
from fleet_backend.fleet.settings import Bounds, Port
from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.errors import BrokerRefusedError
from fleet_backend.ingest.inbox import Inbox
from protocol import courier, fields
from protocol.errors import DecodeError

_LOG = logging.getLogger("fleet_backend.ingest")
EXCHANGE = "amq.topic"  # of the broker's MQTT plugin
_HEAD = ("tf", str(fields.VERSION))
_FAREWELL_S = 10
_WORD = re.compile(r"[a-z0-9-]{1,32}")


@dataclass(frozen=True)
class AmqpSettings:
    host: str
    port: Port
    # Our name: of the certificate, or beside the password.
    user: str
    # One of the two; a password on loopback alone.
    password_file: Path | None = None
    tls: MqttTls | None = None
    virtual_host: str = "/"
    queue: str = "trifleet.up"
    given_up_queue: str = "trifleet.dead"
    # What the broker's own limit on deliveries is: so often was tried what it gave up on.
    given_up_tries: Annotated[int, Bounds(1, 1_000)] = 6
    # Messages in memory at once, and the bound on answers that wait for the broker.
    prefetch: Annotated[int, Bounds(1, 65_535)] = 1_000
    answers: Annotated[int, Bounds(1, 1_000_000)] = 10_000
    heartbeat_s: Annotated[int, Bounds(5, 3_600)] = 30
    reconnect_max_s: Annotated[int, Bounds(1, 600)] = 5


class AmqpAdapter:
    """See `adapter.Adapter`. Starts connecting at once and keeps trying."""

    def __init__(self, settings: AmqpSettings) -> None:
        """Raises SettingsError, also where pika is not installed."""
        check_way(settings.host, settings.password_file, settings.tls)
        try:
            from fleet_backend.ingest.amqp_link import Link
        except ImportError as error:
            raise SettingsError(
                "ingest by AMQP needs a package: pip install -r requirements-scale.txt"
            ) from error
        # The broker's window is the bound: the network thread never waits for room here.
        self._inbox = Inbox(1 << 31, 1 << 62)
        self._link = Link(settings, self._inbox)
        self._thread = threading.Thread(target=self._link.run, name="amqp", daemon=True)
        self._thread.start()

    def receive(self, limit: int, wait_s: float, gather_s: float) -> list[Message]:
        """Raises BrokerRefusedError where the broker knows us not."""
        if self._link.refused is not None:
            raise BrokerRefusedError(f"the broker refuses us: {self._link.refused}")
        return self._inbox.get(limit, wait_s, gather_s)

    def waiting(self) -> int:
        """Messages that were received and not taken; for whoever measures."""
        return len(self._inbox)

    def done(self, messages: Sequence[Message]) -> None:
        """One of an earlier connection is the broker's again: it gives it out anew."""
        self._link.done([one.tag for one in messages if one.tag])

    def send(self, gateway: str, name: str, payload: bytes) -> None:
        """A message that does not get through is sent again when the gateway asks again."""
        self._link.send(routing_key(gateway, name), payload)

    def close(self) -> None:
        self._link.close()
        # A broker that says nothing any more is not waited for: the thread ends with the process.
        self._thread.join(_FAREWELL_S)


def routing_key(gateway: str, name: str) -> str:
    """As the MQTT plugin writes a topic: tf.1.<gateway>.down.ack."""
    return courier.topic(gateway, name).replace("/", ".")


def parse_key(key: str) -> tuple[str, str] | None:
    """(gateway, name) of tf.1.<gateway>.<name>; None for anything else."""
    parts = key.split(".")
    if tuple(parts[:2]) != _HEAD or len(parts) < 4:
        return None
    gateway, *words = parts[2:]
    try:
        fields.identifier(gateway, "key.gateway")
    except DecodeError:
        return None
    return (gateway, "/".join(words)) if all(map(_WORD.fullmatch, words)) else None


def read_password(path: Path) -> str:
    """Raises SettingsError."""
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
