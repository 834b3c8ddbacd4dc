"""No private key of the stack is anywhere but in its own file: not in what the programs wrote, sent
or were started with. And where each of them crashes, no memory is left behind."""

import base64
import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from paho.mqtt.enums import CallbackAPIVersion
from running import RunningStack
from scene import Scene, direct, signed_command

from edge_gateway.mqtt_tls import MqttTls
from protocol import courier
from trifleet.layout import Layout
from trifleet.ports import LOOPBACK
from trifleet.transport import party_of

GATEWAY = "gw-1"
# Of the data folder; the rest is keys, or a vehicle's own flash.
HAYSTACKS = (
    "logs", "config", "ledger/public", "ledger/wal", "ledger/lock.db", "broker/store",
    "broker/nats.conf", "fleet.db", "fleet.db-wal", "run.json", "installation.json",
    "issuer/journal", f"gateways/{GATEWAY}", "vehicles/trike-1/can.log",
)  # fmt: skip
pytestmark = pytest.mark.slow


def key_files(layout: Layout) -> list[Path]:
    """Every file with a private key in it."""
    return [
        file
        for file in layout.root.rglob("*")
        if file.is_file() and file.suffix in (".key", ".pem") and b"PRIVATE" in file.read_bytes()
    ]


def numbers(file: Path) -> list[bytes]:
    """What nobody may know of a key, as bytes."""
    key = load_pem_private_key(file.read_bytes(), None)
    if isinstance(key, Ed25519PrivateKey):
        return [key.private_bytes_raw()]
    if isinstance(key, EllipticCurvePrivateKey):
        return [key.private_numbers().private_value.to_bytes(32, "big")]
    assert isinstance(key, RSAPrivateKey)
    found = key.private_numbers()
    return [
        number.to_bytes((number.bit_length() + 7) // 8, "big")
        for number in (found.p, found.q, found.d)
    ]


def forms(secret: bytes) -> Iterator[bytes]:
    """As it is, in hexadecimal digits, and in base64 wherever in a line it begins."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for before in range(3):
        whole = (len(secret) + before) // 3 * 3 - before
        text = base64.b64encode(bytes(before) + secret[:whole])[4 if before else 0 :]
        yield text
        yield base64.urlsafe_b64encode(bytes(before) + secret[:whole])[4 if before else 0 :]


def test_the_search_finds_what_is_there() -> None:
    secret = bytes(range(40, 72))
    for before in range(5):
        text = base64.b64encode(os.urandom(before) + secret + os.urandom(7))
        assert any(form in text for form in forms(secret)), before
    assert any(form in b"x" + secret.hex().upper().encode() for form in forms(secret))
    assert not any(form in base64.b64encode(os.urandom(4096)) for form in forms(secret))


@pytest.fixture(scope="module")
def traffic(stack: RunningStack) -> bytes:
    """All that the broker carries while a rider unlocks and locks."""
    heard: list[bytes] = []
    port = json_port(stack)
    with contextlib.ExitStack() as spies:
        for name, topics in (
            ("ingest", [courier.topic("+", "up/#")]),
            (GATEWAY, [courier.topic(GATEWAY, one) for one in courier.DOWN_QOS]),
        ):
            spies.enter_context(spy(stack.layout, name, port, topics, heard))
        scene = Scene(stack, "trike-1")
        granted = scene.owner.grant(scene.rider.key, "trike-1")
        for action in (1, 2):
            asked = signed_command(scene.rider.key, "trike-1", scene.challenge(), granted, action)
            presented = direct(scene, granted, asked, scene.rider.key)
            scene.rider.wait(scene.rider.send("trike-1", presented), ("executed",), 30)
        time.sleep(2)
        scene.rider.close()
    return b"\n".join(heard)


def json_port(stack: RunningStack) -> int:
    return int(json.loads(stack.layout.run_file.read_text())["mqtt_port"])


@contextlib.contextmanager
def spy(
    layout: Layout, name: str, port: int, topics: list[str], heard: list[bytes]
) -> Iterator[None]:
    """Somebody with a good certificate who listens beside its owner."""
    party = party_of(layout, name)
    client = paho.Client(CallbackAPIVersion.VERSION2, f"{name}-spy", protocol=paho.MQTTv311)
    tls = MqttTls(party.ca_file, party.certificate_file, party.private_key_file)
    client.tls_set_context(tls.context())
    client.on_connect = lambda *_: client.subscribe([(topic, 0) for topic in topics])
    client.on_message = lambda _, __, message: heard.append(
        message.topic.encode() + b" " + message.payload
    )
    client.connect(LOOPBACK, port)
    client.loop_start()
    yield
    client.disconnect()
    client.loop_stop()


def test_every_program_has_its_keys(stack: RunningStack) -> None:
    names = {file.relative_to(stack.layout.root).as_posix() for file in key_files(stack.layout)}
    wanted = {"owner/owner.key", "issuer/issuing.key", "ingest/ack.key", "ledger/log.key"}
    assert wanted | {f"gateways/{GATEWAY}/gateway.key"} <= names
    assert len(names) >= 10


def test_no_key_is_in_what_was_written_or_sent(stack: RunningStack, traffic: bytes) -> None:
    assert len(traffic) > 5_000
    hay = {"traffic": traffic, "output": stack.output.read_bytes()}
    own = set(key_files(stack.layout))
    for name in HAYSTACKS:
        place = stack.layout.root / name
        for file in [place] if place.is_file() else place.rglob("*"):
            if file.is_file() and file not in own:
                hay[file.relative_to(stack.layout.root).as_posix()] = file.read_bytes()
    assert len(hay) > 30
    for pid in running(stack):
        for what in ("cmdline", "environ"):
            hay[f"{what} of {pid}"] = Path(f"/proc/{pid}/{what}").read_bytes()
    for file in own:
        for secret in numbers(file):
            for form in forms(secret):
                assert [name for name, data in hay.items() if form in data] == [], file.name
    token = stack.layout.operator_token.read_bytes().strip()
    assert [name for name, data in hay.items() if token in data] == []


def running(stack: RunningStack) -> dict[int, str]:
    pids = json.loads(stack.layout.run_file.read_text())["pids"]
    return {pid: name for name, pid in pids.items() if pid is not None}


def test_a_crash_leaves_no_memory_behind(stack: RunningStack) -> None:
    begin = time.time()
    for pid, name in running(stack).items():
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert "Max core file size        0                    0" in limits, name
    for name in ("ingest", "issuer", GATEWAY):
        pid = stack.pid_of(name)
        os.kill(pid, signal.SIGABRT)
        stack.wait_for(lambda pid=pid, name=name: stack.pid_of(name) != pid, name, 20)  # type: ignore[misc]
    places = [Path.cwd(), stack.layout.root, Path("/")]
    found = [file for place in places for file in place.glob("core*") if file.is_file()]
    assert [file for file in found if file.stat().st_mtime >= begin] == []
