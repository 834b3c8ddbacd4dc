"""A gateway changes the key of its statements before a real ingest; it is cut off at every step."""

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_stand import GATEWAY, VEHICLE, telemetry, write_gateway

from edge_gateway import key_rotation, main
from edge_gateway.batch import Part
from edge_gateway.clock import Clock
from edge_gateway.errors import GatewayError, OutboxError, ReplacedKeyError, SettingsError
from edge_gateway.events import Arrived, Inbox
from edge_gateway.gateway import Gateway
from edge_gateway.gossip import Gossip
from edge_gateway.keys import load_verifier
from edge_gateway.outbox import Outbox
from edge_gateway.settings import GatewaySettings, load
from edge_gateway.signer import Signer
from fleet_backend.fleet import gateway_keys, gateways, quarantine, statements
from fleet_backend.fleet.database import open_database
from fleet_backend.ingest import reasons
from fleet_backend.ingest.worker import Worker, WorkerSettings
from protocol import courier
from tests.ingest.memory_adapter import MemoryAdapter

ACK = Ed25519PrivateKey.generate()
ACK_PUBLIC = ACK.public_key().public_bytes_raw()


class Backend:
    """A real ingest over a real database, which is the gateway's uplink as well."""

    connected = True
    session = 1

    def __init__(self, folder: Path, public_key: bytes) -> None:
        self.database = open_database(f"sqlite:///{folder / 'fleet.db'}")
        self.database.create_schema()
        with self.database.begin() as connection:
            gateways.register(connection, GATEWAY, public_key, gateways.GATEWAY, 1)
        self.adapter = MemoryAdapter()
        self.worker = Worker(self.database, self.adapter, ACK, WorkerSettings(threads=1))
        self.published: list[str] = []

    def publish(self, name: str, payload: bytes, retain: bool = False) -> bool:
        self.published.append(name)
        self.adapter.put(GATEWAY, payload, name)
        return True

    def answers(self) -> list[bytes]:
        self.adapter.sent.clear()
        if batch := self.adapter.receive(1_000, 0.0, 0.0):
            self.worker.handle(batch)
        return [payload for _, name, payload in self.adapter.sent if name == courier.DOWN_ACK]

    def stored(self) -> list[int]:
        with self.database.read() as connection:
            return [one.seq for one in statements.links(connection, GATEWAY, 0, 1 << 40)]

    def eras(self) -> list[gateway_keys.Place]:
        with self.database.read() as connection:
            return gateway_keys.history(connection, GATEWAY)

    def refused(self) -> list[str]:
        """But for the records: their vehicle is not registered here."""
        with self.database.read() as connection:
            found = [one.reason for one in quarantine.newest(connection)]
        return [reason for reason in found if reason != reasons.RECORD_VEHICLE]

    def close(self) -> None:
        self.worker.close()
        self.database.close()


class Silent:
    """A bus on which nobody is."""

    connected = False

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()


class Running:
    """A gateway that was started: as `edge_gateway.main` puts it together, without threads."""

    def __init__(self, settings: GatewaySettings, backend: Backend) -> None:
        key = key_rotation.current_key(settings)
        self.outbox = key_rotation.open_outbox(settings, key)
        self.backend = backend
        self.gateway = Gateway(
            settings,
            self.outbox,
            {VEHICLE: Silent()},  # type: ignore[dict-item]
            backend,  # type: ignore[arg-type]
            Inbox(8),
            load_verifier(ACK_PUBLIC),
            Gossip(settings, None, key.sign),
            Clock(),
        )
        self.gateway.exchange.public_key = key_rotation.public_bytes(key)

    def say(self, count: int = 1) -> None:
        self.outbox.store_parts([Part([telemetry(1, 1)], 1)] * count, 0, VEHICLE, {})

    def turn(self) -> None:
        self.gateway.tick()
        for message in self.backend.answers():
            self.gateway.handle(Arrived(courier.topic(GATEWAY, courier.DOWN_ACK), message))

    def drain(self) -> None:
        for _ in range(50):
            self.turn()
            self.gateway.tick()
            if not self.outbox.count():
                return
        raise AssertionError(f"{self.outbox.count()} statements wait: {self.backend.refused()}")

    def close(self) -> None:
        self.outbox.close()


@pytest.fixture
def settings(tmp_path: Path) -> GatewaySettings:
    config, _ = write_gateway(tmp_path / "gw", 1, 1, ACK_PUBLIC.hex())
    (tmp_path / "gw" / "mqtt.password").write_text("x")
    return load(config)


@pytest.fixture
def backend(settings: GatewaySettings, tmp_path: Path) -> Iterator[Backend]:
    made = Backend(tmp_path, key_rotation.public_bytes(key_rotation.current_key(settings)))
    yield made
    made.close()


def say_all(settings: GatewaySettings, backend: Backend, count: int = 2) -> None:
    """Start, say something, and wait until the backend has all of it; then stop."""
    gateway = Running(settings, backend)
    gateway.say(count)
    gateway.drain()
    gateway.close()


def test_a_key_is_changed_twice_and_nothing_is_lost(
    settings: GatewaySettings, backend: Backend
) -> None:
    say_all(settings, backend)
    first = settings.key_file.read_bytes()
    assert key_rotation.rotate(settings)[0] == 2
    assert first not in [path.read_bytes() for path in settings.key_file.parent.iterdir()]
    say_all(settings, backend)
    assert key_rotation.rotate(settings)[0] == 5
    say_all(settings, backend)
    assert backend.stored() == list(range(8))
    assert [one.first_seq for one in backend.eras()] == [0, 3, 6]
    assert not backend.refused()


def test_the_change_goes_first_and_alone_however_much_waits(
    settings: GatewaySettings, backend: Backend
) -> None:
    before = Running(settings, backend)
    before.say(200)
    before.close()
    key_rotation.rotate(settings)
    gateway = Running(settings, backend)
    gateway.say(100)
    for _ in range(3):  # not acknowledged, not due again: nothing else leaves
        gateway.gateway.tick()
    assert backend.published.count(courier.UP_STATEMENT) == 1
    with pytest.raises(GatewayError, match="statement 200 is not acknowledged"):
        key_rotation.rotate(settings)
    gateway.drain()
    assert backend.stored() == list(range(301))
    assert not backend.refused()
    gateway.close()


def test_a_gateway_that_runs_ends_at_once_and_starts_with_the_new_key(
    settings: GatewaySettings, backend: Backend
) -> None:
    gateway = Running(settings, backend)
    gateway.say()
    key_rotation.rotate(settings)
    for sign in (gateway.say, gateway.gateway.tick):
        with pytest.raises(OutboxError, match="starting again"):
            sign()
    assert courier.UP_STATEMENT not in backend.published  # nor anything else by the old key
    gateway.close()
    say_all(settings, backend)
    assert backend.stored() == list(range(4))


Step = tuple[Any, str, bool]
STEPS: list[Step] = [
    (key_rotation, "write_private", True),
    (key_rotation, "write_private", False),
    (Outbox, "change_key", True),
    (Signer, "write", True),  # inside of the transaction
    (Signer, "write", False),
    (Outbox, "change_key", False),
    (key_rotation, "_put_in_place", True),
    (Path, "replace", False),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[1]}-{step[2]}")
def test_an_end_at_any_step_leaves_one_key_and_one_chain(
    settings: GatewaySettings, backend: Backend, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_all(settings, backend)
    place, name, before = step
    real: Callable[..., Any] = getattr(place, name)

    def dying(*given: Any) -> Any:
        if place is Path and given[0].name != "gateway.key.next":
            return real(*given)
        if not before:
            real(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(place, name, dying)
        key_rotation.rotate(settings)
    say_all(settings, backend)  # whichever key it is
    if len(backend.eras()) == 1:
        key_rotation.rotate(settings)
        say_all(settings, backend)
    assert backend.stored() == list(range(len(backend.stored())))
    assert len(backend.eras()) == 2
    assert not backend.refused()
    assert not settings.key_file.with_name("gateway.key.next").exists()


def test_a_service_that_may_not_write_beside_its_key_goes_on_with_the_new_one(
    settings: GatewaySettings, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("read-only")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(PermissionError), monkeypatch.context() as inner:
            inner.setattr(key_rotation, "_new_key", _made_beforehand)
            key_rotation.rotate(settings)
        say_all(settings, backend)
    say_all(settings, backend)
    assert len(backend.eras()) == 2 and not backend.refused()


def _made_beforehand(path: Path) -> Ed25519PrivateKey:
    write_gateway(path.parent / "spare", 1, 1, "00" * 32)
    shutil.move(path.parent / "spare" / "gateway.key", path)
    return key_rotation.load_key(path)


def test_a_restored_copy_is_told_ends_and_does_not_begin_again(
    settings: GatewaySettings, backend: Backend, tmp_path: Path
) -> None:
    say_all(settings, backend)
    shutil.copytree(settings.key_file.parent, tmp_path / "copy")
    key_rotation.rotate(settings)
    say_all(settings, backend)
    copied = load(tmp_path / "copy" / "gateway.toml")
    gateway = Running(copied, backend)
    gateway.say(3)  # 2 and 3 are the change and one behind it; 4 nobody has
    with pytest.raises(ReplacedKeyError, match="old copy") as told:
        gateway.drain()
    assert told.value.exit_status == 78
    assert gateway.outbox.count()  # what it holds is still there to look at
    gateway.close()
    with pytest.raises(ReplacedKeyError, match="enrol it under a new name"):
        main.run(copied, threading.Event())
    assert "key-replaced" in backend.refused()
    say_all(settings, backend)  # the true one hears nothing of it
    assert backend.stored() == list(range(7))


def test_another_user_than_the_gateways_changes_nothing(
    settings: GatewaySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file would be his, and the gateway could not read it."""
    before = settings.key_file.read_bytes()
    owner = settings.key_file.stat().st_uid
    monkeypatch.setattr("edge_gateway.key_rotation.os.geteuid", lambda: owner + 1)
    with pytest.raises(GatewayError, match="as the user who runs the gateway"):
        key_rotation.rotate(settings)
    assert settings.key_file.read_bytes() == before


def test_a_key_file_of_before_beside_the_outbox_of_now_is_named(
    settings: GatewaySettings, backend: Backend
) -> None:
    old = settings.key_file.read_bytes()
    key_rotation.rotate(settings)
    settings.key_file.write_bytes(old)
    with pytest.raises(SettingsError, match="old copy"):
        main.run(settings, threading.Event())


def test_a_change_that_the_backend_refuses_ends_the_gateway(
    settings: GatewaySettings, backend: Backend
) -> None:
    """Another program used the key: statements beyond the change are stored already."""
    say_all(settings, backend)
    shutil.copytree(settings.key_file.parent, settings.key_file.parent.with_name("second"))
    second = load(settings.key_file.parent.with_name("second") / "gateway.toml")
    say_all(second, backend, 3)
    key_rotation.rotate(settings)
    gateway = Running(settings, backend)
    with pytest.raises(ReplacedKeyError, match="was refused"):
        gateway.drain()
    gateway.close()
    assert len(backend.eras()) == 1
