"""The embedded broker against real MQTT clients: who may do what, and what survives kill -9."""

import queue
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from trifleet.brokers.common import BrokerError, Role, User
from trifleet.brokers.embedded import (
    BrokerSettings,
    EmbeddedBroker,
    ask_to_empty,
    ensure_credentials,
)

# What went to a connection that was just closing is delivered again after half a minute.
PATIENCE_S = 45.0


class Peer:
    """An MQTT client that keeps what happened to it."""

    def __init__(self, port: int, user: str, password: str, **options: object) -> None:
        self.happened: queue.Queue[tuple[object, ...]] = queue.Queue()
        self.skipped: list[tuple[object, ...]] = []
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=str(options.get("client_id", user)),
            clean_session=bool(options.get("clean", False)),
            reconnect_on_failure=False,
        )
        if user:
            self.client.username_pw_set(user, password)
        self.client.on_connect = lambda c, u, f, rc, p: self._put("connect", not rc.is_failure)
        self.client.on_disconnect = lambda c, u, f, rc, p: self._put("disconnect")
        self.client.on_subscribe = lambda c, u, m, rcs, p: self._put(
            "subscribe", [not rc.is_failure for rc in rcs]
        )
        self.client.on_publish = lambda c, u, m, rc, p: self._put("publish")
        self.client.on_message = lambda c, u, m: self._put("message", m.topic, m.payload, m.retain)
        if "will" in options:
            self.client.will_set(str(options["will"]), b"gone", 1, retain=True)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.connected = self.wait("connect")[0]

    def _put(self, kind: str, *values: object) -> None:
        self.happened.put((kind, *values))

    def wait(self, kind: str) -> tuple[object, ...]:
        """The next event of this kind; events of other kinds wait for their own turn."""
        end = time.monotonic() + PATIENCE_S
        while True:
            for at, event in enumerate(self.skipped):
                if event[0] == kind:
                    return self.skipped.pop(at)[1:]
            self.skipped.append(self.happened.get(timeout=max(0.01, end - time.monotonic())))

    def subscribe(self, topic: str) -> bool:
        self.client.subscribe(topic, 1)
        granted = self.wait("subscribe")[0]
        assert isinstance(granted, list)
        return bool(granted[0])

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        self.client.publish(topic, payload, 1, retain)
        self.wait("publish")

    def messages_until(self, topic: str, payload: bytes) -> list[tuple[object, ...]]:
        """Everything that arrives up to and with this message."""
        seen: list[tuple[object, ...]] = []
        while not seen or seen[-1][:2] != (topic, payload):
            seen.append(self.wait("message"))
        return seen

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
    broker: EmbeddedBroker
    users: list[User]
    join: Callable[..., Peer]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    roles = (
        ("gw-1", Role.GATEWAY),
        ("gw-2", Role.GATEWAY),
        ("ingest", Role.INGEST),
        ("api", Role.API),
    )
    users = [User(name, role, tmp_path / name / "mqtt.password") for name, role in roles]
    broker = EmbeddedBroker(BrokerSettings(tmp_path / "broker"), users)
    peers: list[Peer] = []

    def join(name: str, **options: object) -> Peer:
        password = options.pop("password", None)
        file = tmp_path / name / "mqtt.password"
        word = str(password) if password is not None else file.read_text().strip()
        peers.append(Peer(broker.port, name, word, **options))
        return peers[-1]

    broker.start()
    try:
        yield Site(broker, users, join)
    finally:
        for peer in peers:
            peer.close()
        broker.stop()


def test_a_gateway_reaches_its_own_topics_only(site: Site) -> None:
    ingest, api = site.join("ingest"), site.join("api")
    assert ingest.subscribe("tf/1/+/up/statement") and ingest.subscribe("tf/1/+/up/#")
    own, other = site.join("gw-1"), site.join("gw-2")
    assert own.subscribe("tf/1/gw-1/down/ack") and own.subscribe("tf/1/gw-1/down/command")
    for topic in ("tf/1/gw-1/down/ack", "tf/1/+/down/ack", "#", "tf/#", "tf/1/gw-1/up/statement"):
        assert not other.subscribe(topic), topic
    other.publish("tf/1/gw-1/up/statement", b"another's name")
    other.publish("tf/1/gw-1/down/ack", b"forged")
    other.publish("tf/1/gw-2/down/ack", b"forged for itself")
    other.publish("tf/1/gw-2/up/statement", b"own")
    seen = ingest.messages_until("tf/1/gw-2/up/statement", b"own")
    assert {m[:2] for m in seen} == {("tf/1/gw-2/up/statement", b"own")}
    api.publish("tf/1/gw-1/down/ack", b"forged")
    ingest.publish("tf/1/gw-1/down/command", b"forged")
    api.publish("tf/1/gw-1/down/command", b"command")
    ingest.publish("tf/1/gw-1/down/ack", b"ack")
    seen = own.messages_until("tf/1/gw-1/down/ack", b"ack")
    assert [m[1] for m in seen] == [b"command", b"ack"]


def test_the_broker_s_own_subjects_are_out_of_reach(site: Site) -> None:
    ingest, own, other = site.join("ingest"), site.join("gw-1"), site.join("gw-2")
    assert ingest.subscribe("tf/1/+/up/statement") and own.subscribe("tf/1/gw-1/down/ack")
    for topic in ("$MQTT/#", "$MQTT/sub/#", "$MQTT/msgs/#", "$JS/#", "$SYS/#", "_INBOX/#"):
        assert not other.subscribe(topic), topic
    other.publish("$MQTT/msgs/tf/1/gw-1/down/ack", b"forged")
    other.publish("$JS/API/STREAM/DELETE/$MQTT_msgs", b"")
    ingest.publish("tf/1/gw-1/down/ack", b"true")
    assert [m[1] for m in own.messages_until("tf/1/gw-1/down/ack", b"true")] == [b"true"]


def test_neither_api_nor_ingest_can_listen_further(site: Site) -> None:
    api, ingest = site.join("api"), site.join("ingest")
    for topic in ("tf/1/gw-1/up/statement", "tf/1/gw-1/down/command", "#"):
        assert not api.subscribe(topic), topic
    for topic in ("tf/1/gw-1/down/command", "tf/1/+/down/ack", "#"):
        assert not ingest.subscribe(topic), topic


def test_wrong_password_and_anonymous_are_refused(site: Site) -> None:
    assert not site.join("gw-1", password="wrong").connected
    assert not site.join("gw-1", password="").connected
    assert not site.join("nobody", password="x").connected
    assert not site.join("", password="", client_id="gw-1").connected


def test_another_gateway_s_client_id_yields_none_of_its_messages(site: Site) -> None:
    own, ingest = site.join("gw-1"), site.join("ingest")
    assert own.subscribe("tf/1/gw-1/down/ack")
    own.close()
    ingest.publish("tf/1/gw-1/down/ack", b"first")
    thief = site.join("gw-2", client_id="gw-1")
    ingest.publish("tf/1/gw-1/down/ack", b"second")
    assert thief.subscribe("tf/1/gw-2/down/ack")
    ingest.publish("tf/1/gw-2/down/ack", b"thief's own")
    assert len(thief.messages_until("tf/1/gw-2/down/ack", b"thief's own")) == 1
    thief.close()
    back = site.join("gw-1")
    assert {back.wait("message")[1] for _ in range(2)} == {b"first", b"second"}


def test_retained_messages_and_the_last_will(site: Site) -> None:
    gateway = site.join("gw-1", will="tf/1/gw-1/up/status")
    gateway.publish("tf/1/gw-1/up/status", b"here", retain=True)
    ingest = site.join("ingest")
    assert ingest.subscribe("tf/1/+/up/status")
    assert ingest.wait("message") == ("tf/1/gw-1/up/status", b"here", True)
    gateway.vanish()
    assert ingest.wait("message")[:2] == ("tf/1/gw-1/up/status", b"gone")


def test_a_session_outlives_a_restart(site: Site) -> None:
    gateway, ingest = site.join("gw-1"), site.join("ingest")
    assert gateway.subscribe("tf/1/gw-1/down/ack")
    gateway.close()
    ingest.publish("tf/1/gw-1/down/ack", b"while away")
    ingest.close()
    site.broker.stop()
    site.broker.start()
    gateway = site.join("gw-1")
    assert gateway.wait("message")[:2] == ("tf/1/gw-1/down/ack", b"while away")
    ingest = site.join("ingest")
    ingest.publish("tf/1/gw-1/down/ack", b"after")
    assert gateway.wait("message")[:2] == ("tf/1/gw-1/down/ack", b"after")


def test_it_serves_again_after_kill_9(site: Site) -> None:
    """What it had acknowledged and not written yet is gone then: nobody here takes it for a store,
    and whoever connects subscribes again."""
    gateway, ingest = site.join("gw-1"), site.join("ingest")
    assert gateway.subscribe("tf/1/gw-1/down/ack")
    ingest.publish("tf/1/gw-1/down/ack", b"before")
    site.broker.kill()
    site.broker.start()
    gateway, ingest = site.join("gw-1"), site.join("ingest")
    assert gateway.subscribe("tf/1/gw-1/down/ack")
    ingest.publish("tf/1/gw-1/down/ack", b"after")
    assert ("tf/1/gw-1/down/ack", b"after") in [
        seen[:2] for seen in gateway.messages_until("tf/1/gw-1/down/ack", b"after")
    ]


def test_a_message_over_the_limit_ends_the_connection(site: Site) -> None:
    ingest, gateway = site.join("ingest"), site.join("gw-1")
    assert ingest.subscribe("tf/1/+/up/statement")
    gateway.publish("tf/1/gw-1/up/statement", bytes(120 * 1024))
    assert len(ingest.wait("message")[1]) == 120 * 1024  # type: ignore[arg-type]
    gateway.client.publish("tf/1/gw-1/up/statement", bytes(140 * 1024), 1)
    gateway.wait("disconnect")


def test_a_gateway_is_added_without_a_restart(site: Site, tmp_path: Path) -> None:
    ingest = site.join("ingest")
    assert ingest.subscribe("tf/1/+/up/statement")
    new = User("gw-3", Role.GATEWAY, tmp_path / "gw-3" / "mqtt.password")
    site.broker.set_users([*site.users, new])
    end = time.monotonic() + PATIENCE_S
    while not (peer := site.join("gw-3")).connected and time.monotonic() < end:
        time.sleep(0.05)
    peer.publish("tf/1/gw-3/up/statement", b"new here")
    assert ingest.wait("message")[:2] == ("tf/1/gw-3/up/statement", b"new here")


def test_secrets_are_private_distinct_and_kept(tmp_path: Path) -> None:
    users = [User(f"gw-{i}", Role.GATEWAY, tmp_path / f"gw-{i}.password") for i in range(3)]
    ensure_credentials(users)
    words = [user.password_file.read_text() for user in users]
    ensure_credentials(users)
    assert words == [user.password_file.read_text() for user in users]
    assert len(set(words)) == 3 and all(len(word) > 40 for word in words)
    broker = EmbeddedBroker(BrokerSettings(tmp_path / "b", port=1), users)
    broker.write_config()
    for path in (*(user.password_file for user in users), broker.config_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(word.strip() in " ".join(broker.command()) for word in words)


@pytest.mark.parametrize("name", ["", "gw.1", "gw/1", "gw*", ">", "GW", "gw 1", 'a"b'])
def test_a_name_that_is_no_identifier_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BrokerError, match="identifier"):
        EmbeddedBroker(BrokerSettings(tmp_path), [User(name, Role.GATEWAY, tmp_path / "p")])


def test_a_missing_binary_is_named(tmp_path: Path) -> None:
    broker = EmbeddedBroker(BrokerSettings(tmp_path / "b", binary=tmp_path / "absent"), [])
    with pytest.raises(BrokerError, match="absent"):
        broker.start()


def _stored(folder: Path) -> bytes:
    """The bytes of every file of the broker's store."""
    files = sorted((folder / "store").rglob("*"))
    return b"".join(path.read_bytes() for path in files if path.is_file())


def test_an_emptied_store_holds_no_byte_of_a_message_and_clients_go_on(site: Site) -> None:
    """A message for somebody who is away lies in the store as it travels."""
    folder, secret = site.broker.settings.folder, b"where a rider went, in so many bytes"
    away = site.join("ingest")
    assert away.subscribe("tf/1/+/up/#")
    away.close()
    site.join("gw-1").publish("tf/1/gw-1/up/statement", secret)
    site.broker.stop()
    assert secret in _stored(folder)
    site.broker.start()
    site.broker.stop()
    assert secret in _stored(folder)  # an ordinary start keeps it
    mark = ask_to_empty(folder)
    assert secret in _stored(folder)  # it is done at the next start, and not under a running broker
    site.broker.start()
    assert not mark.exists()
    assert secret not in _stored(folder)
    back = site.join("ingest")
    assert back.subscribe("tf/1/+/up/#")
    site.join("gw-1").publish("tf/1/gw-1/up/statement", b"sent again")
    back.messages_until("tf/1/gw-1/up/statement", b"sent again")
