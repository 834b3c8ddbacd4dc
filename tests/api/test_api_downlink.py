"""Commands on their way down a real broker: sent, sent again, expired in time."""

import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from fleet_backend.fleet import commands
from protocol import courier, presentation
from protocol.presentation import Presentation
from tests.api.api_stand import ApiStand, Client, private, serving, wait_until
from tests.issuer.parties import present
from trifleet.brokers.common import Role, User
from trifleet.brokers.embedded import BrokerSettings, EmbeddedBroker

V = "trike-2"


class Gateway:
    """A gateway's side of the broker."""

    def __init__(self, broker: EmbeddedBroker, password: Path) -> None:
        self.got: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="gw-2", protocol=mqtt.MQTTv311
        )
        self._client.username_pw_set("gw-2", password.read_text().strip())
        self._client.on_message = lambda _c, _d, m: self.got.put((m.topic, m.payload))
        ready = queue.Queue[None]()
        self._client.on_subscribe = lambda *_: ready.put(None)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        self._client.subscribe(courier.topic("gw-2", courier.DOWN_COMMAND), qos=1)
        ready.get(timeout=10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    users = [
        User("api", Role.API, private(tmp_path / "mqtt.password", "password-of-the-tests")),
        User("gw-2", Role.GATEWAY, tmp_path / "gw.password"),
    ]
    made = EmbeddedBroker(BrokerSettings(tmp_path / "broker"), users)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def gateway(broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(broker, tmp_path / "gw.password")
    yield made
    made.close()


def state_of(stand: ApiStand, data: bytes) -> str:
    with stand.database.read() as connection:
        return commands.get(connection, presentation.decode(data).command_id).state


def queue_command(stand: ApiStand, data: bytes, life_s: int = 60) -> bytes:
    asked: Presentation = presentation.decode(data)
    with stand.database.begin() as connection:
        commands.create(connection, asked.command_id, V, 1, data, stand.now + life_s, stand.now)
    return asked.command_id


def test_a_command_reaches_its_gateway(
    tmp_path: Path, broker: EmbeddedBroker, gateway: Gateway
) -> None:
    stand = ApiStand(tmp_path, mqtt_port=broker.port)
    data = present(V, [], [])
    with (
        serving(stand.app) as address,
        Client(base_url=address, timeout=20, trust_env=False) as client,
    ):
        wait_until(lambda: client.get("/healthz").status_code == 200)
        sent = client.command(data, vehicle=V).json()
        topic, payload = gateway.got.get(timeout=20)
        assert topic == "tf/1/gw-2/down/command"
        asked = presentation.decode(data)
        assert courier.decode_command(payload) == (asked.command_id, V, sent["expires"], data)
        wait_until(lambda: state_of(stand, data) == commands.SENT)
        assert client.get(f"/v1/commands/{sent['id']}").json()["state"] == "sent"
    assert gateway.got.empty()
    stand.close()


def test_what_waits_for_the_broker_is_sent_when_it_comes_or_expires(
    tmp_path: Path, broker: EmbeddedBroker, gateway: Gateway
) -> None:
    gateway.close()
    broker.kill()
    stand = ApiStand(tmp_path, mqtt_port=broker.port)
    late, good = present(V, [], []), present(V, [], [])
    queue_command(stand, late, life_s=5)
    queue_command(stand, good, life_s=60)
    with serving(stand.app):
        stand.now += 6
        wait_until(lambda: state_of(stand, late) == commands.EXPIRED)
        assert state_of(stand, good) == commands.QUEUED
        broker.start()
        again = Gateway(broker, tmp_path / "gw.password")
        _, payload = again.got.get(timeout=20)
        assert courier.decode_command(payload)[3] == good
        wait_until(lambda: state_of(stand, good) == commands.SENT)
        assert again.got.empty()
        again.close()
    stand.close()


def test_what_a_broker_took_for_nobody_is_sent_again(
    tmp_path: Path, broker: EmbeddedBroker
) -> None:
    """As after its store was emptied: it knows no session of the gateway, and says yes."""
    stand = ApiStand(tmp_path, mqtt_port=broker.port)
    data = present(V, [], [])
    queue_command(stand, data)
    with serving(stand.app):
        wait_until(lambda: state_of(stand, data) == commands.SENT)
        gateway = Gateway(broker, tmp_path / "gw.password")
        _, payload = gateway.got.get(timeout=20)
        assert courier.decode_command(payload)[3] == data
        gateway.close()
    stand.close()


def test_a_command_whose_answer_never_comes_expires(tmp_path: Path) -> None:
    stand = ApiStand(tmp_path)
    data = present(V, [], [])
    name = queue_command(stand, data)
    with stand.database.begin() as connection:
        commands.advance(connection, name, commands.SEND, stand.now)
        commands.advance(connection, name, commands.DELIVER, stand.now)
    link = stand.services.downlink
    stand.now += 65
    link.step()
    assert state_of(stand, data) == commands.DELIVERED  # the answer may be on its way
    stand.now += 10
    wait_until(lambda: (link.step(), state_of(stand, data))[1] == commands.EXPIRED)
    stand.close()


CHILD = """
import sys, threading, uvicorn
from pathlib import Path
from fleet_backend.api.app import create_app
from fleet_backend.api.settings import load_settings
app = create_app(load_settings(Path(sys.argv[1])))
server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
print("up", flush=True)
server.run()
"""


def test_the_next_process_sends_what_a_dead_one_left(
    tmp_path: Path, broker: EmbeddedBroker, gateway: Gateway
) -> None:
    stand = ApiStand(tmp_path, mqtt_port=broker.port)
    config = tmp_path / "api.toml"
    values = asdict(stand.settings)
    given = {name: value for name, value in values.items() if value is not None}
    lines = [f"{n} = {v}" if isinstance(v, int) else f'{n} = "{v}"' for n, v in given.items()]
    config.write_text("\n".join(lines))
    seen = set()
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(config)], stdout=subprocess.PIPE)
        assert child.stdout is not None and child.stdout.readline() == b"up\n"
        names = {queue_command(stand, present(V, [], [])) for _ in range(5)}
        while not names <= seen:
            payload = gateway.got.get(timeout=20)[1]
            seen.add(courier.decode_command(payload)[0])
        left = {queue_command(stand, present(V, [], [])) for _ in range(5)}
        os.kill(child.pid, signal.SIGKILL)
        child.wait(10)
        child.stdout.close()
    with serving(stand.app):
        end = time.monotonic() + 20
        while not left <= seen:
            assert time.monotonic() < end
            seen.add(courier.decode_command(gateway.got.get(timeout=20)[1])[0])
    stand.close()
