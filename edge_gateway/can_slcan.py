"""slcan (Lawicel ASCII) over TCP for python-can, read in chunks rather than byte by byte.

Lines that are no data frame are counted and skipped; a line without an end is cut off.
"""

import select
import socket
import time
from collections import Counter, deque
from typing import Any

import can

from edge_gateway.bus_settings import socket_address
from edge_gateway.errors import CanLostError, SettingsError

_BITRATE_500K = b"S6\r"
_CHUNK_BYTES = 65536
# The longest line of a classic frame: T, 8 digits, length, 16 digits, 4 digits of time.
_MAX_LINE = 30
_CONNECT_S = 2.0
_SEND_S = 1.0


class SlcanBus(can.BusABC):
    """500 kbit/s. `accept` (code, mask) sets the adapter's filter; a 1 in the mask is "any"."""

    def __init__(self, channel: str, accept: tuple[int, int] | None = None, **options: Any) -> None:
        self.counters: Counter[str] = Counter()
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._socket = _connect(channel)
        # C first: a session that was cut off may have left the channel open. It may answer BELL.
        setup = b"\rC\r" + _BITRATE_500K
        if accept is not None:
            setup += b"M%08X\rm%08X\r" % accept
        self._write(setup + b"O\r")
        super().__init__(channel, **options)

    def _write(self, data: bytes) -> None:
        try:
            self._socket.settimeout(_SEND_S)
            self._socket.sendall(data)
        except OSError as error:
            raise CanLostError(f"slcan: {error}") from error

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        """Classic 11-bit data frames only; that is all a gateway sends."""
        self._write(b"t%03X%d%s\r" % (msg.arbitration_id, msg.dlc, msg.data.hex().upper().encode()))

    def fileno(self) -> int:
        return self._socket.fileno()

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:
        while True:
            while self._lines:
                message = self._parse(self._lines.popleft())
                if message is not None:
                    return message, False
            if not self._fill(timeout):
                return None, False
            timeout = 0.0

    def _fill(self, timeout: float | None) -> bool:
        """Read what is there into lines. False when nothing came in time."""
        try:
            if not select.select([self._socket], [], [], timeout)[0]:
                return False
            data = self._socket.recv(_CHUNK_BYTES)
        except (OSError, ValueError) as error:
            raise CanLostError(f"slcan: {error}") from error
        if not data:
            raise CanLostError("slcan: the other side closed the connection")
        # BELL refuses a command and ends a line as a carriage return does.
        bells = data.count(b"\a")
        if bells:
            self.counters["refused"] += bells
            data = data.replace(b"\a", b"\r")
        *lines, self._rest = (self._rest + data).split(b"\r")
        self._lines.extend(lines)
        if len(self._rest) > _MAX_LINE:
            self.counters["malformed"] += 1
            # A letter that starts no frame: what is still to come of this line is not one either.
            self._rest = b"?"
        return True

    def _parse(self, line: bytes) -> can.Message | None:
        if line[:1] != b"t":
            # Acknowledgements (empty, z) and frames that concern no gateway (T, r, R).
            if line[:1] not in (b"", b"z", b"Z", b"T", b"r", b"R", b"F", b"V", b"N"):
                self.counters["malformed"] += 1
            return None
        try:
            length = int(line[4:5])
            data = bytes.fromhex(line[5 : 5 + 2 * length].decode("ascii"))
            identifier = int(line[1:4], 16)
        except ValueError:
            length, data, identifier = 9, b"", 0
        # Exactly the frame, or the frame and four digits of time.
        if length > 8 or len(data) != length or len(line) - 5 - 2 * length not in (0, 4):
            self.counters["malformed"] += 1
            return None
        return can.Message(
            timestamp=time.time(),
            arbitration_id=identifier & 0x7FF,
            is_extended_id=False,
            dlc=length,
            data=data,
        )

    def shutdown(self) -> None:
        super().shutdown()
        try:
            self._socket.settimeout(0.1)
            self._socket.sendall(b"C\r")
        except OSError:
            self.counters["close"] += 1
        self._socket.close()


def _connect(channel: str) -> socket.socket:
    try:
        line = socket.create_connection(socket_address(channel), timeout=_CONNECT_S)
    except OSError as error:
        raise CanLostError(f"{channel}: {error.strerror or error}") from error
    except SettingsError as error:
        raise CanLostError(str(error)) from error
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line
