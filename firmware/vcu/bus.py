"""The CAN controller: joins silently, never blocks, and comes back from bus-off by itself.

Nothing is sent before a known frame was heard, or a second passed on a silent bus. In bus-off it
waits 0.1 s, doubling to 5 s, before each restart.
"""

from protocol.can_table import IDENTIFIERS

BITRATE = 500_000
LISTEN_MS = 1_000
RESTART_FIRST_MS = 100
RESTART_MAX_MS = 5_000
STEADY_MS = 10_000


class Bus:
    """`can` has the shape of machine.CAN and is not initialised for sending yet."""

    def __init__(self, can, now_ms: int):
        self._can = can
        self._frame = [0, memoryview(bytearray(8)), 0, 0]
        self._listen_until_ms = now_ms + LISTEN_MS
        self._restart_ms = None
        self._wait_ms = RESTART_FIRST_MS
        self._steady_ms = now_ms
        self.joined = False
        self.lost = 0
        self.overruns = 0
        self.bus_offs = 0
        can.init(BITRATE, mode=can.MODE_SILENT)
        can.set_filters(None)

    def receive(self, now_ms: int):
        """(identifier, data) of the next data frame with an 11-bit identifier, or None."""
        while True:
            frame = self._can.recv(self._frame)
            if frame is None:
                return None
            identifier, data, flags, errors = frame
            if errors & self._can.RECV_ERR_OVERRUN:
                self.overruns += 1
            if flags & (self._can.FLAG_RTR | self._can.FLAG_EXT_ID):
                continue
            if not self.joined and identifier in IDENTIFIERS:
                self._join()
            return identifier, bytes(data)

    def tick(self, now_ms: int) -> None:
        """Joins a silent bus, restarts after bus-off."""
        if self._can.state() == self._can.STATE_BUS_OFF:
            self._recover(now_ms)
            return
        if now_ms - self._steady_ms >= STEADY_MS:
            self._wait_ms = RESTART_FIRST_MS
        if not self.joined and now_ms >= self._listen_until_ms:
            self._join()

    def send(self, identifier: int, data: bytes) -> bool:
        """False if the controller takes it not now: its buffers are full, or the bus is off."""
        if not self.joined:
            return False
        try:
            taken = self._can.send(identifier, data)
        except OSError:  # bus-off; tick() sees to it
            taken = None
        if taken is None:
            self.lost += 1
        return taken is not None

    def is_off(self) -> bool:
        return self._restart_ms is not None

    def _join(self) -> None:
        # A change of mode takes a new start of the controller, which forgets its filters.
        self._can.deinit()
        self._can.init(BITRATE, mode=self._can.MODE_NORMAL)
        self._can.set_filters(None)
        self.joined = True

    def _recover(self, now_ms: int) -> None:
        if self._restart_ms is None:
            self.bus_offs += 1
            self._restart_ms = now_ms + self._wait_ms
            self._wait_ms = min(2 * self._wait_ms, RESTART_MAX_MS)
        elif now_ms >= self._restart_ms:
            self._restart_ms = None
            self._steady_ms = now_ms
            self._can.restart()
