"""Many buses: each vehicle has what is its own, and none disturbs the others."""

import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_site import Stand, fill
from gateway_stand import GATEWAY, RECORD_KEY, wait_until, write_gateway
from hypothesis import given
from hypothesis import strategies as st
from test_gateway_clock import YEAR, Times

from edge_gateway.clock import Clock, ClockSettings, Kernel
from edge_gateway.downlink import Delivery, Report
from edge_gateway.events import Arrived, Event, Inbox, LinkMessage, Wake
from edge_gateway.gateway import Gateway
from edge_gateway.gossip import Gossip
from edge_gateway.outbox import Outbox
from edge_gateway.settings import load
from edge_gateway.vehicle_bus import VehicleBus
from hw.virtual_bus import VirtualBus
from protocol import command, courier, link, presentation, record, statement
from protocol.cose import PS256, assemble
from protocol.mac import Hmac

pytestmark = pytest.mark.slow

VEHICLES = ("trike-7", "trike-8", "trike-9")


class QuietBus:
    """Keeps what it is asked to tell and to deliver."""

    connected = True

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.told: list[tuple[int, int]] = []
        self.delivered: list[Delivery] = []

    def stored(self, name: tuple[int, int]) -> None:
        self.told.append(name)

    def greet(self) -> None:
        self.counters["greeted"] += 1

    def deliver(self, delivery: Delivery) -> bool:
        self.delivered.append(delivery)
        return True


class Broker:
    connected = True
    session = 1

    def __init__(self) -> None:
        self.out: list[tuple[str, bytes, bool]] = []

    def publish(self, name: str, payload: bytes, retain: bool = False) -> bool:
        self.out.append((name, payload, retain))
        return True


def sealed(vehicle: str, boot: int, seq: int) -> bytes:
    made = record.Record(vehicle, boot, seq, 0, 0, record.LOST, {0: 1})
    return record.encode(made, Hmac(RECORD_KEY).tag)


def sample(vehicle: str, seq: int) -> bytes:
    values = {key: 1_000 * key + seq for key in range(20)}
    made = record.Record(vehicle, 1, seq, seq, 0, record.TELEMETRY, values)
    return record.encode(made, Hmac(RECORD_KEY).tag)


def a_command(vehicle: str, salt: int, expires: int) -> tuple[bytes, bytes]:
    asked = command.Command(vehicle, salt.to_bytes(16, "big"), command.UNLOCK, {}, b"")
    sign1 = assemble(PS256, command.encode(asked), bytes(256))
    shown = presentation.encode([], [b"\x80" + bytes(254) + b"\x01"], sign1)
    name = command.command_id(sign1)
    return name, courier.encode_command(name, vehicle, expires, shown)


class Bench:
    """A gateway with three buses, in one thread."""

    def __init__(self, folder: Path, max_bytes: int = 1 << 24) -> None:
        config, key = write_gateway(folder, 1, 1, "00" * 32)
        self.max_bytes = max_bytes
        self.clock = Clock()
        self.settings = load(config)
        self.key = key
        self.buses = {vehicle: QuietBus() for vehicle in VEHICLES}
        self.broker = Broker()
        self.start()

    def start(self) -> None:
        """Also once more, as after kill -9."""
        self.outbox = Outbox(self.settings.outbox_file, GATEWAY, self.key.sign, self.max_bytes)
        self.gateway = Gateway(
            self.settings,
            self.outbox,
            self.buses,  # type: ignore[arg-type]
            self.broker,  # type: ignore[arg-type]
            Inbox(8),
            lambda message, signature: False,
            Gossip(self.settings, None, self.key.sign),
            self.clock,
        )

    def give(self, vehicle: str, *messages: bytes) -> None:
        for message in messages:
            self.gateway.handle(LinkMessage(vehicle, message))

    def ask(self, message: bytes) -> None:
        topic = courier.topic(GATEWAY, courier.DOWN_COMMAND)
        self.gateway.handle(Arrived(topic, message))


def test_each_vehicle_has_its_own_window_intake_and_answers(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for boot, vehicle in enumerate(VEHICLES, 1):
        bench.give(vehicle, link.encode_hello(vehicle, boot, "1.0"))
        # A record of another vehicle on this bus is refused, whichever bus the other is on.
        stranger = VEHICLES[boot % 3]
        messages = [sealed(vehicle, boot, 0), sealed(stranger, boot, 5), sealed(vehicle, boot, 1)]
        bench.give(vehicle, *(link.pack(link.RECORD, message) for message in messages))
    bench.gateway.finish()
    for boot, vehicle in enumerate(VEHICLES, 1):
        bench.give(vehicle, link.pack(link.RECORD, sealed(vehicle, boot, 0)))
        bench.give(vehicle, link.pack(link.RECORD, sealed(vehicle, boot, 0)))
        assert bench.buses[vehicle].told[-1][0] == boot
        assert set(bench.outbox.window(vehicle)) == {boot}
        assert bench.gateway.intakes[vehicle].counters["records refused"] == 1


def test_each_challenge_is_retained_on_the_topic_of_its_vehicle(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for number, vehicle in enumerate(VEHICLES):
        bench.give(vehicle, link.encode_hello(vehicle, 1, "1.0"))
        bench.give(vehicle, link.encode_challenge(bytes([number]) * 16, 120))
    for _ in range(3):
        bench.gateway.tick()
    found = [(n, p) for n, p, retain in bench.broker.out if retain]
    assert [name for name, _ in found] == [f"up/challenge/{vehicle}" for vehicle in VEHICLES]
    for name, payload in found:
        vehicle, challenge, _ = courier.decode_challenge(payload)
        assert courier.challenge_vehicle(name) == vehicle == VEHICLES[challenge[0]]
    # A new one goes out alone.
    bench.give("trike-8", link.encode_challenge(bytes(range(16)), 120))
    bench.gateway.tick()
    assert [n for n, _, retain in bench.broker.out[len(found) :] if retain] == [
        "up/challenge/trike-8"
    ]


def test_a_command_goes_to_its_vehicle_alone(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    expires = int(time.time()) + 60
    for number, vehicle in enumerate(VEHICLES):
        bench.ask(a_command(vehicle, number, expires)[1])
    bench.ask(a_command("trike-1", 9, expires)[1])
    for vehicle, bus in bench.buses.items():
        assert [one.vehicle for one in bus.delivered] == [vehicle]
    bench.gateway.tick()
    reports = [
        courier.decode_command_status(p) for n, p, _ in bench.broker.out if n == "up/command"
    ]
    assert [status for _, status in reports] == [courier.MALFORMED]


def test_a_command_is_known_after_a_restart(tmp_path: Path) -> None:
    """The broker keeps a session and delivers again what we took and did not acknowledge."""
    bench = Bench(tmp_path)
    expires = int(time.time()) + 60
    (done, first), (open_, second) = (a_command("trike-7", salt, expires) for salt in (1, 2))
    bench.ask(first)
    bench.gateway.handle(Report(done, courier.DELIVERED))
    bench.ask(second)
    bench.start()
    bench.ask(first)
    bench.ask(second)
    assert [one.command_id for one in bench.buses["trike-7"].delivered] == [done, open_]
    bench.broker.out.clear()
    bench.gateway.tick()
    reports = [
        courier.decode_command_status(p) for n, p, _ in bench.broker.out if n == "up/command"
    ]
    # Nobody knows whether the second reached the vehicle: its own record will say so.
    assert reports == [(done, courier.DELIVERED), (open_, courier.SILENT)]


def test_a_gateway_without_its_backend_thins_one_vehicle_s_samples_and_keeps_all_events(
    tmp_path: Path,
) -> None:
    """The vehicles are told of every record that it is stored, and none of them stops."""
    bench = Bench(tmp_path, 80 * 4096)
    bench.broker.connected = False  # type: ignore[misc]
    for vehicle in VEHICLES:
        bench.give(vehicle, link.encode_hello(vehicle, 1, "1.0"))
        first = record.Record(vehicle, 1, 0, 0, 0, record.BOOT, {0: "", 1: 1, 2: 0, 3: 0, 4: 0})
        bench.give(vehicle, link.pack(link.RECORD, record.encode(first, Hmac(RECORD_KEY).tag)))
    events = 0
    for turn in range(60):
        for vehicle in VEHICLES:
            records = [sample(vehicle, turn * 8 + n) for n in range(1, 9)]
            if vehicle == "trike-8" and turn % 4 == 0:
                records[3] = sealed(vehicle, 1, turn * 8 + 4)
                events += 1
            bench.give(vehicle, *(link.pack(link.RECORD, one) for one in records))
        bench.gateway.finish()
        bench.gateway.tick()
    bench.gateway.tick()
    for vehicle, bus in bench.buses.items():
        assert bus.told[-1] == (1, 60 * 8), vehicle
    assert bench.gateway.room.counters["samples thinned"] > 0
    assert not bench.gateway.room.full
    picture = bench.gateway._take_picture()
    assert picture.samples_thinned == bench.gateway.room.counters["samples thinned"]
    assert picture.statements == len(bench.outbox.pending(-1, 1 << 20))
    kept, told, released = Counter[int](), 0, 0
    for pending in bench.outbox.pending(-1, 1 << 20):
        if pending.message[:1] == b"\x82":
            released += 1
            continue
        sign1, _, packed = statement.decode_message(pending.message)
        body = zlib.decompress(packed)
        if statement.decode_unverified(sign1).kind == statement.GATEWAY:
            event, text = statement.decode_gateway_event(body)
            if event == statement.THINNED:
                told += sum(b - a + 1 for a, b in statement.decode_thinned(text)[1])
        else:
            kept.update(record.decode_unverified(r).kind for r in statement.decode_records(body))
    assert kept[record.LOST] == events and told == released > 0


def test_a_clock_that_leaps_is_told_in_the_chain_and_one_that_lost_its_time(tmp_path: Path) -> None:
    times = Times()
    bench = Bench(tmp_path)
    bench.clock = times.clock
    bench.start()
    bench.gateway.start()
    times.kernel = Kernel(False, 0)
    for jump_s in (0, YEAR, 0, -YEAR):
        times.later(10)
        times.wall_s += jump_s
        bench.gateway.tick()
    # Power goes, and the clock of the next run is where it was a day ago.
    times.wall_s -= 86_400
    bench.clock = Clock(
        ClockSettings(), lambda: times.wall_s, lambda: times.steady_s, lambda: times.kernel
    )
    bench.start()
    bench.gateway.start()
    found = []
    for pending in bench.outbox.pending(-1, 100):
        sign1, _, packed = statement.decode_message(pending.message)
        opened = statement.decode_unverified(sign1)
        event, text = statement.decode_gateway_event(zlib.decompress(packed))
        found.append((event, text, opened.clock, opened.error_ms))
    unknown = (statement.HELD_OVER, statement.UNKNOWN_ERROR)
    started = (statement.STARTED, "edge gateway started")
    assert found == [
        (*started, statement.NETWORK, 30),
        (statement.CLOCK_JUMPED, f"the clock jumped by +{YEAR} s", *unknown),
        (statement.CLOCK_JUMPED, f"the clock jumped by -{YEAR} s", *unknown),
        (statement.CLOCK_JUMPED, "the clock jumped by -86400 s", *unknown),
        (*started, *unknown),
    ]


def test_the_memory_of_commands_is_bounded(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o.db", GATEWAY, Ed25519PrivateKey.generate().sign, 1 << 24)
    for number in range(50):
        outbox.remember_command(bytes([number]) * 16, courier.SILENT, 8)
    outbox.remember_command(bytes([45]) * 16, courier.DELIVERED, 8)
    kept = outbox.commands(100)
    assert len(kept) == 7  # the eight last decisions, two of them about one command
    assert kept[-1] == (bytes([45]) * 16, courier.DELIVERED)
    assert [name[0] for name, _ in outbox.commands(3)] == [48, 49, 45]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 300)), max_size=8),
    st.integers(1, 500),
)
def test_a_flood_takes_no_place_from_the_others(floods: list[tuple[str, int]], limit: int) -> None:
    inbox = Inbox(limit)
    given_by: Counter[str] = Counter()
    for vehicle, count in floods:
        for number in range(count):
            inbox.put(LinkMessage(vehicle, number.to_bytes(2, "big")))
        given_by[vehicle] += count
    inbox.put(Report(b"", courier.DELIVERED))
    first = inbox.take(0.0)
    # Whoever has something is heard in the first turn, and nobody for more than a share.
    turn = Counter(one.vehicle for one in first if isinstance(one, LinkMessage))
    assert turn == {v: min(64, limit, n) for v, n in given_by.items()}
    assert any(isinstance(one, Report) for one in first)
    rest: list[Event] = list(first)
    while more := inbox.take(0.0):
        rest += more
    got = Counter(one.vehicle for one in rest if isinstance(one, LinkMessage))
    assert got == {vehicle: min(count, limit) for vehicle, count in given_by.items()}
    dropped = sum(count - min(count, limit) for count in given_by.values())
    assert inbox.counters["dropped LinkMessage"] == dropped


def test_who_waits_for_the_inbox_is_woken() -> None:
    inbox = Inbox(8)
    taken: list[Event] = []
    thread = threading.Thread(target=lambda: taken.extend(inbox.take(30.0)))
    thread.start()
    inbox.put(Wake())
    thread.join(10)
    assert taken == [Wake()]


def test_a_driver_that_fails_costs_its_own_bus_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(write_gateway(tmp_path, 1, 1, "00" * 32)[0])

    class Broken:
        shut = 0

        def fileno(self) -> int:
            raise ValueError("a driver's own error")

        def shutdown(self) -> None:
            Broken.shut += 1

    monkeypatch.setattr("edge_gateway.vehicle_bus.open_bus", lambda settings, **_: Broken())
    bus = VehicleBus(
        settings.buses[0], 8, Inbox(8), {"State": 2, "BootCount": 1, "SoftwareHash": 0}
    )
    bus.start()
    wait_until(lambda: bus.counters["bus lost"] >= 2, "two attempts")
    assert bus.alive and not bus.connected
    bus.stop()
    assert Broken.shut >= 2


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path)
    yield made
    made.close()


def test_a_bus_that_is_flooded_torn_and_slow_disturbs_no_other(stand: Stand) -> None:
    """trike-7 rides on; the bus of trike-8 is flooded, goes away and comes back; that of trike-9
    takes connections and says nothing, and that of trike-10 was never there.
    """
    noisy, silent = VirtualBus(), VirtualBus()
    noisy.start()
    silent.start()
    port = noisy.port
    config = stand.folder / "gw" / "gateway.toml"
    more = "".join(
        f'[[bus]]\nvehicle = "{vehicle}"\ninterface = "slcan"\n'
        f'channel = "socket://127.0.0.1:{number}"\n'
        for vehicle, number in (("trike-8", port), ("trike-9", silent.port), ("trike-10", 1))
    )
    config.write_text(config.read_text().replace("[mqtt]", more + "[mqtt]"))
    stop = threading.Event()
    flood = threading.Thread(target=_flood, args=(noisy, stop))
    vcu = stand.start_vcu()
    stand.broker.start()
    stand.gateway.start()
    flood.start()
    try:
        fill(vcu, 60)
        stand.wait_for_all()
        stop.set()
        flood.join()
        noisy.stop()
        fill(vcu, 60)
        stand.wait_for_all()
    finally:
        stop.set()
        silent.stop()
    again = VirtualBus(port=port)
    again.start()
    wait_until(
        lambda: "trike-8 opened" in _log(stand).split("bus of trike-8:")[-1], "the bus again"
    )
    fill(vcu, 60)
    stand.wait_for_all()
    stand.check()
    again.stop()


def _log(stand: Stand) -> str:
    return stand.gateway.log.read_text()


def _flood(bus: VirtualBus, stop: threading.Event) -> None:
    """Whole messages of the record channel, as fast as they go: records that are none."""
    port = bus.attach(lambda identifier, data: None, ())
    number = 0
    while not stop.is_set():
        number += 1
        port.send(0x518, b"\x07\x01" + number.to_bytes(6, "big"))
        if number % 50 == 0:
            time.sleep(0.005)
    port.close()
