"""A controller, a clock and a board in memory, for both interpreters. Misuse raises."""

import hashlib


class FakeCan:
    """machine.CAN as documented: silent until set_filters(), three buffers, one per identifier."""

    MODE_NORMAL = 0
    MODE_SILENT = 3
    STATE_STOPPED = 0
    STATE_ACTIVE = 1
    STATE_BUS_OFF = 4
    FLAG_RTR = 1
    FLAG_EXT_ID = 2
    RECV_ERR_OVERRUN = 2
    RING = 128

    def __init__(self):
        self._state = self.STATE_STOPPED
        self.restarts = 0

    def init(self, bitrate, mode=0):
        if bitrate != 500_000 or mode not in (self.MODE_NORMAL, self.MODE_SILENT):
            raise ValueError("bitrate or mode")
        if self._state != self.STATE_STOPPED and mode != self._mode:
            raise RuntimeError("a change of mode takes deinit() first")
        self._mode = mode
        self._state = self.STATE_ACTIVE
        self._ring = []
        self._buffers = []
        self._filters = ()
        self._overrun = 0

    def deinit(self):
        self._state = self.STATE_STOPPED

    def restart(self):
        self._require()
        self._state = self.STATE_ACTIVE
        self._buffers = []
        self.restarts += 1

    def set_filters(self, filters):
        self._require()
        self._filters = filters

    def state(self):
        return self._state

    def send(self, identifier, data, flags=0):
        self._require()
        if not 0 <= identifier < 0x800 or len(data) > 8:
            raise ValueError("not a classic frame")
        if self._state == self.STATE_BUS_OFF:
            raise OSError(5)
        if self._mode == self.MODE_SILENT or len(self._buffers) == 3:
            return None
        if any(waiting[0] == identifier for waiting in self._buffers):
            return None
        self._buffers.append((identifier, bytes(data)))
        return len(self._buffers) - 1

    def recv(self, into):
        self._require()
        if not self._ring:
            return None
        identifier, data, flags = self._ring.pop(0)
        into[0] = identifier
        into[1] = memoryview(bytearray(data))
        into[2] = flags
        into[3], self._overrun = self._overrun, 0
        return into

    def _require(self):
        if self._state == self.STATE_STOPPED:
            raise OSError(22)

    # --- the other end of the wire ---

    def deliver(self, identifier, data, flags=0):
        if self._state != self.STATE_ACTIVE or self._filters is not None:
            return
        if len(self._ring) == self.RING:
            self._overrun = self.RECV_ERR_OVERRUN
            return
        self._ring.append((identifier, bytes(data), flags))

    def leave(self):
        """The frames that the bus takes now, by priority."""
        frames = sorted(self._buffers)
        self._buffers = []
        return frames

    def bus_off(self):
        self._state = self.STATE_BUS_OFF
        self._buffers = []


class FakeRtc:
    """machine.RTC: a calendar that a test sets; it stands still."""

    def __init__(self, moment=(2030, 1, 1, 0, 0, 0, 0, 0)):
        self.moment = moment

    def datetime(self, moment=None):
        if moment is not None:
            self.moment = moment
        return self.moment


class FakeRandom:
    """Challenges that a test knows beforehand: challenge(0), challenge(1), ..."""

    def __init__(self):
        self._count = 0

    def __call__(self, size):
        self._count += 1
        return challenge(self._count - 1)[:size]


def challenge(number):
    return hashlib.sha256(b"challenge %d" % number).digest()[:16]


class FakeBoard:
    """What vcu.app.Board is on hardware."""

    def __init__(self, folder, wall, reset_cause=1):
        self.can = FakeCan()
        self.wall = wall
        self.random = FakeRandom()
        self.folder = folder
        self.reset_cause = reset_cause
        self.outputs = None

    def pins(self, outputs):
        self.outputs = outputs
