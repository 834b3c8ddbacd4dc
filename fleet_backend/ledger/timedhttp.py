"""HTTP answers that are bounded in time as a whole; `http.client` alone bounds each wait only.

Headers, trailers and answers that merely announce another one are included: the standard library
reads those without end, from a server that sends a byte now and then.
"""

import io
import socket
import time
from http.client import HTTPConnection, HTTPResponse
from typing import Any


def bound_answer(connection: HTTPConnection, timeout_s: float, total_s: float) -> None:
    """Let the next answer take `total_s` from now, and each wait for it `timeout_s`.

    What is late raises TimeoutError where it is read.
    """
    if connection.sock is not None:
        connection.sock.settimeout(timeout_s)
    connection.response_class = _response_class(timeout_s, time.monotonic() + total_s)


class _Bounded(io.RawIOBase):
    """A connection as one answer reads it."""

    def __init__(self, connected: socket.socket, timeout_s: float, deadline: float) -> None:
        self._connected = connected
        self._raw = connected.makefile("rb", buffering=0)
        self._timeout_s = timeout_s
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("not sent in time")
        self._connected.settimeout(min(self._timeout_s, left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _response_class(timeout_s: float, deadline: float) -> Any:
    def begin(connected: socket.socket, **more: Any) -> HTTPResponse:
        bounded: Any = _Bounded(connected, timeout_s, deadline)  # all that a response asks of it
        return HTTPResponse(bounded, **more)

    return begin
