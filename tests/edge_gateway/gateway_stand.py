"""A vehicle and a backend that keep the contract of docs/protocol.md sections 6 to 10.

Each notes what the gateway does against the contract in `faults`, which a test asserts to be empty.
"""

import hmac
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import isotp
import paho.mqtt.client as mqtt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hw.virtual_bus import VirtualBus
from protocol import ack, command, courier, link, presentation, record, sighting, statement
from protocol.cose import PS256, assemble
from protocol.errors import VerifyError

VEHICLE = "trike-7"
GATEWAY = "gw-7"
RECORD_KEY = bytes(range(32))
PATIENCE_S = 60.0
WINDOW = 8


def tag(message: bytes) -> bytes:
    return hmac.digest(RECORD_KEY, message, "sha256")


def matches(message: bytes, seal: bytes) -> bool:
    return hmac.compare_digest(tag(message), seal)


def sealed(boot: int, seq: int, kind: int = record.LOST, body: dict | None = None) -> bytes:
    """A record as the vehicle makes it."""
    value = {0: 1} if body is None else body
    return record.encode(record.Record(VEHICLE, boot, seq, seq * 10, 0, kind, value), tag)


def boot_record(boot: int, unsent: int) -> bytes:
    body = {0: "1.0", 1: 1, 2: 0, 3: boot - 1, 4: unsent}
    return sealed(boot, 0, record.BOOT, body)


def telemetry(boot: int, seq: int) -> bytes:
    return sealed(boot, seq, record.TELEMETRY, {0: seq, 1: seq, 2: 52_000, 7: 2})


def any_presentation(salt: int = 0) -> tuple[bytes, bytes]:
    """(command_id, presentation): well formed, signed by nobody."""
    asked = command.Command(VEHICLE, salt.to_bytes(16, "big"), command.UNLOCK, {}, b"")
    sign1 = assemble(PS256, command.encode(asked), bytes(256))
    key = b"\x80" + bytes(254) + b"\x01"
    return command.command_id(sign1), presentation.encode([], [key], sign1)


def wait_until(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.02)


class FakeVcu:
    """Keeps its journal through `reboot`; sends in order, at most 8 ahead of what is stored."""

    def __init__(self, bus: VirtualBus, boot: int = 1, resend_s: float = 0.5) -> None:
        self.faults: list[str] = []
        self.presentations: list[bytes] = []
        self.mute = False
        self.boot = boot
        self.hello_vehicle = VEHICLE
        self.challenge = os.urandom(16)
        self._resend_s = resend_s
        self._lock = threading.RLock()
        self._frames: queue.Queue[tuple[int, bytes]] = queue.Queue()
        self._port = bus.attach(
            lambda identifier, data: self._frames.put((identifier, data)), {0x500, 0x510}
        )
        self._requests = self._layer(tx=0x508, rx=0x500)
        self._records = self._layer(tx=0x518, rx=0x510)
        self._journal: list[tuple[int, int, bytes]] = []
        self._next_seq = 0
        self._sent = 0
        self._sent_up_to = (0, -1)
        # Of earlier boots, anything may have been sent before this object was made.
        self._ever_sent = (boot - 1, 1 << 30)
        self._progress = time.monotonic()
        self._urgent = [self._hello(), self._challenge_message()]
        self.made: list[tuple[int, int]] = []
        self.add(lambda seq: boot_record(boot, 0))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self._port.close()

    def add(self, make: Callable[[int], bytes]) -> None:
        """One record more; `make(seq)` seals it."""
        with self._lock:
            self._journal.append((self.boot, self._next_seq, make(self._next_seq)))
            self.made.append((self.boot, self._next_seq))
            self._next_seq += 1

    def add_raw(self, message: bytes) -> None:
        """Any bytes on the record channel."""
        with self._lock:
            self._urgent.append(message)

    def reboot(self) -> None:
        """The next boot: the journal stays, what was in flight is forgotten."""
        with self._lock:
            unsent = len(self._journal)
            self.boot += 1
            self._next_seq = 0
            self._sent = 0
            self._sent_up_to = (0, -1)
            boot = self.boot
            self.challenge = os.urandom(16)
            self._urgent = [self._hello(), self._challenge_message()]
            self.add(lambda seq: boot_record(boot, unsent))

    @property
    def unstored(self) -> int:
        with self._lock:
            return len(self._journal)

    def _layer(self, tx: int, rx: int) -> isotp.TransportLayerLogic:
        frames: queue.SimpleQueue[isotp.CanMessage] = queue.SimpleQueue()
        layer = isotp.TransportLayerLogic(
            rxfn=lambda _t: None if frames.empty() else frames.get(),
            txfn=lambda m: None if self.mute else self._port.send(m.arbitration_id, bytes(m.data)),
            address=isotp.Address(isotp.AddressingMode.Normal_11bits, txid=tx, rxid=rx),
            params={"tx_padding": 0xCC, "blocksize": 8, "logger_name": "edge_gateway.isotp"},
        )
        layer.frames = frames
        return layer

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                identifier, data = self._frames.get(timeout=0.01)
            except queue.Empty:
                identifier, data = 0, b""
            if self.mute:
                continue
            for layer, rx in ((self._requests, 0x500), (self._records, 0x510)):
                if identifier == rx:
                    layer.frames.put(isotp.CanMessage(arbitration_id=rx, data=data))
                layer.process()
            while (message := self._requests.recv()) is not None:
                self._on_request(bytes(message))
            self._send()

    def _on_request(self, message: bytes) -> None:
        kind, payload = link.unpack(message)
        with self._lock:
            if kind == link.PRESENTATION:
                self.presentations.append(payload)
            elif kind == link.STORED:
                self._on_stored(link.decode_stored(payload))
            elif kind == link.HELLO_REQUEST:
                self._urgent = [self._hello(), self._challenge_message(), *self._urgent]
                self._sent = 0
            else:
                self.faults.append(f"request of type {kind}")

    def _on_stored(self, name: tuple[int, int]) -> None:
        if name > self._ever_sent:
            self.faults.append(f"stored {name} was never sent; sent up to {self._ever_sent}")
        # Like the real one: what this boot did not send is not believed to be stored.
        name = min(name, self._sent_up_to)
        before = len(self._journal)
        self._journal = [entry for entry in self._journal if entry[:2] > name]
        self._sent = max(0, self._sent - (before - len(self._journal)))
        self._progress = time.monotonic()

    def _send(self) -> None:
        with self._lock:
            if self._records.transmitting():
                return
            if self._urgent:
                self._records.send(self._urgent.pop(0))
            elif message := self._next_record():
                self._records.send(link.pack(link.RECORD, message))
            else:
                return
        self._records.process()

    def _next_record(self) -> bytes | None:
        if time.monotonic() - self._progress > self._resend_s:
            self._sent = 0
            self._progress = time.monotonic()
        if self._sent >= min(WINDOW, len(self._journal)):
            return None
        boot, seq, data = self._journal[self._sent]
        self._sent += 1
        self._sent_up_to = max(self._sent_up_to, (boot, seq))
        self._ever_sent = max(self._ever_sent, self._sent_up_to)
        return data

    def _hello(self) -> bytes:
        return link.encode_hello(self.hello_vehicle, self.boot, "1.0")

    def _challenge_message(self) -> bytes:
        return link.encode_challenge(self.challenge, 120)


def _is_genuine(data: bytes) -> bool:
    try:
        record.open_record(data, matches)
    except VerifyError:
        return False
    return True


def forged(boot: int, seq: int, salt: int = 0) -> bytes:
    """A record as anybody can make it: a BOOT record with nothing left, or another."""
    kind, body = (record.LOST, {0: salt}) if seq else (record.BOOT, {0: "", 1: 0, 2: 0, 3: 0, 4: 0})
    made = record.Record(VEHICLE, boot, seq, 0, 0, kind, body)
    return record.encode(made, lambda message: bytes((salt,)) * 32)


class Forger:
    """Another node that sends on the vehicle's record channel, without asking for anything."""

    def __init__(self, bus: VirtualBus) -> None:
        self._port = bus.attach(lambda identifier, data: None, ())

    def send(self, data: bytes) -> None:
        message = link.pack(link.RECORD, data)
        self._port.send(0x518, bytes((0x10 | len(message) >> 8, len(message) & 255)) + message[:6])
        time.sleep(0.02)  # the gateway's flow control
        for number, start in enumerate(range(6, len(message), 7), 1):
            frame = bytes((0x20 | number & 15,)) + message[start : start + 7]
            self._port.send(0x518, frame.ljust(8, b"\xcc"))
            time.sleep(0.001)

    def close(self) -> None:
        self._port.close()


class FakeBackend:
    """Verifies every statement, keeps it, acknowledges it; may lose and repeat acknowledgements."""

    def __init__(self, port: int, password: str, gateway_key: Ed25519PublicKey) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.faults: list[str] = []
        self.statements: dict[int, bytes] = {}
        self.bodies: dict[int, bytes] = {}
        self.received = 0
        self.commands: list[tuple[bytes, int]] = []
        self.challenges: list[tuple[str, bytes, int]] = []
        self.status: list[bool] = []
        self.sightings: list[sighting.Sighting] = []
        # By origin: (the checkpoint that is held, or nothing) -> down/checkpoint, or no answer.
        self.logs: dict[str, Callable[[bytes], bytes | None]] = {}
        self.answers = True
        self.lose = 0.0
        self.repeat = 0.0
        self.random = random.Random(1)
        self._gateway_key = gateway_key
        self._credential = ("ingest", password)
        self._port = port
        self._stop = threading.Event()
        self.client: mqtt.Client | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def public_key(self) -> str:
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def close(self) -> None:
        self._stop.set()
        if self.client is not None:
            self.client.disconnect()
        self._thread.join(10)

    def send(self, name: str, payload: bytes) -> None:
        assert self.client is not None
        self.client.publish(courier.topic(GATEWAY, name), payload, 1)

    def acknowledge(self, seqs: list[int]) -> None:
        found = ack.Ack(GATEWAY, ack.to_ranges(seqs), [])
        self.send(courier.DOWN_ACK, ack.encode(found, self.key.sign))

    def records(self) -> list[tuple[int, int]]:
        """Names of all records of the vehicle in all statements, in the order of the chain."""
        return self._names(genuine=True)

    def forged(self) -> list[tuple[int, int]]:
        """Names of the records that are not the vehicle's: set aside by their MAC."""
        return self._names(genuine=False)

    def _names(self, genuine: bool) -> list[tuple[int, int]]:
        return [
            (found.boot, found.seq)
            for seq in sorted(self.bodies)
            if statement.decode_unverified(self.statements[seq]).kind == statement.RECORDS
            for data in statement.decode_records(self.bodies[seq])
            if (found := record.decode_unverified(data)) and _is_genuine(data) == genuine
        ]

    def events(self) -> list[tuple[int, str]]:
        """GATEWAY statements in the order of the chain."""
        return [
            statement.decode_gateway_event(self.bodies[seq])
            for seq in sorted(self.bodies)
            if statement.decode_unverified(self.statements[seq]).kind == statement.GATEWAY
        ]

    def check_chain(self) -> None:
        """No gap, and each names the hash of the one before."""
        previous = statement.FIRST_PREV_HASH
        assert sorted(self.statements) == list(range(len(self.statements)))
        for seq in range(len(self.statements)):
            assert statement.decode_unverified(self.statements[seq]).prev_hash == previous, seq
            previous = statement.statement_hash(self.statements[seq])

    def _run(self) -> None:
        while not self._stop.is_set():
            self.client = mqtt.Client(
                mqtt.CallbackAPIVersion.VERSION2,
                client_id="ingest",
                clean_session=False,
                reconnect_on_failure=False,
            )
            self.client.username_pw_set(*self._credential)
            self.client.on_connect = lambda c, *_: c.subscribe("tf/1/+/up/#", 1)
            self.client.on_message = self._on_message
            try:
                self.client.connect("127.0.0.1", self._port)
                self.client.loop_forever()
            except OSError:
                pass
            self._stop.wait(0.1)

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        name = message.topic.split("/", 3)[3]
        payload = bytes(message.payload)
        if name == courier.UP_STATEMENT:
            self._on_statement(payload)
        elif name == courier.UP_COMMAND:
            self.commands.append(courier.decode_command_status(payload))
        elif courier.challenge_vehicle(name):
            self.challenges.append(courier.decode_challenge(payload))
        elif name == courier.UP_STATUS:
            self.status.append(courier.decode_status(payload)[0])
        elif name == courier.UP_SIGHTING:
            self._on_sighting(payload)

    def _verify(self, message: bytes, signature: bytes) -> bool:
        try:
            self._gateway_key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def _on_sighting(self, payload: bytes) -> None:
        found = sighting.open_sighting(payload, self._verify)
        if found.gateway != GATEWAY:
            self.faults.append(f"a sighting of {found.gateway}")
        self.sightings.append(found)
        show = self.logs.get(found.origin)
        if show is not None and not found.refused and (answer := show(found.held)) is not None:
            self.send(courier.DOWN_CHECKPOINT, answer)

    def _on_statement(self, payload: bytes) -> None:
        self.received += 1
        sign1, salt, packed = statement.decode_message(payload)
        found = statement.open_statement(sign1, self._verify)
        body = zlib.decompress(packed)
        statement.check_body(found, salt, body)
        if self.statements.setdefault(found.seq, sign1) != sign1:
            self.faults.append(f"two statements with the number {found.seq}")
        self.bodies[found.seq] = body
        if self.answers and self.random.random() >= self.lose:
            self.acknowledge([found.seq])
            if self.random.random() < self.repeat:
                self.acknowledge([found.seq])


class GatewayProcess:
    """The gateway in a process of its own, to be killed."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._child: subprocess.Popen[bytes] | None = None
        self.log = config.with_name("gateway.log")

    def start(self) -> None:
        code = (
            "import logging, signal, sys, threading, pathlib\n"
            "from edge_gateway import main, settings\n"
            "logging.basicConfig(level=logging.INFO)\n"
            "stop = threading.Event()\n"
            "signal.signal(signal.SIGTERM, lambda *_: stop.set())\n"
            "main.run(settings.load(pathlib.Path(sys.argv[1])), stop)\n"
        )
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-c", code, str(self._config)], stdout=log, stderr=log
            )

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self._child is None:
            return 0
        self._child.send_signal(number)
        status = self._child.wait(15)
        self._child = None
        return status


def write_gateway(
    folder: Path,
    can_port: int,
    mqtt_port: int,
    ack_key: str,
    vkeys: Sequence[str] = (),
    **limits: int,
) -> tuple[Path, Ed25519PrivateKey]:
    """gateway.toml and the key beside it; it follows the logs of these keys."""
    folder.mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "gateway.key").write_bytes(pem)
    numbers = "\n".join(f"{name} = {value}" for name, value in limits.items())
    logs = "\n".join(f'[[log]]\nvkey = "{vkey}"' for vkey in vkeys)
    (folder / "gateway.toml").write_text(
        f"""
gateway = "{GATEWAY}"
key_file = "gateway.key"
ack_public_key = "{ack_key}"
outbox_file = "outbox.db"
[[bus]]
vehicle = "{VEHICLE}"
interface = "slcan"
channel = "socket://127.0.0.1:{can_port}"
acceptance_filter = true
{logs}
[mqtt]
host = "127.0.0.1"
port = {mqtt_port}
password_file = "mqtt.password"
[flush]
event_ms = 50
telemetry_ms = 100
[limits]
first_resend_s = 1
longest_resend_s = 2
{numbers}
"""
    )
    return folder / "gateway.toml", key


def change(config: Path, old: str, new: str) -> None:
    """In a settings file, once."""
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new, 1))
