"""The line to a slcan adapter: a TCP connection, or a serial device (also a pseudo-terminal).

Both are read in chunks, as much as is there. What fails is CanLostError.
"""

import errno
import fcntl
import os
import select
import socket
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from edge_gateway.bus_settings import serial_device, socket_address
from edge_gateway.errors import CanLostError, SettingsError

CHUNK_BYTES = 65536
_CONNECT_S = 2.0
_SEND_S = 1.0


class Line(Protocol):
    """Any of the two. `read` returns what is there, at most a chunk; it is called when readable."""

    def fileno(self) -> int: ...
    def read(self) -> bytes: ...
    def write(self, data: bytes, timeout_s: float = _SEND_S) -> None: ...
    def close(self) -> None: ...


def open_line(channel: str) -> Line:
    """Raises CanLostError."""
    with _named(channel):
        if channel.startswith("/"):
            return SerialLine(*serial_device(channel))
        return SocketLine(*socket_address(channel))


class SocketLine:
    """slcan over TCP."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=_CONNECT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> bytes:
        with _named("slcan"):
            return _some(self._socket.recv(CHUNK_BYTES))

    def write(self, data: bytes, timeout_s: float = _SEND_S) -> None:
        with _named("slcan"):
            self._socket.settimeout(timeout_s)
            self._socket.sendall(data)

    def close(self) -> None:
        self._socket.close()


class SerialLine:
    """A serial device in raw mode, for us alone."""

    def __init__(self, path: str, baud: int) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(self._handle, termios.TIOCEXCL)
            tty.setraw(self._handle, termios.TCSANOW)
            settings = termios.tcgetattr(self._handle)
            settings[2] |= termios.CLOCAL | termios.CREAD
            settings[4] = settings[5] = getattr(termios, f"B{baud}")
            termios.tcsetattr(self._handle, termios.TCSANOW, settings)
            termios.tcflush(self._handle, termios.TCIFLUSH)
        except BaseException:
            os.close(self._handle)
            raise

    def fileno(self) -> int:
        return self._handle

    def read(self) -> bytes:
        with _named("slcan"):
            return _some(os.read(self._handle, CHUNK_BYTES))

    def write(self, data: bytes, timeout_s: float = _SEND_S) -> None:
        """Whole, or CanLostError: half a line would spoil the next one."""
        end = time.monotonic() + timeout_s
        with _named("slcan"):
            while data:
                left = end - time.monotonic()
                if left <= 0 or not select.select([], [self._handle], [], left)[1]:
                    raise TimeoutError(errno.ETIMEDOUT, "the adapter takes nothing")
                data = data[os.write(self._handle, data) :]

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _some(data: bytes) -> bytes:
    if not data:
        raise CanLostError("slcan: the other side closed the connection")
    return data


@contextmanager
def _named(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, termios.error, ValueError) as error:
        raise CanLostError(f"{what}: {getattr(error, 'strerror', None) or error}") from error
    except SettingsError as error:
        raise CanLostError(str(error)) from error
