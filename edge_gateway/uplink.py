"""The line to the broker: MQTT 3.1.1, QoS 1, persistent session, connected again for ever.

It keeps nothing: each connection has a fresh client, and the outbox is the only queue. Callbacks
only push to the inbox; a PUBACK is not even looked at.
"""

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_gateway.brokers import Address, Brokers
from edge_gateway.events import Arrived, Inbox, Wake
from edge_gateway.mqtt_settings import MqttSettings
from edge_gateway.outbox import known_time
from protocol import courier

log = logging.getLogger("edge_gateway")

_KEEPALIVE_S = 20
_CONNECT_S = 5.0
# Messages that one client may hold without a PUBACK; beyond it publish() says no.
_MAX_QUEUED = 64
_FAILURES = (OSError, ssl.SSLError, mqtt.WebsocketConnectionError, ValueError)


def _send_at_once(_client: mqtt.Client, _data: object, line: object) -> None:
    """Small messages that wait for each other's TCP acknowledgement take 40 ms a round."""
    if isinstance(line, socket.socket):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Uplink:
    """Owns the network thread. `session` counts the connections; 0 is none yet."""

    def __init__(
        self,
        settings: MqttSettings,
        gateway: str,
        inbox: Inbox,
        wall_s: Callable[[], float] = time.time,
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.session = 0
        self.connected = False
        self._settings = settings
        self._gateway = gateway
        self._inbox = inbox
        self._wall_s = wall_s
        self._steady_s = steady_s
        self._connected_at = 0.0
        self._client: mqtt.Client | None = None
        self._stop = threading.Event()
        self._brokers = Brokers(settings.brokers)
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread still runs; it ends by `stop` alone."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Say goodbye if the line is up, and end."""
        self._stop.set()
        client = self._client
        if client is not None and self.connected:
            info = client.publish(*self._status(online=False), qos=1, retain=True)
            try:
                info.wait_for_publish(1.0)
            except (RuntimeError, ValueError) as error:
                log.info("no goodbye to the broker: %s", error)
            client.disconnect()
        self._thread.join(_CONNECT_S + 1)

    def publish(self, name: str, payload: bytes, retain: bool = False) -> bool:
        """Hand a message to the client. False: not connected, or it holds too many already."""
        client = self._client
        if client is None or not self.connected:
            return False
        info = client.publish(courier.topic(self._gateway, name), payload, qos=1, retain=retain)
        return info.rc == mqtt.MQTT_ERR_SUCCESS

    def _run(self) -> None:
        while not self._stop.is_set():
            where, stood_s = self._brokers.here, 0.0
            try:
                self._one_connection(where)
            except _FAILURES as error:
                log.info("broker not reached: %s", error, extra={"broker": str(where)})
            finally:
                stood_s = self._lost(where)
            self._stop.wait(self._brokers.lost(stood_s))

    def _one_connection(self, where: Address) -> None:
        client = self._new_client()
        client.connect_timeout = _CONNECT_S
        client.max_queued_messages_set(_MAX_QUEUED)
        client.will_set(*self._status(online=False), qos=1, retain=True)
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.connect(where.host, where.port, _KEEPALIVE_S)
        self._client = client
        if self._stop.is_set():
            client.disconnect()
        client.loop_forever()

    def _new_client(self) -> mqtt.Client:
        """The files are read every time: the operator may replace them while we run."""
        tls = self._settings.tls
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._gateway if tls is None else tls.client_id(self._gateway),
            clean_session=False,
            protocol=mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        # With this set, publish() only queues, and the network thread alone touches the socket: two
        # threads at once in one TLS connection end the process.
        client.on_socket_register_write = lambda *_: None
        if tls is not None:
            client.tls_set_context(tls.context())
        elif self._settings.password_file is not None:
            password = self._settings.password_file.read_text("utf-8").strip()
            client.username_pw_set(self._settings.username, password)
        return client

    def _lost(self, where: Address) -> float:
        """How many seconds the line had stood; 0 where there was none."""
        was, self.connected, self._client = self.connected, False, None
        if not was:
            return 0.0
        log.warning("broker lost", extra={"broker": str(where)})
        self._inbox.put(Wake())
        return self._steady_s() - self._connected_at

    def _status(self, *, online: bool) -> tuple[str, bytes]:
        status = courier.encode_status(online, known_time(self._wall_s()))
        return courier.topic(self._gateway, courier.UP_STATUS), status

    def _on_connect(
        self,
        client: mqtt.Client,
        _data: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.error("broker refuses us: %s", reason)
            return
        wanted = courier.DOWN_QOS.items()
        client.subscribe([(courier.topic(self._gateway, name), qos) for name, qos in wanted])
        client.publish(*self._status(online=True), qos=1, retain=True)
        log.info("broker connected", extra={"broker": str(self._brokers.here)})
        self._connected_at = self._steady_s()
        self.session += 1
        self.connected = True
        self._inbox.put(Wake())

    def _on_subscribe(
        self,
        _client: mqtt.Client,
        _data: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            log.error("broker refuses a subscription: %s", [str(reason) for reason in reasons])

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        self._inbox.put(Arrived(message.topic, bytes(message.payload)))
