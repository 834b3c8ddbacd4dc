"""A forger on the bus: whatever it names, the vehicle's own records reach the chain.

The model vehicle keeps the contract of docs/protocol.md section 9: in order, eight in flight, from
the first that is not stored, and what it is told to be stored it forgets.
"""

import zlib
from collections import Counter
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_stand import GATEWAY, VEHICLE, WINDOW, boot_record, sealed, telemetry, write_gateway
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import edge_gateway.gateway
import edge_gateway.intake
from edge_gateway.batch import read_item
from edge_gateway.clock import Clock as WallClock
from edge_gateway.events import Inbox, LinkMessage
from edge_gateway.gateway import Gateway
from edge_gateway.gossip import Gossip
from edge_gateway.outbox import Outbox
from edge_gateway.settings import GatewaySettings, load
from edge_gateway.window import Name
from protocol import link, record, statement

KEY = Ed25519PrivateKey.generate()
LAST_BOOT = 0xFFFFFFFF


class Clock:
    """Stands for the module `time`."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def time(self) -> float:
        return self.now_s

    def monotonic(self) -> float:
        return self.now_s


class NoBroker:
    connected = False
    session = 0


class Model:
    """Vehicle, forger and gateway in one thread; the outbox is a real file."""

    def __init__(self, config: GatewaySettings, clock: Clock) -> None:
        self.clock = clock
        self.connected = True
        self.counters: Counter[str] = Counter()
        self.deaf = False
        self._config = config
        config.outbox_file.unlink(missing_ok=True)
        for end in ("-wal", "-shm"):
            config.outbox_file.with_name(config.outbox_file.name + end).unlink(missing_ok=True)
        self.outbox: Outbox | None = None
        self.genuine: list[bytes] = []
        self.entries: list[bytes] = []
        self._boot = 0
        self._seq = 0
        self._sent = 0
        self._sent_up_to: Name = (0, 0)
        self.start_gateway()
        self.reboot()

    # The bus, as the gateway sees it.

    def stored(self, name: Name) -> None:
        on_disk = self.on_disk()
        assert name in {read_item(data).name for data in on_disk}, f"{name} was never stored"
        limit = min(name, self._sent_up_to)
        # Whether it hears it or not: nothing of what it would forget is missing here.
        freed = [data for data in self.entries if read_item(data).name <= limit]
        assert all(data in on_disk for data in freed), f"{name} runs ahead"
        if not self.deaf:
            self.entries = self.entries[len(freed) :]
            self._sent = max(0, self._sent - len(freed))

    def greet(self) -> None:
        self.counters["greeted"] += 1

    def on_disk(self) -> Counter[bytes]:
        assert self.outbox is not None
        found: Counter[bytes] = Counter()
        for pending in self.outbox.pending(-1, 1 << 20):
            sign1, _, packed = statement.decode_message(pending.message)
            if statement.decode_unverified(sign1).kind == statement.RECORDS:
                found.update(statement.decode_records(zlib.decompress(packed)))
        return found

    # What happens.

    def start_gateway(self) -> None:
        """Also in place of one that was killed: what waited in its batch is gone."""
        if self.outbox is not None:
            self.outbox.close()
        self.outbox = Outbox(self._config.outbox_file, GATEWAY, KEY.sign, 1 << 24)
        self.gateway = Gateway(
            self._config,
            self.outbox,
            {VEHICLE: self},  # type: ignore[dict-item]
            NoBroker(),  # type: ignore[arg-type]
            Inbox(8),
            lambda message, signature: False,
            Gossip(self._config, None, KEY.sign),
            WallClock(),
        )
        if self._boot:
            self.hello()
            self.round()

    def hello(self) -> None:
        self._sent = 0
        self._give(link.encode_hello(VEHICLE, self._boot, "1.0"))

    def reboot(self) -> None:
        """Samples die, the journal stays."""
        self.entries = [d for d in self.entries if read_item(d).is_event]
        self._boot += 1
        self._seq = 0
        self._sent_up_to = (0, 0)
        self._keep(boot_record(self._boot, len(self.entries)))
        self.hello()

    def make(self, sample: bool) -> None:
        make = telemetry if sample else sealed
        self._keep(make(self._boot, self._seq))

    def _keep(self, data: bytes) -> None:
        self.entries.append(data)
        self.genuine.append(data)
        self._seq += 1

    def send(self, count: int) -> None:
        for _ in range(count):
            if self._sent < min(WINDOW, len(self.entries)):
                data = self.entries[self._sent]
                self._sent += 1
                self._sent_up_to = max(self._sent_up_to, read_item(data).name)
                self._give(link.pack(link.RECORD, data))

    def round(self) -> None:
        """Two seconds without progress: from the first record that is not stored."""
        self._sent = 0
        self.send(WINDOW)
        self.wait(2.0)

    def wait(self, seconds: float) -> None:
        self.clock.now_s += seconds
        self.gateway.tick()

    def forge(self, boot_step: int, seq_step: int, salt: int) -> None:
        boot = LAST_BOOT if boot_step == 9 else max(0, self._boot + boot_step)
        seq = max(0, self._seq + seq_step) if seq_step < 9 else 0
        kind, body = record.LOST, {0: salt}
        if seq_step == 9:
            kind, body = record.BOOT, {0: "1.0", 1: 1, 2: 0, 3: 0, 4: salt % 2}
        made = record.Record(VEHICLE, boot, seq, 0, 0, kind, body)
        data = record.encode(made, lambda message: bytes((salt,)) * 32)
        self._give(link.pack(link.RECORD, data))

    def _give(self, message: bytes) -> None:
        self.gateway.handle(LinkMessage(VEHICLE, message))

    def finish(self) -> None:
        """The forger is gone: everything that the vehicle has is stored before long."""
        self.deaf = False
        # A hello that was missed is asked for again.
        self.hello()
        for _ in range(12 + 4 * len(self.entries)):
            if not self.entries:
                break
            self.round()
        assert self.entries == []


steps = st.one_of(
    st.tuples(st.just("make"), st.booleans()),
    st.tuples(st.just("send"), st.integers(1, WINDOW)),
    st.tuples(st.just("round")),
    st.tuples(st.just("wait"), st.sampled_from((0.05, 0.2, 3.0))),
    st.tuples(st.just("reboot")),
    st.tuples(st.just("start_gateway")),
    st.tuples(st.just("deaf"), st.booleans()),
    st.tuples(
        st.just("forge"),
        st.sampled_from((-2, -1, 0, 0, 0, 1, 2, 9)),
        st.sampled_from((-3, -2, -1, 0, 1, 2, 5, 9)),
        st.integers(0, 6),
    ),
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (edge_gateway.gateway, edge_gateway.intake):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def config(tmp_path: Path) -> GatewaySettings:
    return load(write_gateway(tmp_path, 1, 1, "00" * 32)[0])


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(steps, max_size=60))
def test_every_record_of_the_vehicle_reaches_the_chain_once(
    clock: Clock, config: GatewaySettings, story: list[tuple]
) -> None:
    model = Model(config, clock)
    lost_with_reboots: set[bytes] = set()
    for step, *arguments in story:
        if step == "deaf":
            model.deaf = bool(arguments[0])
            continue
        before = set(model.entries)
        getattr(model, step)(*arguments)
        if step == "reboot":
            lost_with_reboots |= before - set(model.entries)
    model.finish()
    on_disk = model.on_disk()
    for data in model.genuine:
        assert on_disk[data] == 1 or (data in lost_with_reboots and on_disk[data] <= 1)
    # Forged ones as well: each once, for the backend to judge.
    assert set(on_disk.values()) <= {1}
    assert model.outbox is not None
    model.outbox.close()


@pytest.mark.parametrize("boot_step", [1, 9])
def test_one_forged_boot_makes_nothing_repeated_also_after_a_restart(
    clock: Clock, config: GatewaySettings, boot_step: int
) -> None:
    model = Model(config, clock)
    model.send(8)
    model.forge(boot_step, 9, 0)
    for _ in range(3):
        model.make(sample=True)
        model.send(8)
        model.wait(0.5)
    assert model.entries == []
    model.start_gateway()
    model.reboot()
    model.make(sample=False)
    model.finish()
    assert all(model.on_disk()[data] == 1 for data in model.genuine)


def test_names_filled_before_their_time_only_delay(clock: Clock, config: GatewaySettings) -> None:
    model = Model(config, clock)
    model.finish()
    for ahead in range(12):
        for salt in range(20):
            model.forge(0, min(ahead, 8), salt + 20 * (ahead > 8))
    model.wait(1.0)
    model.gateway.tick()
    for _ in range(12):
        model.make(sample=False)
    model.finish()
    assert all(model.on_disk()[data] == 1 for data in model.genuine)
    assert model.gateway.intakes["trike-7"].counters["records refused"] > 0
    assert model.outbox is not None
    model.wait(60.0)
    events = [
        statement.decode_gateway_event(zlib.decompress(packed))
        for sign1, _, packed in (
            statement.decode_message(pending.message) for pending in model.outbox.pending(-1, 9999)
        )
        if statement.decode_unverified(sign1).kind == statement.GATEWAY
    ]
    assert any("more than 4 are named boot 1" in text for _, text in events)


def test_a_record_that_has_to_wait_is_not_called_stored(
    clock: Clock, config: GatewaySettings
) -> None:
    model = Model(config, clock)
    model.finish()
    # Every later name is taken four times over, and so is the pace, right before the vehicle sends.
    for ahead in range(6):
        for salt in range(40):
            model.forge(0, ahead, salt)
    model.wait(1.0)
    for _ in range(6):
        model.make(sample=False)
    for turn in range(4):
        for salt in range(60):
            model.forge(0, -1, 60 * turn + salt)
        model.send(8)
        model.wait(0.3)
        model.round()
    assert model.gateway.intakes["trike-7"].counters["records refused"] > 0
    model.finish()
    assert all(model.on_disk()[data] == 1 for data in model.genuine)


def test_a_flood_of_forged_names_does_not_stop_the_vehicle(
    clock: Clock, config: GatewaySettings
) -> None:
    model = Model(config, clock)
    model.finish()
    for i in range(60):
        for salt in range(20):
            model.forge(i % 40 - 3, salt % 8, (i + salt) % 256)
        model.make(sample=True)
        model.send(8)
        model.wait(1.5)
    model.finish()
    window = model.gateway.intakes["trike-7"]._window.state
    assert len(window) <= 16 and all(len(kept.marks) <= 256 for kept in window.values())
    assert all(model.on_disk()[data] == 1 for data in model.genuine)


def test_a_counter_that_went_back_keeps_its_records(clock: Clock, config: GatewaySettings) -> None:
    model = Model(config, clock)
    for _ in range(5):
        model.make(sample=False)
    model.finish()
    # Its state file was lost: boot 1 a second time, with other records under the same names.
    model._boot = 0
    model.reboot()
    for _ in range(5):
        made = record.Record(VEHICLE, 1, model._seq, 1, 0, record.LOST, {0: 77})
        model._keep(record.encode(made, lambda message: b"n" * 32))
    model.genuine = [data for data in model.genuine if data != boot_record(1, 0)]
    model.finish()
    assert all(model.on_disk()[data] == 1 for data in model.genuine)
