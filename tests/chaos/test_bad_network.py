"""The relay itself: what goes in comes out, late, in order, or not at all."""

import contextlib
import os
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest
from bad_network import BadNetwork, Quality


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(ConnectionResetError):
            while data := self.request.recv(65_536):
                self.request.sendall(data)


@pytest.fixture
def echo() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def talk(port: int, data: bytes, timeout_s: float = 30) -> bytes:
    """Send, and read as much back."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as line:
        threading.Thread(target=line.sendall, args=(data,)).start()
        while len(got) < len(data):
            part = line.recv(65_536)
            if not part:
                break
            got += part
    return got


def test_everything_arrives_in_order_whatever_is_lost(echo: int) -> None:
    data = os.urandom(40_000)
    with BadNetwork(echo, 1, Quality(0.001, 0.003, 0.3)) as network:
        assert talk(network.port, data) == data
        assert network.lost > 5
        assert network.passed > 50


def test_a_delay_is_there_in_both_directions(echo: int) -> None:
    with BadNetwork(echo, 1, Quality(0.2)) as network:
        begin = time.monotonic()
        assert talk(network.port, b"hello") == b"hello"
        assert time.monotonic() - begin >= 0.4


def test_a_cut_is_a_reset_and_the_next_connection_works(echo: int) -> None:
    with BadNetwork(echo, 1) as network:
        with socket.create_connection(("127.0.0.1", network.port), timeout=10) as line:
            line.sendall(b"one")
            assert line.recv(3) == b"one"
            network.cut()
            with pytest.raises(ConnectionResetError):
                while line.recv(1):
                    pass
        assert talk(network.port, b"two") == b"two"


def test_silence_is_no_end(echo: int) -> None:
    with (
        BadNetwork(echo, 1) as network,
        socket.create_connection(("127.0.0.1", network.port), timeout=0.3) as line,
    ):
        network.silent = True
        line.sendall(b"one")
        with pytest.raises(TimeoutError):
            line.recv(3)
        network.silent = False
        line.settimeout(10)
        assert line.recv(3) == b"one"


def test_who_is_not_there_is_not_reached(echo: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with BadNetwork(echo, 1) as network:
            network.retarget(taken.getsockname()[1])
            with (
                pytest.raises(
                    ConnectionResetError
                ),  # sometimes before it was told of its connection
                socket.create_connection(("127.0.0.1", network.port), timeout=10) as line,
            ):
                line.recv(1)
            network.retarget(echo)
            assert talk(network.port, b"back") == b"back"
