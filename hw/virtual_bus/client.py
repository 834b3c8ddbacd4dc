"""A small blocking slcan client for tests and tools. Refuses answers that are not slcan."""

import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Self

from hw.errors import BusClosedError, BusError, BusTimeoutError, SlcanError
from hw.virtual_bus.frame import Frame, checked
from hw.virtual_bus.slcan import BITRATES, format_frame, parse_frame


class SlcanClient:
    """One open channel. Not for several threads at once."""

    def __init__(
        self,
        port: int,
        host: str = "127.0.0.1",
        *,
        bitrate: int = 500_000,
        listen_only: bool = False,
        timeout_s: float = 5.0,
    ) -> None:
        """Connects and opens. Raises BusError, SlcanError (refused), BusTimeoutError (mute)."""
        if bitrate not in BITRATES:
            raise BusError(f"slcan has no bit rate of {bitrate} bit/s")
        speed = b"S%d" % BITRATES.index(bitrate)
        self._timeout_s = timeout_s
        self._frames: deque[Frame] = deque()
        self._answers: deque[bytes] = deque(maxlen=64)
        self._partial = b""
        self.refusals = 0
        self._socket = socket.create_connection((host, port), timeout=timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.command(speed)
            self.command(b"L" if listen_only else b"O")
        except (BusError, OSError):
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def command(self, line: bytes) -> bytes:
        """Sends one command and returns its answer without its end. Raises SlcanError on BELL."""
        self._answers.clear()
        self._socket.sendall(line + b"\r")
        deadline = time.monotonic() + self._timeout_s
        while not self._answers:
            self._read(deadline)
        answer = self._answers.popleft()
        if answer == b"\x07":
            raise SlcanError(f"refused: {line.decode('ascii', 'replace')}")
        return answer

    def send(self, identifier: int, data: bytes, *, extended: bool = False) -> None:
        """Sends a data frame without waiting; a refusal is counted in `refusals`."""
        self.send_frame(Frame(identifier, data, extended))

    def send_frame(self, frame: Frame) -> None:
        """The same for any kind of frame. Raises FrameError."""
        self._socket.sendall(format_frame(checked(frame)) + b"\r")

    def recv(self, timeout_s: float | None = None) -> Frame:
        """The next frame, in the order of the bus. Raises BusTimeoutError, BusClosedError."""
        deadline = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        while not self._frames:
            self._read(deadline)
        return self._frames.popleft()

    def wait_for(self, predicate: Callable[[Frame], bool], timeout_s: float | None = None) -> Frame:
        """The next frame that satisfies the predicate; earlier ones are passed over."""
        deadline = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        while True:
            frame = self.recv(max(0.0, deadline - time.monotonic()))
            if predicate(frame):
                return frame

    def _read(self, deadline: float) -> None:
        """Reads once, as much as there is, and sorts it into frames and answers."""
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise BusTimeoutError("no frame or answer in time")
        self._socket.settimeout(left_s)
        try:
            data = self._socket.recv(65536)
        except TimeoutError as error:
            raise BusTimeoutError("no frame or answer in time") from error
        if not data:
            raise BusClosedError("the bus closed the connection")
        *lines, self._partial = (self._partial + data.replace(b"\x07", b"\x07\r")).split(b"\r")
        for line in lines:
            self._sort(line)

    def _sort(self, line: bytes) -> None:
        if line[:1] in (b"t", b"T", b"r", b"R"):
            self._frames.append(parse_frame(line))
            return
        self.refusals += line == b"\x07"
        if line not in (b"z", b"Z"):
            self._answers.append(line)
