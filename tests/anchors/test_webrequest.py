"""A hostile server and the clock: nothing that it sends keeps a request longer than allowed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fleet_backend.anchors.errors import UnreachableError
from fleet_backend.anchors.webrequest import Limits, request

BEGINNINGS = {
    "an answer of a known length": b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n",
    "an answer that ends with the connection": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    "an answer of HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n",
    "headers without an end": b"HTTP/1.1 200 OK\r\nX-Long: ",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f00\r\n",
}


@contextmanager
def dripping(beginning: bytes) -> Iterator[tuple[str, threading.Event]]:
    """A server that sends a byte every 50 ms for as long as somebody takes them; its address, and
    whether it got rid of all of them."""
    server = socket.create_server(("127.0.0.1", 0))
    ended, sent_all = threading.Event(), threading.Event()

    def serve() -> None:
        with server.accept()[0] as line:
            line.recv(4096)
            try:
                line.sendall(beginning)
                for _ in range(200):
                    if ended.wait(0.05):
                        return
                    line.sendall(b"x")
            except OSError:
                return  # whoever asked has gone, as he should
            sent_all.set()

    thread = threading.Thread(target=serve)
    thread.start()
    with server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}", sent_all
        ended.set()
        thread.join()


@pytest.mark.parametrize("kind", BEGINNINGS)
def test_an_answer_that_comes_byte_by_byte_is_cut(kind: str) -> None:
    """Each byte comes long before a socket's own time-out: only the whole is too slow."""
    with dripping(BEGINNINGS[kind]) as (url, sent_all):
        with pytest.raises(UnreachableError, match=r"127\.0\.0\.1 did not answer in full"):
            request("GET", url, limits=Limits(total_s=0.3, answer_bytes=10_000))
        assert not sent_all.is_set()
