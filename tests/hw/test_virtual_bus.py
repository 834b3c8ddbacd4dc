"""The bus as it runs: clients and ports together, python-can, slow clients, log, start and stop."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import can
import pytest
from can.io.canutils import CanutilsLogReader
from hw_fakes import wait_until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hw.errors import BusClosedError, BusError, BusTimeoutError, FrameError, SlcanError
from hw.virtual_bus import Frame, VirtualBus
from hw.virtual_bus.client import SlcanClient


@pytest.fixture
def client(bus: VirtualBus) -> Iterator[SlcanClient]:
    with SlcanClient(bus.port) as opened:
        yield opened


def test_everybody_but_the_sender_receives(bus: VirtualBus, client: SlcanClient) -> None:
    heard: list[tuple[int, bytes]] = []
    port = bus.attach(lambda identifier, data: heard.append((identifier, data)))
    with SlcanClient(bus.port) as other:
        client.send(0x123, b"\x01\x02")
        assert other.recv() == Frame(0x123, b"\x01\x02")
        port.send(0x050, b"\xff")
        assert client.recv() == other.recv() == Frame(0x050, b"\xff")
        with pytest.raises(BusTimeoutError):
            client.recv(timeout_s=0.02)
    assert heard == [(0x123, b"\x01\x02")]


def test_extended_and_remote_frames_reach_clients_but_not_ports(
    bus: VirtualBus, client: SlcanClient
) -> None:
    heard: list[int] = []
    bus.attach(lambda identifier, data: heard.append(identifier))
    with SlcanClient(bus.port) as other:
        client.send(0x1234567, b"\x09", extended=True)
        assert other.recv() == Frame(0x1234567, b"\x09", True)
        client.send_frame(Frame(0x123, b"", False, 2))
        assert other.recv() == Frame(0x123, b"", False, 2)
        client.send(0x1, b"")
        assert other.recv() == Frame(0x1)
    wait_until(lambda: heard == [0x1])


def test_a_port_receives_what_it_asked_for(bus: VirtualBus, client: SlcanClient) -> None:
    heard: list[int] = []
    port = bus.attach(lambda identifier, data: heard.append(identifier), {0x10, 0x30})
    for identifier in (0x10, 0x20, 0x30):
        client.send(identifier, b"")
    wait_until(lambda: heard == [0x10, 0x30])
    port.close()
    port.close()
    client.send(0x10, b"")
    wait_until(lambda: bus.counters["frames"] == 4)
    assert heard == [0x10, 0x30]


def test_a_port_may_answer_from_its_callback(bus: VirtualBus, client: SlcanClient) -> None:
    port = bus.attach(lambda identifier, data: port.send(identifier + 8, data), {0x7E0})
    client.send(0x7E0, b"\x3e")
    assert client.recv() == Frame(0x7E8, b"\x3e")


def test_frames_that_cannot_exist_are_the_sender_s_error(bus: VirtualBus) -> None:
    port = bus.attach(lambda identifier, data: None)
    with pytest.raises(FrameError):
        port.send(0x800, b"")
    with pytest.raises(FrameError):
        port.send(1, bytes(9))


def test_a_burst_is_ordered_by_identifier_and_takes_its_time(bus: VirtualBus) -> None:
    sender = bus.attach(lambda identifier, data: None)
    heard: list[int] = []
    bus.attach(lambda identifier, data: heard.append(identifier))
    identifiers = [0x7FF - n for n in range(200)]
    done = threading.Event()

    def burst(now_s: float) -> None:  # on the bus' thread: all of it waits before one starts
        if not done.is_set():
            done.set()
            for identifier in identifiers:
                sender.send(identifier, bytes(8))

    begin = time.monotonic()
    timer = bus.every(1.0, burst)
    wait_until(lambda: len(heard) == 200)
    taken_s = time.monotonic() - begin
    timer.cancel()
    assert heard == sorted(identifiers)
    assert taken_s >= 200 * 111 / 500_000


def test_the_filter_of_a_client_is_its_own(bus: VirtualBus, client: SlcanClient) -> None:
    with SlcanClient(bus.port) as filtered:
        for line in (b"C", b"M00000050", b"mFFFFF800", b"O"):
            filtered.command(line)
        port = bus.attach(lambda identifier, data: None)
        for identifier in (0x51, 0x50):
            port.send(identifier, b"")
        assert filtered.recv() == Frame(0x50)
        assert {client.recv().identifier, client.recv().identifier} == {0x50, 0x51}


def test_a_client_at_another_bit_rate_hears_nothing_and_only_makes_errors(
    bus: VirtualBus, client: SlcanClient
) -> None:
    with SlcanClient(bus.port, bitrate=250_000) as stranger:
        client.send(0x1, b"")
        stranger.send(0x2, b"")
        wait_until(lambda: bus.counters["errors"] == 1 and bus.counters["frames"] == 1)
        with pytest.raises(BusTimeoutError):
            stranger.recv(timeout_s=0.02)
        with pytest.raises(BusTimeoutError):
            client.recv(timeout_s=0.02)


def test_bus_off_ends_when_the_channel_is_opened_again(
    bus: VirtualBus, client: SlcanClient
) -> None:
    fault = bus.faults.add("corrupt")
    for _ in range(32):
        client.send(0x1, b"")
    wait_until(lambda: bus.counters["bus-off"] == 1)
    fault.remove()
    assert client.command(b"F") == b"FA4"
    with pytest.raises(SlcanError):
        client.command(b"t0010")
    client.command(b"C")
    client.command(b"O")
    client.send(0x1, b"")
    wait_until(lambda: bus.counters["frames"] == 1)


def test_a_port_s_bus_off_ends_with_restart(bus: VirtualBus, client: SlcanClient) -> None:
    port = bus.attach(lambda identifier, data: None)
    bus.faults.add("corrupt", count=32)
    for _ in range(32):  # 8 each on its transmit error counter
        port.send(0x1, b"")
    wait_until(lambda: port.bus_off)
    port.send(0x2, b"")
    wait_until(lambda: bus.counters["refused:bus-off"] == 1)
    port.restart()
    port.send(0x3, b"")
    assert client.recv() == Frame(0x3)


@given(data=st.binary(min_size=1, max_size=300))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
def test_garbage_of_one_client_touches_nobody_else(bus: VirtualBus, data: bytes) -> None:
    with (
        SlcanClient(bus.port) as good,
        SlcanClient(bus.port) as other,
        socket.create_connection(("127.0.0.1", bus.port)) as bad,
    ):
        bad.sendall(data + b"\r")
        bad.settimeout(5)
        assert bad.recv(1)  # the bus answered: it has read it
        good.send(0x123, b"\x01")
        assert other.wait_for(lambda frame: frame == Frame(0x123, b"\x01"))
        assert good.command(b"V") == b"V1013"


def test_a_client_that_does_not_read_is_dropped(bus: VirtualBus, client: SlcanClient) -> None:
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", bus.port))
        slow.sendall(b"S6\rO\r")
        stop = threading.Event()

        def flood() -> None:  # versions ask for more answers than frames could give
            while not stop.is_set():
                try:
                    slow.sendall(b"V\r" * 2000)
                except OSError:
                    return

        flooding = threading.Thread(target=flood)
        flooding.start()
        try:
            wait_until(lambda: bus.counters["slow-clients"] == 1)
        finally:
            stop.set()
            flooding.join()
    port = bus.attach(lambda identifier, data: None)
    port.send(0x77, b"")
    assert client.recv() == Frame(0x77)


def test_too_many_clients_are_turned_away(bus: VirtualBus) -> None:
    clients = [socket.create_connection(("127.0.0.1", bus.port)) for _ in range(33)]
    try:
        wait_until(lambda: bus.counters["refused:too-many-clients"] == 1)
        clients[-1].settimeout(5)
        assert clients[-1].recv(1) == b""
    finally:
        for one in clients:
            one.close()
    wait_until(lambda: _accepts(bus))


def _accepts(bus: VirtualBus) -> bool:
    try:
        SlcanClient(bus.port).close()
    except (BusError, OSError):
        return False
    return True


def test_python_can_talks_to_the_bus(bus: VirtualBus, client: SlcanClient) -> None:
    url = f"socket://127.0.0.1:{bus.port}"
    with can.Bus(interface="slcan", channel=url, bitrate=500_000, sleep_after_open=0) as theirs:
        # It speaks first: what comes before the bus has read its "O" is not for it.
        theirs.send(can.Message(arbitration_id=0x1ABCDEF, is_extended_id=True, data=[7]))
        assert client.recv() == Frame(0x1ABCDEF, b"\x07", True)
        client.send(0x321, b"\x01\x02\x03")
        received = theirs.recv(timeout=5)
        assert received is not None
        assert (received.arbitration_id, bytes(received.data)) == (0x321, b"\x01\x02\x03")
        theirs.send(can.Message(arbitration_id=0x5, is_extended_id=False, is_remote_frame=True))
        assert client.recv() == Frame(0x5, b"", False, 0)


def test_the_log_is_read_by_python_can(tmp_path: Path) -> None:
    log = tmp_path / "can.log"
    before = time.time()
    with VirtualBus(log=log) as bus, SlcanClient(bus.port) as client:
        client.send(0x050, b"\x01\x02")
        client.send(0x1ABCDEF, b"", extended=True)
        wait_until(lambda: bus.counters["frames"] == 2)
    with CanutilsLogReader(log) as reader:
        messages = {message.arbitration_id: message for message in reader}
    assert set(messages) == {0x050, 0x1ABCDEF}
    assert bytes(messages[0x050].data) == b"\x01\x02"
    assert messages[0x050].channel == "vcan0"
    assert messages[0x1ABCDEF].is_extended_id
    assert all(before <= message.timestamp <= time.time() for message in messages.values())


def test_the_log_is_bounded(tmp_path: Path) -> None:
    log = tmp_path / "can.log"
    with VirtualBus(log=log, log_limit_bytes=500) as bus:
        port = bus.attach(lambda identifier, data: None)
        for n in range(40):
            port.send(n, bytes(8))
        wait_until(lambda: bus.counters["frames"] == 40)
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == ["can.log", "can.log.1"]
    assert all(path.stat().st_size <= 500 for path in files)


def test_timers_run_until_they_are_cancelled(bus: VirtualBus) -> None:
    calls: list[float] = []
    timer = bus.every(0.005, calls.append)
    wait_until(lambda: len(calls) >= 5)
    assert calls == sorted(calls)
    timer.cancel()
    bus.every(0.005, lambda now_s: None)
    settled: list[float] = []
    other = bus.every(0.005, settled.append)
    wait_until(lambda: len(settled) >= 2)
    count = len(calls)
    wait_until(lambda: len(settled) >= 6)
    other.cancel()
    assert len(calls) == count


def test_the_client_closes_what_it_cannot_open() -> None:
    with pytest.raises(BusError, match="no bit rate"):
        SlcanClient(1, bitrate=123)
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(BusTimeoutError):
        SlcanClient(mute.getsockname()[1], timeout_s=0.05)


def test_only_loopback_is_served() -> None:
    with pytest.raises(BusError, match="loopback"):
        VirtualBus("0.0.0.0")


def test_a_bus_starts_once_and_stops_for_good(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    bus = VirtualBus()
    with pytest.raises(BusClosedError):
        _ = bus.port
    port = bus.attach(lambda identifier, data: None)
    bus.start()
    with pytest.raises(BusError, match="once"):
        bus.start()
    client = SlcanClient(bus.port)
    bus.stop()
    bus.stop()
    with pytest.raises(BusClosedError):
        client.recv()
    client.close()
    with pytest.raises(BusClosedError):
        port.send(1, b"")
    with pytest.raises(OSError, match="refused"):
        SlcanClient(bus.port)
    assert not bus.running


def test_the_port_is_free_again_at_once() -> None:
    with VirtualBus() as bus:
        port = bus.port
        SlcanClient(port).close()
    with VirtualBus(port=port) as again:
        assert again.port == port


def test_a_node_that_sends_while_the_bus_is_being_stopped_harms_nothing() -> None:
    bus = VirtualBus()
    bus.start()
    port = bus.attach(lambda identifier, data: None)
    begun = threading.Event()

    def late(now_s: float) -> None:
        begun.set()
        assert bus._stopping.wait(5)
        port.send(0x100, b"")

    bus.every(60, late)
    assert begun.wait(5)
    bus.stop()  # what a thread raises is an error of the test
    assert not bus.running
