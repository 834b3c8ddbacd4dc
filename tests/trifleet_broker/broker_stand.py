"""One broker of each kind with an authority of its own, and MQTT clients that note what happens."""

import queue
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as mqtt

from edge_gateway.mqtt_tls import MqttTls
from trifleet.brokers.common import Role, ServerTls, User
from trifleet.brokers.embedded import BrokerSettings, EmbeddedBroker
from trifleet.brokers.mosquitto import Mosquitto, MosquittoSettings
from trifleet.brokers.rabbitmq import RabbitMq, RabbitMqSettings
from trifleet.certificates import files
from trifleet.certificates.authority import create
from trifleet.certificates.files import Party, broker_party
from trifleet.certificates.register import Use

EMBEDDED, MOSQUITTO, RABBITMQ = "embedded", "mosquitto", "rabbitmq"
KINDS = (EMBEDDED, MOSQUITTO, RABBITMQ)
PATIENCE_S = 45.0
GATEWAYS = 40
INGESTS = ("ingest", "ingest-2", "ingest-3", "ingest-4")
AnyBroker = EmbeddedBroker | Mosquitto | RabbitMq
ROLES = {Use.GATEWAY: Role.GATEWAY, Use.INGEST: Role.INGEST, Use.API: Role.API}


def wait_until(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.02)


class Peer:
    """An MQTT client over TLS that keeps what happened to it."""

    def __init__(self, port: int, tls: MqttTls, client_id: str, **options: object) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self.published = 0
        self.granted: queue.Queue[bool] = queue.Queue()
        self.asked = queue.Queue[bool]()
        self.gone = False
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=bool(options.get("clean", False)),
            reconnect_on_failure=False,
        )
        self.client.tls_set_context(tls.context())
        if "user" in options:
            self.client.username_pw_set(str(options["user"]), str(options.get("password", "")))
        if "will" in options:
            self.client.will_set(str(options["will"]), b"forged will", 1, retain=True)
        self.client.on_connect = lambda c, u, f, rc, p: self.asked.put(not rc.is_failure)
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = lambda c, u, m, rcs, p: self.granted.put(not rcs[0].is_failure)
        self.client.on_publish = self._on_publish
        self.client.on_message = lambda c, u, m: self.messages.append(
            (m.topic, bytes(m.payload), m.retain)
        )
        self.connected = self._connect(port)

    def _connect(self, port: int) -> bool:
        """False: refused, in the handshake or by the broker's word, or put out at once."""
        try:
            self.client.connect("127.0.0.1", port)
        except OSError:
            return False
        self.client.loop_start()
        wait_until(lambda: self.gone or not self.asked.empty(), "an answer to CONNECT")
        return not self.asked.empty() and self.asked.get()

    def _on_disconnect(self, *_: object) -> None:
        self.gone = True

    def _on_publish(self, *_: object) -> None:
        self.published += 1

    def subscribe(self, topic: str) -> bool:
        """False: refused, or put out for asking."""
        self.client.subscribe(topic, 1)
        wait_until(lambda: self.gone or not self.granted.empty(), "an answer to SUBSCRIBE")
        return not self.granted.empty() and self.granted.get()

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """False: put out for it. True says nothing: MQTT 3.1.1 has no other word for no."""
        before = self.published
        self.client.publish(topic, payload, 1, retain)
        wait_until(lambda: self.gone or self.published > before, "an answer to PUBLISH")
        return self.published > before

    def wait_for(self, payload: bytes) -> list[bytes]:
        """All payloads, once this one is among them."""
        wait_until(lambda: payload in self.payloads(), f"the message {payload[:40]!r}")
        return self.payloads()

    def payloads(self) -> list[bytes]:
        return [payload for _, payload, _ in list(self.messages)]

    def wait_gone(self) -> None:
        wait_until(lambda: self.gone, "the end of the connection")

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def vanish(self) -> None:
        """Cut the line without a word, as a crash does."""
        sock = self.client.socket()
        assert sock is not None
        sock.shutdown(2)
        self.client.loop_stop()


@dataclass
class Site:
    """`gateway()` names one that no other test of the file uses; the first ten are for all."""

    kind: str
    folder: Path
    broker: AnyBroker
    names: Iterator[str]
    peers: list[Peer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.authority = create(self.folder / "authority", "fleet-test.local authority")

    def gateway(self) -> str:
        return next(self.names)

    def party(self, name: str) -> Party:
        """Files of a program, or of a gateway."""
        use = {"ingest": Use.INGEST, "api": Use.API}.get(name.partition("-")[0], Use.GATEWAY)
        return Party(name, self.folder / name, use)

    def tls(self, name: str) -> MqttTls:
        return tls_of(self.party(name))

    def join(self, name: str, **options: object) -> Peer:
        tls = options.pop("tls", None) or self.tls(name)
        assert isinstance(tls, MqttTls)
        identity = str(options.pop("client_id", None) or tls.client_id(name))
        self.peers.append(Peer(self.broker.port, tls, identity, **options))
        return self.peers[-1]

    def listening_ingest(self) -> Peer:
        peer = self.join("ingest")
        assert peer.connected and peer.subscribe("tf/1/+/up/#")
        return peer

    def listening_gateway(self, name: str) -> Peer:
        peer = self.join(name)
        assert peer.connected and peer.subscribe(f"tf/1/{name}/down/ack")
        return peer

    def users(self) -> list[User]:
        return [
            User(name, ROLES[use], serials=serials)
            for name, (use, serials) in self.authority.holders().items()
        ]

    def apply(self) -> None:
        """Let the broker know what the authority issued and took back."""
        shutil.copyfile(self.authority.revoked_file, self.folder / "broker-tls/revoked.pem")
        self.broker.set_users(self.users())

    def close_peers(self) -> None:
        for peer in self.peers:
            peer.close()
        self.peers.clear()


def tls_of(party: Party) -> MqttTls:
    return MqttTls(party.ca_file, party.certificate_file, party.private_key_file)


def make_site(kind: str, folder: Path, gateways: int = GATEWAYS) -> Site:
    """Started."""
    authority = create(folder / "authority", "fleet-test.local authority")
    names = [f"gw-{number}" for number in range(1, gateways + 1)]
    server = broker_party(folder / "broker-tls")
    files.ensure(authority, server)
    shutil.copyfile(authority.revoked_file, server.folder / "revoked.pem")
    tls = ServerTls(
        server.ca_file,
        server.certificate_file,
        server.private_key_file,
        server.folder / "revoked.pem",
    )
    broker: AnyBroker
    if kind == EMBEDDED:
        broker = EmbeddedBroker(BrokerSettings(folder / "broker", tls=tls), [])
    elif kind == MOSQUITTO:
        broker = Mosquitto(MosquittoSettings(folder / "broker", tls), [])
    else:
        broker = RabbitMq(RabbitMqSettings(folder / "broker", tls), [])
    site = Site(kind, folder, broker, iter(names[10:]))
    for name in (*INGESTS, "api", *names):
        files.ensure(authority, site.party(name))
    broker.set_users(site.users())
    broker.start()
    return site
