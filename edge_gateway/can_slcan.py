"""slcan for python-can, read in chunks rather than byte by byte.

Registered as the interface `trifleet-slcan`, so any program of python-can can use it:
`can.Bus(interface="trifleet-slcan", channel="/dev/ttyACM0", bitrate=500000)`.
"""

import select
import time
from collections import Counter, deque
from typing import Any

import can

from edge_gateway.errors import CanLostError
from edge_gateway.slcan_line import open_line
from edge_gateway.slcan_text import BITRATES, Decoder, Frame, encode

_GOODBYE_S = 0.1


class SlcanBus(can.BusABC):
    """`channel`: socket://host:port, or a serial device (/dev/ttyACM0, /dev/ttyUSB0@921600).

    `accept` (code, mask) sets the adapter's filter; a 1 in the mask is "any". A silent bus
    (`listen_only`) acknowledges no frame. Raises CanLostError, which is a can.CanError as well.
    """

    def __init__(
        self,
        channel: str,
        accept: tuple[int, int] | None = None,
        bitrate: int = 500_000,
        listen_only: bool = False,
        **options: Any,
    ) -> None:
        if bitrate not in BITRATES:
            raise CanLostError(f"slcan: no bit rate {bitrate}; known: {sorted(BITRATES)}")
        self._decoder = Decoder()
        self._frames: deque[Frame] = deque()
        self._line = open_line(channel)
        # C first: a session that was cut off may have left the channel open. It may answer BELL.
        setup = b"\rC\rS%d\r" % BITRATES[bitrate]
        if accept is not None:
            setup += b"M%08X\rm%08X\r" % accept
        try:
            self._line.write(setup + (b"L\r" if listen_only else b"O\r"))
        except CanLostError:
            self._line.close()
            raise
        self.channel_info = f"slcan {channel}"
        super().__init__(channel, **options)

    @property
    def counters(self) -> Counter[str]:
        """Lines that were no frame, and commands that the adapter refused."""
        return self._decoder.counters

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        """Classic frames only. Raises CanLostError."""
        if msg.is_fd or msg.is_error_frame:
            raise CanLostError("slcan: classic frames only")
        remote, data = msg.is_remote_frame, bytes(msg.data)
        frame = Frame(msg.arbitration_id, msg.is_extended_id, remote, msg.dlc, data)
        line = encode(frame)
        if timeout is None:
            self._line.write(line)
        else:
            self._line.write(line, timeout)

    def fileno(self) -> int:
        return self._line.fileno()

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:
        while not self._frames:
            if not self._fill(timeout):
                return None, False
            timeout = 0.0
        return _message(self._frames.popleft()), False

    def _fill(self, timeout: float | None) -> bool:
        """Read what is there into frames. False when nothing came in time."""
        try:
            if not select.select([self._line], [], [], timeout)[0]:
                return False
        except (OSError, ValueError) as error:
            raise CanLostError(f"slcan: {error}") from error
        self._frames.extend(self._decoder.feed(self._line.read()))
        return True

    def shutdown(self) -> None:
        super().shutdown()
        try:
            self._line.write(b"C\r", _GOODBYE_S)
        except CanLostError:
            self.counters["close"] += 1
        self._line.close()


def _message(frame: Frame) -> can.Message:
    return can.Message(
        timestamp=time.time(),
        arbitration_id=frame.identifier,
        is_extended_id=frame.is_extended,
        is_remote_frame=frame.is_remote,
        dlc=frame.length,
        data=frame.data,
    )
