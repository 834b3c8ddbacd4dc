"""slcan in chunks and ISO-TP over it: garbage is counted, frames survive any cut."""

import os
import random
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import can
import pytest
from gateway_stand import wait_until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_gateway.adapters import open_bus
from edge_gateway.bus_settings import BusSettings
from edge_gateway.can_slcan import SlcanBus
from edge_gateway.errors import CanLostError
from edge_gateway.events import Inbox, LinkMessage
from edge_gateway.isotp_channel import MAX_BYTES, IsoTpChannel
from edge_gateway.slcan_text import Decoder, Frame, encode
from edge_gateway.vehicle_bus import VehicleBus
from hw.virtual_bus import VirtualBus
from protocol import link


class Adapter:
    """The other end of a slcan line: it only writes what the test says."""

    def __init__(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.bus = SlcanBus(f"socket://127.0.0.1:{listener.getsockname()[1]}", (0x508, 0x10))
        self.line, _ = listener.accept()
        listener.close()

    def close(self) -> None:
        self.bus.shutdown()
        self.line.close()


@pytest.fixture
def adapter() -> Iterator[Adapter]:
    adapter = Adapter()
    yield adapter
    adapter.close()


def _drain(bus: SlcanBus, last: int) -> list[can.Message]:
    out: list[can.Message] = []
    while not out or out[-1].arbitration_id != last:
        message = bus.recv(2.0)
        assert message is not None
        out.append(message)
    return out


def test_opens_at_500_kbit_with_its_filter(adapter: Adapter) -> None:
    sent = b""
    while not sent.endswith(b"O\r"):
        sent += adapter.line.recv(100)
    assert sent == b"\rC\rS6\rM00000508\rm00000010\rO\r"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 0x7FE), st.binary(max_size=8)), max_size=20),
    st.lists(st.integers(1, 7), min_size=1, max_size=5),
)
def test_frames_survive_any_cut(
    adapter: Adapter, frames: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    text = b"".join(b"t%03X%d%s\r" % (i, len(d), d.hex().encode()) for i, d in frames)
    text += b"z\r\rt7FF0\r"
    at = turn = 0
    while at < len(text):
        step = cuts[turn % len(cuts)]
        adapter.line.sendall(text[at : at + step])
        at, turn = at + step, turn + 1
    got = [(m.arbitration_id, bytes(m.data)) for m in _drain(adapter.bus, 0x7FF)]
    assert got == [*frames, (0x7FF, b"")]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_garbage_is_skipped_and_the_next_frame_is_read(adapter: Adapter, garbage: bytes) -> None:
    adapter.line.sendall(garbage + b"\rt7FF11\rt7FE1AB\r")
    assert bytes(_drain(adapter.bus, 0x7FE)[-1].data) == b"\xab"


def test_a_line_without_end_takes_no_memory(adapter: Adapter) -> None:
    feeder = threading.Thread(target=adapter.line.sendall, args=(b"t" * 3_000_000,))
    feeder.start()
    fed = False
    while not fed:
        fed = not feeder.is_alive()
        assert adapter.bus.recv(0.05) is None
        assert len(adapter.bus._decoder._rest) < 100
    adapter.line.sendall(b"\rt7FE0\r")
    _drain(adapter.bus, 0x7FE)
    assert adapter.bus.counters["malformed"] >= 1


def test_a_closed_line_is_a_lost_bus(adapter: Adapter) -> None:
    adapter.line.close()
    with pytest.raises(CanLostError):
        while True:
            adapter.bus.recv(1.0)


def test_nobody_there_is_a_lost_bus() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(CanLostError):
            SlcanBus(f"socket://127.0.0.1:{probe.getsockname()[1]}")
    with pytest.raises(CanLostError):
        SlcanBus("/dev/ttyACM0")


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"z", b"", b"t7FF11", b"T1FFFFFFF0", b"r1238", b"R000000010", b"t0001AB1234", b"V1013"]
        ),
        st.from_regex(rb"[tTrRzVx][0-9A-Fa-f_ +-]{0,34}", fullmatch=True),
        st.binary(max_size=40),
    ),
    max_size=12,
)


@given(LINES, st.lists(st.integers(1, 40), min_size=1, max_size=6), st.sampled_from([b"\r", b"\a"]))
def test_any_split_of_the_stream_gives_the_same_frames(
    lines: list[bytes], cuts: list[int], end: bytes
) -> None:
    stream = end.join(lines) + end
    whole, cut = Decoder(), Decoder()
    expected = whole.feed(stream)
    got: list[Frame] = []
    at = turn = 0
    while at < len(stream):
        step = cuts[turn % len(cuts)]
        got += cut.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
    assert got == expected
    assert cut.counters == whole.counters


FRAMES = st.builds(
    lambda extended, remote, number, length, data: Frame(
        number if extended else number & 0x7FF,
        extended,
        remote,
        length if remote else len(data),
        b"" if remote else data,
    ),
    st.booleans(),
    st.booleans(),
    st.integers(0, 0x1FFFFFFF),
    st.integers(0, 8),
    st.binary(max_size=8),
)


@given(st.lists(FRAMES, max_size=20))
def test_every_frame_comes_back_as_it_was_sent(frames: list[Frame]) -> None:
    decoder = Decoder()
    assert decoder.feed(b"".join(map(encode, frames))) == frames
    assert decoder.counters == {}


@pytest.mark.parametrize(
    "line",
    [b"t+FF0", b"t7_F0", b"t 7F0", b"t7FF9", b"tFFF0", b"T200000000", b"t7FF1A", b"t7FF1AB12",
     b"t7FF2A B", b"r7FF0AB", b"t7FF0123G", "t\u0661\u0662\u06630".encode()],
)  # fmt: skip
def test_what_only_looks_like_a_frame_is_none(line: bytes) -> None:
    decoder = Decoder()
    assert decoder.feed(line + b"\r") == []
    assert decoder.counters["malformed"] == 1


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """The adapter's end of a serial line, and the device that is the other."""
    ours, theirs = os.openpty()
    yield ours, os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def _read_to(handle: int, end: bytes) -> bytes:
    out = b""
    while not out.endswith(end):
        out += os.read(handle, 1000)
    return out


def test_a_serial_device_is_raw_and_ours_alone(terminal: tuple[int, str]) -> None:
    ours, device = terminal
    bus = SlcanBus(device, bitrate=250_000, listen_only=True)
    assert _read_to(ours, b"L\r") == b"\rC\rS5\rL\r"
    # A carriage return is no newline here, and nothing is echoed.
    os.write(ours, b"t12332A")
    os.write(ours, b"00BF\rT1ABCDEF011C\rr1232\r")
    plain, extended, remote = (bus.recv(5.0) for _ in range(3))
    assert plain is not None and extended is not None and remote is not None
    assert (plain.arbitration_id, bytes(plain.data)) == (0x123, b"\x2a\x00\xbf")
    assert extended.is_extended_id and extended.arbitration_id == 0x1ABCDEF0
    assert remote.is_remote_frame and remote.dlc == 2
    bus.send(can.Message(arbitration_id=0x7F, data=b"\x01\xff", is_extended_id=False), timeout=1)
    bus.send(can.Message(arbitration_id=0x7F, data=b"", is_extended_id=True))
    assert _read_to(ours, b"T0000007F0\r") == b"t07F201FF\rT0000007F0\r"
    if os.geteuid():  # the superuser may open what is exclusive
        with pytest.raises(CanLostError):
            SlcanBus(device)
    bus.shutdown()
    assert _read_to(ours, b"C\r") == b"C\r"


def test_an_adapter_that_is_pulled_out_is_a_lost_bus() -> None:
    ours, theirs = os.openpty()
    bus = SlcanBus(os.ttyname(theirs))
    os.close(theirs)
    os.close(ours)
    with pytest.raises(CanLostError):
        bus.recv(5.0)
    with pytest.raises(can.CanError):
        bus.send(can.Message(arbitration_id=1, is_extended_id=False))
    bus.shutdown()


def test_an_adapter_that_takes_nothing_is_a_lost_bus(terminal: tuple[int, str]) -> None:
    bus = SlcanBus(terminal[1])
    with pytest.raises(CanLostError, match="takes nothing"):
        for _ in range(10_000):
            bus.send(
                can.Message(arbitration_id=1, data=bytes(8), is_extended_id=False), timeout=0.05
            )
    bus.shutdown()


@pytest.mark.parametrize(
    ("channel", "options"),
    [
        ("/dev/null", {}),
        ("/dev/ttyUSB99@115200", {}),
        ("/dev/ttyUSB0@fast", {}),
        ("/etc/passwd", {}),
        ("/dev/../etc/passwd", {}),
        ("tcp://127.0.0.1:1", {}),
        ("socket://127.0.0.1:1", {"bitrate": 333}),
    ],
)
def test_what_is_no_adapter_is_a_lost_bus(channel: str, options: dict[str, int]) -> None:
    with pytest.raises(CanLostError):
        SlcanBus(channel, **options)


def test_python_can_opens_it_by_name(terminal: tuple[int, str], tmp_path: Path) -> None:
    """As the entry point in pyproject.toml says, whatever is installed here."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    ((name, value),) = project["project"]["entry-points"]["can.interface"].items()
    assert name == "trifleet-slcan"
    folder = tmp_path / "a_plugin-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: a-plugin\nVersion: 1\n")
    (folder / "entry_points.txt").write_text(f"[can.interface]\n{name} = {value}\n")
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "import can\n"
        "with can.Bus(interface='trifleet-slcan', channel=sys.argv[1], bitrate=125000) as bus:\n"
        "    print(type(bus).__name__, bus.recv(20).arbitration_id)\n"
    )
    root = str(Path(__file__).parents[2])
    child = subprocess.Popen(
        [sys.executable, "-c", code, terminal[1], root, str(tmp_path)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert _read_to(terminal[0], b"O\r") == b"\rC\rS4\rO\r"
    os.write(terminal[0], b"t1230\r")
    assert child.communicate(timeout=60)[0] == "SlcanBus 291\n"


def test_a_virtual_bus_is_served_too() -> None:
    settings = BusSettings("trike-7", "virtual", "gateway-test", False)
    inbox = Inbox(64)
    heartbeat = {"State": 2, "BootCount": 1, "SoftwareHash": 0}
    bus = VehicleBus(settings, 8, inbox, heartbeat)
    bus.start()
    try:
        wait_until(lambda: bus.connected, "the bus")
        with can.Bus(interface="virtual", channel="gateway-test") as peer:
            hello = link.encode_hello("trike-7", 1, "1")
            first = bytes([0x10, len(hello)]) + hello[:6]
            peer.send(can.Message(arbitration_id=0x518, data=first, is_extended_id=False))
            flow = _recv(peer, 0x510)
            assert flow.data[0] == 0x30
            rest = b"\x21" + hello[6:13]
            peer.send(can.Message(arbitration_id=0x518, data=rest, is_extended_id=False))
            rest = b"\x22" + hello[13:]
            peer.send(can.Message(arbitration_id=0x518, data=rest, is_extended_id=False))
            wait_until(lambda: LinkMessage("trike-7", hello) in inbox.take(0.1), "the hello")
    finally:
        bus.stop()


def _recv(peer: can.BusABC, identifier: int) -> can.Message:
    while (message := peer.recv(10.0)) is not None:
        if message.arbitration_id == identifier:
            return message
    raise AssertionError("nothing came")


# Both need no cable; where the kernel has vcan0, socketcan's own filters are looked at as well.
WIRES = ["virtual", *(["socketcan"] if Path("/sys/class/net/vcan0").exists() else [])]


@pytest.mark.parametrize("interface", WIRES)
def test_a_bus_of_python_can_hears_our_two_identifiers_alone(interface: str) -> None:
    bus = open_bus(BusSettings("trike-7", interface, "vcan0", False))
    with can.Bus(interface=interface, channel="vcan0") as peer:
        for identifier in (0x111, 0x508, 0x518):
            peer.send(can.Message(arbitration_id=identifier, is_extended_id=False))
        got = [bus.recv(5.0), bus.recv(5.0), bus.recv(0.1)]
    bus.shutdown()
    assert [one and one.arbitration_id for one in got] == [0x508, 0x518, None]


def test_a_network_interface_that_is_not_there_is_a_lost_bus() -> None:
    with pytest.raises(CanLostError, match="no-such0"):
        open_bus(BusSettings("trike-7", "socketcan", "no-such0", False))


class Node(IsoTpChannel):
    """An ISO-TP end on the virtual bus."""

    def __init__(self, bus: VirtualBus, tx: int, rx: int) -> None:
        self.frames: list[tuple[int, bytes]] = []
        self.port = bus.attach(lambda i, d: self.frames.append((i, d)), {rx})
        super().__init__(tx, rx, self.port.send)

    def turn(self) -> list[bytes]:
        while self.frames:
            self.accept(*self.frames.pop(0))
        return self.process()


@pytest.fixture
def ends() -> Iterator[tuple[Node, Node]]:
    with VirtualBus() as bus:
        yield Node(bus, 0x500, 0x508), Node(bus, 0x508, 0x500)


@pytest.mark.parametrize("size", [1, 7, 8, 62, 63, 500, MAX_BYTES])
def test_a_message_passes_whole(ends: tuple[Node, Node], size: int) -> None:
    left, right = ends
    message = os.urandom(size)
    left.start(message)
    got: list[bytes] = []

    def passed() -> bool:
        left.turn()
        got.extend(right.turn())
        return bool(got)

    wait_until(passed, "the message")
    wait_until(lambda: left.turn() == [] and left.outcome() is not None, "the outcome")
    assert got == [message] and left.idle


def test_without_flow_control_the_transfer_fails(ends: tuple[Node, Node]) -> None:
    left, _ = ends
    left.start(bytes(100))
    outcome: list[bool] = []

    def failed() -> bool:
        left.turn()
        if (found := left.outcome()) is not None:
            outcome.append(found)
        return bool(outcome)

    wait_until(failed, "a failure")
    assert outcome == [False] and left.counters["FlowControlTimeoutError"] == 1


@settings(deadline=None)
@given(st.lists(st.binary(max_size=8), max_size=40))
def test_any_frames_leave_the_channel_usable(frames: list[bytes]) -> None:
    channel = IsoTpChannel(0x510, 0x518, lambda identifier, data: None)
    for data in frames:
        channel.accept(0x518, data)
    channel.process()
    channel.accept(0x518, b"\x02ok")
    assert b"ok" in channel.process()


def test_speed_of_the_reader_is_printed() -> None:
    """The bound is generous: a reader that takes single bytes manages a twentieth of it."""
    adapter = Adapter()
    rng = random.Random(1)
    count = 20_000
    text = b"".join(b"t5188%s\r" % rng.randbytes(8).hex().encode() for _ in range(count))
    feeder = threading.Thread(target=adapter.line.sendall, args=(text + b"t7FF0\r",))
    start = time.perf_counter()
    feeder.start()
    got = _drain(adapter.bus, 0x7FF)
    took = time.perf_counter() - start
    feeder.join()
    adapter.close()
    print(f"{count / took:.0f} frames/s")
    assert len(got) == count + 1 and took < 10
