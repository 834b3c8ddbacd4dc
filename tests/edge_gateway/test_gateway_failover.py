"""A list of brokers, in order; and a broker that lets in and puts out is not stormed."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.publish as publish
import pytest
from gateway_stand import GATEWAY, change, wait_until, write_gateway

from edge_gateway.brokers import PROVEN_S, Address, Brokers
from edge_gateway.checkup import State, examine
from edge_gateway.errors import SettingsError
from edge_gateway.events import Arrived, Inbox
from edge_gateway.mqtt_settings import MqttSettings
from edge_gateway.settings import load
from edge_gateway.uplink import Uplink
from protocol import courier
from trifleet.brokers.common import Role, User
from trifleet.brokers.embedded import BrokerSettings, EmbeddedBroker

A, B, C = Address("a.example", 1), Address("b.example", 2), Address("c.example", 3)
JITTER = 0.5  # a wait is between half and all of what is due
CONNACK = b"\x20\x02\x00\x00"


def test_waits_grow_until_a_line_has_stood() -> None:
    one = Brokers([A])
    for due in (0.5, 1, 2, 4, 8, 16, 30, 30):
        # Let in, and put out a moment before the line would have proved itself.
        assert due * JITTER <= one.lost(PROVEN_S - 0.001) <= due
        assert one.here == A
    assert one.lost(PROVEN_S) <= 0.5
    assert one.lost(0.0) >= 1 * JITTER


def test_brokers_are_tried_in_order_and_the_wait_comes_after_the_last() -> None:
    three = Brokers([A, B, C])
    for due in (0.5, 1, 2):
        assert three.here == A
        assert three.lost(0.0) <= 0.5 and three.here == B
        assert three.lost(0.0) <= 0.5 and three.here == C
        assert due * JITTER <= three.lost(0.0) <= due
    # A good line is followed by the next broker at once, and a whole round of them.
    three.lost(0.0)
    assert three.here == B
    assert [three.lost(PROVEN_S) <= 0.5, three.here == C] == [True, True]
    assert [three.lost(0.0) <= 0.5, three.here == A] == [True, True]
    assert [three.lost(0.0) <= 0.5, three.here == B] == [True, True]


class FullBroker:
    """Lets in, and ends the connection at the first message, as RabbitMQ does when it is full."""

    def __init__(self) -> None:
        self.came: list[float] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                line, _ = self._server.accept()
            except OSError:
                return
            with line:
                self.came.append(time.monotonic())
                line.recv(4096)
                line.sendall(CONNACK)
                line.recv(4096)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(10)


@pytest.fixture
def password(tmp_path: Path) -> Path:
    file = tmp_path / "mqtt.password"
    file.write_text("password-of-the-tests\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def full() -> Iterator[FullBroker]:
    made = FullBroker()
    yield made
    made.close()


def test_a_broker_that_puts_us_out_is_left_in_peace(full: FullBroker, password: Path) -> None:
    uplink = Uplink(MqttSettings("127.0.0.1", full.port, GATEWAY, password), GATEWAY, Inbox(9))
    uplink.start()
    try:
        wait_until(lambda: len(full.came) == 4, "four connections")
    finally:
        uplink.stop()
    assert uplink.session >= 3  # it was let in each time
    first, _, third, fourth = full.came
    # What is due doubles: 0.5, 1, 2 s; half of it is the least.
    assert third - first >= (0.5 + 1) * JITTER and fourth - third >= 2 * JITTER


def test_when_a_broker_dies_the_next_one_is_taken(tmp_path: Path, password: Path) -> None:
    ingest = tmp_path / "ingest.password"
    users = [User(GATEWAY, Role.GATEWAY, password), User("ingest", Role.INGEST, ingest)]
    first, second = (
        EmbeddedBroker(BrokerSettings(tmp_path / name), users) for name in ("first", "second")
    )
    try:
        first.start()
        second.start()
        others = (Address("127.0.0.1", second.port),)
        settings = MqttSettings("127.0.0.1", first.port, GATEWAY, password, others=others)
        inbox = Inbox(99)
        uplink = Uplink(settings, GATEWAY, inbox)
        uplink.start()
        try:
            wait_until(lambda: uplink.connected, "the first broker")
            first.kill()
            wait_until(lambda: uplink.session == 2 and uplink.connected, "the second one")
            assert is_heard_over(second, ingest, inbox)
        finally:
            uplink.stop()
    finally:
        first.kill()
        second.kill()


def is_heard_over(broker: EmbeddedBroker, password: Path, inbox: Inbox) -> bool:
    """What the backend says through this broker comes to the gateway."""
    word = {"username": "ingest", "password": password.read_text().strip()}
    topic = courier.topic(GATEWAY, courier.DOWN_ACK)
    came: list[object] = []

    def arrived() -> bool:
        publish.single(topic, b"an answer", 1, False, "127.0.0.1", broker.port, "ingest", auth=word)
        came.extend(one for one in inbox.take(0.5) if isinstance(one, Arrived))
        return bool(came)

    wait_until(arrived, "an answer")
    return came[0] == Arrived(topic, b"an answer")


@pytest.fixture
def config(tmp_path: Path, password: Path) -> Path:
    return write_gateway(tmp_path, 4000, 1, "ab" * 32)[0]


def test_a_list_of_brokers_is_read(config: Path) -> None:
    change(config, 'host = "127.0.0.1"', 'hosts = ["localhost", "127.0.0.1:65535", "[::1]:9"]')
    assert load(config).mqtt.brokers == (("localhost", 1), ("127.0.0.1", 65535), ("::1", 9))
    assert str(load(config).mqtt.brokers[2]) == "[::1]:9"


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("", "mqtt.host"),
        ('host = "127.0.0.1"\nhosts = ["127.0.0.1"]', "mqtt.host"),
        ("hosts = []", "mqtt.hosts"),
        ('hosts = "127.0.0.1"', "mqtt.hosts"),
        ("hosts = [1]", "mqtt.hosts"),
        ('hosts = ["127.0.0.1:0"]', "mqtt.hosts"),
        ('hosts = ["127.0.0.1:65536"]', "mqtt.hosts"),
        ('hosts = ["::1"]', "mqtt.hosts"),
        ('hosts = ["[::1"]', "mqtt.hosts"),
        ('hosts = ["127.0.0.1", "127.0.0.1:1"]', "mqtt.hosts"),
        ('hosts = ["a b"]', "mqtt.hosts"),
        ('hosts = ["localhost\\n"]', "mqtt.hosts"),
        ('hosts = ["mqtts://localhost"]', "mqtt.hosts"),
        # No password leaves the machine, by whatever place in the list.
        ('hosts = ["127.0.0.1", "broker.example"]', "mqtt.hosts"),
        (f"hosts = {[f'h{number}' for number in range(17)]}", "mqtt.hosts"),
    ],
)
def test_a_bad_list_is_named(config: Path, line: str, key: str) -> None:
    change(config, 'host = "127.0.0.1"', line)
    with pytest.raises(SettingsError) as caught:
        load(config)
    assert caught.value.key == key


def test_the_check_looks_at_each_broker(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = server.getsockname()[1]
        change(config, 'host = "127.0.0.1"', f'hosts = ["127.0.0.1", "127.0.0.1:{there}"]')
        found = [one for one in examine(config) if one.key == "mqtt.hosts"]
    assert [one.state for one in found] == [State.NOTE, State.GOOD]
    assert str(there) in found[1].words
