"""The MQTT 3.1.1 adapter (paho-mqtt): persistent session, QoS 1, a broker that may be down.

The broker gets its PUBACK for a message when the worker is done with it: so it hands out no more
than its own window, and gives back to us, or to another worker of the group, what we did not do.
"""

import logging
import socket
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from fleet_backend.fleet.errors import SettingsError
from fleet_backend.fleet.mqtt_tls import MqttTls, check_way
from fleet_backend.fleet.settings import Bounds, Port
from fleet_backend.ingest.adapter import Message
from fleet_backend.ingest.errors import BrokerRefusedError
from fleet_backend.ingest.inbox import Inbox
from protocol import courier, fields
from protocol.errors import DecodeError

_LOG = logging.getLogger("fleet_backend.ingest")
_SUBSCRIPTION = courier.topic("+", "up/#")
_PREFIX = f"tf/{fields.VERSION}/"
_PACKETS = 1 << 16  # packet identifiers are 16 bits, and never 0
_LEAST_GROUP = 16
_NOT_ALLOWED = ("Bad user name or password", "Not authorized")


@dataclass(frozen=True)
class MqttSettings:
    host: str
    port: Port
    # Our name: of the certificate, or beside the password.
    user: str
    # One of the two; a password on loopback alone.
    password_file: Path | None = None
    tls: MqttTls | None = None
    # Workers of one group share what comes, where the broker can do that (mosquitto); each needs a
    # certificate of its own. A random name: mosquitto lets whoever knows it join, and what falls to
    # him is lost there until its gateway sends it again.
    group: str | None = None
    keepalive_s: Annotated[int, Bounds(5, 3_600)] = 30
    # Messages, and their bytes, in memory before the network thread waits, and with it the broker.
    queue_messages: Annotated[int, Bounds(1, 65_535)] = 5_000
    queue_bytes: Annotated[int, Bounds(65_536, 1 << 30)] = 32 << 20
    reconnect_max_s: Annotated[int, Bounds(1, 600)] = 5


class MqttAdapter:
    """See `adapter.Adapter`. Starts connecting at once and keeps trying."""

    def __init__(self, settings: MqttSettings) -> None:
        self._inbox = Inbox(settings.queue_messages, settings.queue_bytes)
        self._closed = threading.Event()
        self._refused: str | None = None
        # Of which connection a delivery is: packet identifiers begin anew with each.
        self._connection = 0
        self._subscription = _subscription(settings.group)
        self._client = _new_client(settings)
        self._client.reconnect_delay_set(1, settings.reconnect_max_s)
        self._client.on_socket_open = _send_at_once
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.connect_async(settings.host, settings.port, settings.keepalive_s)
        self._client.loop_start()

    def receive(self, limit: int, wait_s: float, gather_s: float) -> list[Message]:
        """Raises BrokerRefusedError where the broker knows us not."""
        if self._refused is not None:
            raise BrokerRefusedError(f"the broker refuses us: {self._refused}")
        return self._inbox.get(limit, wait_s, gather_s)

    def waiting(self) -> int:
        """Messages that were received and not taken; for whoever measures."""
        return len(self._inbox)

    def done(self, messages: Sequence[Message]) -> None:
        """One of an earlier connection is the broker's again: it gives it out anew."""
        for message in messages:
            connection, packet = divmod(message.tag, _PACKETS)
            if packet and connection == self._connection:
                self._client.ack(packet, 1)

    def send(self, gateway: str, name: str, payload: bytes) -> None:
        """A message that does not get through is sent again when the gateway asks again."""
        qos = courier.DOWN_QOS[name]
        sent = self._client.publish(courier.topic(gateway, name), payload, qos=qos)
        if sent.rc not in (paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_NO_CONN):
            _LOG.warning("cannot send %s to %s: error %d", name, gateway, sent.rc)

    def close(self) -> None:
        self._closed.set()
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(
        self, client: paho.Client, _: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            _LOG.error("the broker refuses the connection: %s", reason)
            if str(reason) in _NOT_ALLOWED:
                self._refused = str(reason)
            return
        self._connection += 1
        _LOG.info("connected to the broker")
        client.subscribe(self._subscription, qos=1)

    def _on_subscribe(
        self, client: paho.Client, _: Any, mid: int, reasons: Any, properties: Any
    ) -> None:
        """Without its subscription a worker would wait for ever: so it ends, and says why."""
        if reasons[0].is_failure:
            self._refused = f"the subscription {self._subscription}: {reasons[0]}"

    def _on_connect_fail(self, client: paho.Client, _: Any) -> None:
        # Called while the error is being handled: a certificate that is refused ends up here.
        _LOG.warning("the broker is not reached (%s); trying again", sys.exception())

    def _on_disconnect(
        self, client: paho.Client, _: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if not self._closed.is_set():
            _LOG.warning("the broker is gone (%s); trying again", reason)

    def _on_message(self, client: paho.Client, _: Any, message: paho.MQTTMessage) -> None:
        packet = message.mid if message.qos else 0
        found = parse_topic(message.topic, bytes(message.payload))
        if found is None:
            _LOG.warning("a message on a topic that no gateway has: %r", message.topic[:80])
            client.ack(packet, message.qos)
            return
        found = found._replace(tag=self._connection * _PACKETS + packet)
        while not self._closed.is_set() and not self._inbox.put(found, 0.2):
            pass


def _send_at_once(_client: paho.Client, _data: object, line: object) -> None:
    """An answer that waits for the TCP acknowledgement of the one before takes 40 ms."""
    if isinstance(line, socket.socket):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _subscription(group: str | None) -> str:
    """All that gateways send, or this worker's share of it."""
    if group is None:
        return _SUBSCRIPTION
    try:
        if len(fields.identifier(group, "mqtt.group")) >= _LEAST_GROUP:
            return f"$share/{group}/{_SUBSCRIPTION}"
    except DecodeError:
        pass  # said below, without repeating it
    raise SettingsError("mqtt.group: 16 to 32 characters of a-z 0-9 -, that nobody can guess")


def _new_client(settings: MqttSettings) -> paho.Client:
    check_way(settings.host, settings.password_file, settings.tls)
    name = _checked_user(settings.user)
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"trifleet-{name}" if settings.tls is None else settings.tls.client_id(name),
        # A worker of a group that has gone shall take no share into a session of its own.
        clean_session=settings.group is not None,
        protocol=paho.MQTTv311,
        manual_ack=True,
    )
    if settings.tls is not None:
        client.tls_set_context(settings.tls.context())
    elif settings.password_file is not None:
        client.username_pw_set(name, _read_password(settings.password_file))
    return client


def _checked_user(user: str) -> str:
    try:
        return fields.identifier(user, "mqtt.user")
    except DecodeError as error:
        raise SettingsError("mqtt.user: 1 to 32 characters of a-z 0-9 -") from error


def parse_topic(topic: str, payload: bytes) -> Message | None:
    """tf/1/<gateway>/<name>; None for anything else."""
    gateway, separator, name = topic.removeprefix(_PREFIX).partition("/")
    if not topic.startswith(_PREFIX) or not separator:
        return None
    try:
        fields.identifier(gateway, "topic.gateway")
    except DecodeError:
        return None
    return Message(gateway, name, payload)


def _read_password(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
