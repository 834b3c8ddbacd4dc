"""A broker, one gateway at it, and the adapter of the ingest on its other side: one of each kind.

All have the same methods, so that one suite runs over them.
"""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho
import pika
from memory_adapter import MemoryAdapter, MemoryBroker
from paho.mqtt.enums import CallbackAPIVersion

from fleet_backend.fleet.mqtt_tls import MqttTls
from fleet_backend.ingest.adapter import Adapter, Message
from fleet_backend.ingest.amqp import AmqpAdapter, AmqpSettings
from fleet_backend.ingest.mqtt import MqttAdapter, MqttSettings
from protocol import courier
from trifleet.brokers.common import Limits, Role, ServerTls, User
from trifleet.brokers.embedded import BrokerSettings, EmbeddedBroker
from trifleet.brokers.mosquitto import Mosquitto, MosquittoSettings
from trifleet.brokers.rabbitmq import RabbitMq, RabbitMqSettings
from trifleet.certificates import authority as authorities
from trifleet.certificates.files import Party, broker_party, ensure
from trifleet.certificates.register import Use

PATIENCE_S = 30.0
WINDOW = 50


class GatewayEnd:
    """The gateway's connection: publishes, and keeps what it is told."""

    def __init__(self, port: int, name: str, set_up: Callable[[paho.Client], None]) -> None:
        self.name = name
        self.heard: list[tuple[str, bytes]] = []
        self._connected = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=_client_id(name))
        set_up(self._client)
        topic = courier.topic(name, courier.DOWN_ACK)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self._client.on_subscribe = lambda *_: self._connected.set()
        self._client.on_message = lambda _c, _d, got: self.heard.append((got.topic, got.payload))
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._connected.wait(PATIENCE_S)

    def publish(self, name: str, payload: bytes) -> None:
        sent = self._client.publish(courier.topic(self.name, name), payload, 1)
        sent.wait_for_publish(PATIENCE_S)
        assert sent.is_published()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _client_id(name: str) -> str:
    """The shape that RabbitMQ's rights ask for; a secret that is of no use elsewhere."""
    return f"{name}-{bytes(16).hex()}"


class MemoryStand:
    """No broker at all: what the contract says, and nothing else."""

    def __init__(self) -> None:
        self._broker = MemoryBroker()

    def adapter(self) -> Adapter:
        return MemoryAdapter(self._broker, WINDOW)

    def publish(self, payload: bytes, name: str = courier.UP_STATEMENT) -> None:
        self._broker.put("gw-1", payload, name)

    def heard(self) -> list[tuple[str, bytes]]:
        return [
            (courier.topic(gateway, name), payload) for gateway, name, payload in self._broker.sent
        ]

    def interrupt(self, adapter: Adapter) -> None:
        assert isinstance(adapter, MemoryAdapter)
        adapter.reconnect()

    def close(self) -> None: ...


class MqttStand:
    """The embedded broker, with passwords on loopback."""

    def __init__(self, folder: Path, again_s: int = 2) -> None:
        users = [
            User(name, role, folder / f"{name}.password")
            for name, role in (("gw-1", Role.GATEWAY), ("ingest", Role.INGEST))
        ]
        limits = Limits(inflight=WINDOW, again_s=again_s)
        self._broker = EmbeddedBroker(BrokerSettings(folder / "broker", limits=limits), users)
        self._folder = folder
        with ExitStack() as unless_ready:
            unless_ready.callback(self._broker.stop)
            self._broker.start()
            password = (folder / "gw-1.password").read_text().strip()
            self._gateway = GatewayEnd(
                self._broker.port, "gw-1", lambda client: client.username_pw_set("gw-1", password)
            )
            unless_ready.callback(self._gateway.close)
            open_session(self)
            unless_ready.pop_all()

    def adapter(self) -> Adapter:
        settings = MqttSettings(
            "127.0.0.1",
            self._broker.port,
            "ingest",
            self._folder / "ingest.password",
            reconnect_max_s=1,
        )
        return MqttAdapter(settings)

    def publish(self, payload: bytes, name: str = courier.UP_STATEMENT) -> None:
        self._gateway.publish(name, payload)

    def heard(self) -> list[tuple[str, bytes]]:
        return self._gateway.heard

    def interrupt(self, adapter: Adapter) -> None:
        self._broker.kill()
        self._broker.start()

    def close(self) -> None:
        self._gateway.close()
        self._broker.stop()


@dataclass(frozen=True)
class Installation:
    """An authority, and what it gave out for a broker with a gateway and two workers."""

    server: ServerTls
    users: list[User]
    tls: dict[str, MqttTls]


USES = {"gw-1": Use.GATEWAY, "ingest": Use.INGEST, "ingest-2": Use.INGEST}
ROLES = {Use.GATEWAY: Role.GATEWAY, Use.INGEST: Role.INGEST}


def install(folder: Path) -> Installation:
    authority = authorities.create(folder / "authority", "test")
    server = broker_party(folder / "server")
    parties = {name: Party(name, folder / name, use) for name, use in USES.items()}
    for party in (server, *parties.values()):
        ensure(authority, party)
    files = (server.ca_file, server.certificate_file, server.private_key_file)
    users = [
        User(name, ROLES[use], serials=serials)
        for name, (use, serials) in authority.holders().items()
    ]
    tls = {
        name: MqttTls(one.ca_file, one.certificate_file, one.private_key_file)
        for name, one in parties.items()
    }
    return Installation(ServerTls(*files, authority.revoked_file), users, tls)


class MosquittoStand:
    """mosquitto with certificates; `group` has workers share what comes."""

    def __init__(self, folder: Path, group: str | None = None) -> None:
        made = install(folder)
        limits = Limits(inflight=WINDOW)
        settings = MosquittoSettings(folder / "broker", made.server, limits=limits)
        self.broker = Mosquitto(settings, made.users)
        self._tls, self._group = made.tls, group
        with ExitStack() as unless_ready:
            unless_ready.callback(self.broker.stop)
            self.broker.start()
            self._gateway = GatewayEnd(
                self.broker.port,
                "gw-1",
                lambda client: client.tls_set_context(made.tls["gw-1"].context()),
            )
            unless_ready.callback(self._gateway.close)
            if group is None:
                open_session(self)
            unless_ready.pop_all()

    def adapter(self, name: str = "ingest") -> Adapter:
        settings = MqttSettings(
            "127.0.0.1",
            self.broker.port,
            name,
            tls=self._tls[name],
            group=self._group,
            reconnect_max_s=1,
        )
        return MqttAdapter(settings)

    def publish(self, payload: bytes, name: str = courier.UP_STATEMENT) -> None:
        self._gateway.publish(name, payload)

    def heard(self) -> list[tuple[str, bytes]]:
        return self._gateway.heard

    def interrupt(self, adapter: Adapter) -> None:
        """The line is cut: it keeps sessions in memory alone, so a restart would lose them."""
        assert isinstance(adapter, MqttAdapter)
        wait_until(adapter._client.is_connected, "no connection to cut")
        line = adapter._client.socket()
        assert line is not None
        line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._gateway.close()
        self.broker.stop()


class AmqpStand:
    """RabbitMQ: the gateway by MQTT, the ingest by AMQP, both with certificates."""

    def __init__(self, folder: Path) -> None:
        made = install(folder)
        self.broker = RabbitMq(RabbitMqSettings(folder / "rabbit", made.server), made.users)
        self.tls = made.tls
        with ExitStack() as unless_ready:
            unless_ready.callback(self.broker.stop)
            self.broker.start()
            self.gateway = GatewayEnd(
                self.broker.port,
                "gw-1",
                lambda client: client.tls_set_context(self.tls["gw-1"].context()),
            )
            unless_ready.pop_all()

    def settings(self, **changed: object) -> AmqpSettings:
        chosen: dict[str, object] = {"prefetch": WINDOW, "reconnect_max_s": 1, **changed}
        return AmqpSettings(
            "127.0.0.1",
            self.broker.amqp_port,
            "ingest",
            tls=self.tls["ingest"],
            **chosen,  # type: ignore[arg-type]
        )

    def adapter(self) -> Adapter:
        return AmqpAdapter(self.settings())

    def publish(self, payload: bytes, name: str = courier.UP_STATEMENT) -> None:
        self.gateway.publish(name, payload)

    def heard(self) -> list[tuple[str, bytes]]:
        return self.gateway.heard

    def interrupt(self, adapter: Adapter) -> None:
        """The connection is cut under the adapter's feet."""
        assert isinstance(adapter, AmqpAdapter)
        link = adapter._link
        wait_until(lambda: link._channel is not None, "no connection to cut")
        sock = link._connection._transport._sock
        sock.shutdown(socket.SHUT_RDWR)

    def empty(self) -> None:
        """Nothing of a test is left to the next one."""
        self.gateway.heard.clear()
        with self.blocking() as connection:
            channel = connection.channel()
            for queue in ("trifleet.up", "trifleet.dead"):
                channel.queue_purge(queue)

    def blocking(self) -> pika.BlockingConnection:
        return pika.BlockingConnection(
            pika.ConnectionParameters(
                "127.0.0.1",
                self.broker.amqp_port,
                credentials=pika.credentials.ExternalCredentials(),
                ssl_options=pika.SSLOptions(self.tls["ingest"].read(), "127.0.0.1"),
            )
        )

    def close(self) -> None:
        self.gateway.close()
        self.broker.stop()


Stand = MemoryStand | MqttStand | MosquittoStand | AmqpStand


def open_session(stand: MqttStand | MosquittoStand) -> None:
    """One that nobody has opened keeps nothing. Leaves it open and empty."""
    end = time.monotonic() + PATIENCE_S
    with closing(stand.adapter()) as adapter:
        found: list[Message] = []
        while not found:
            assert time.monotonic() < end, "the adapter hears nothing"
            stand.publish(b"first")
            found = adapter.receive(1, 0.3, 0.0)
        # More than one of them may be on its way: what is behind them says that all came.
        stand.publish(b"opened")
        while found[-1].payload != b"opened":
            adapter.done(found)
            found = take(adapter, 1)
        adapter.done(found)
        assert adapter.receive(1, 0.3, 0.0) == []  # and the broker hears that we are done


def take(adapter: Adapter, count: int, patience_s: float = PATIENCE_S) -> list[Message]:
    """So many messages, in as many batches as it takes."""
    out: list[Message] = []
    end = time.monotonic() + patience_s
    while len(out) < count:
        assert time.monotonic() < end, f"{len(out)} of {count} messages came"
        out += adapter.receive(count - len(out), 0.2, 0.02)
    return out


def wait_until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)
