"""slcan in chunks and ISO-TP over it: garbage is counted, frames survive any cut."""

import os
import random
import socket
import threading
import time
from collections.abc import Iterator

import can
import pytest
from gateway_stand import wait_until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_gateway.can_slcan import SlcanBus
from edge_gateway.errors import CanLostError
from edge_gateway.isotp_channel import MAX_BYTES, IsoTpChannel
from hw.virtual_bus import VirtualBus


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
        assert len(adapter.bus._rest) < 100
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
