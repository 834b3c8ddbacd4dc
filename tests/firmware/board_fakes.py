"""A controller, a clock and a board in memory, for both interpreters. Misuse raises."""

import hashlib


class FakeCan:
    """machine.CAN as documented: silent until set_filters(), three buffers, one per identifier.

    An interrupt calls the handler as the frame comes in, unless `held`. `depth` is its FIFO's.
    """

    MODE_NORMAL = 0
    MODE_SLEEP = 1
    MODE_LOOPBACK = 2
    MODE_SILENT = 3
    MODE_SILENT_LOOPBACK = 4
    STATE_STOPPED = 0
    STATE_ACTIVE = 1
    STATE_WARNING = 2
    STATE_PASSIVE = 3
    STATE_BUS_OFF = 4
    FLAG_RTR = 1
    FLAG_EXT_ID = 2
    FLAG_UNORDERED = 16
    RECV_ERR_FULL = 1
    RECV_ERR_OVERRUN = 2
    IRQ_TX = 1
    IRQ_RX = 2
    IRQ_STATE = 8
    TX_QUEUE_LEN = 3
    FILTERS_MAX = 14
    BITRATES = (125_000, 250_000, 500_000, 1_000_000)

    def __init__(self, depth=24):
        self._depth = depth
        self._state = self.STATE_STOPPED
        self._handler = None
        self._views = self._given = None
        self.held = False
        self.restarts = 0
        self.bitrate = 0
        self.mode = None

    def init(self, bitrate, mode=0, sample_point=75, sjw=1, tseg1=None, tseg2=None):
        if bitrate not in self.BITRATES:
            raise ValueError("unable to calculate BRP for baudrate")
        if not 0 <= mode <= 4:
            raise ValueError("mode")
        self.bitrate = bitrate
        self.mode = mode
        self._state = self.STATE_ACTIVE
        self._fifo = []
        self._buffers = [None] * self.TX_QUEUE_LEN
        self._filters = ()
        self._known = {}
        self._errors = 0
        self._counters = [0] * 8
        self._handler = None

    def deinit(self):
        self._state = self.STATE_STOPPED
        self._handler = None

    def restart(self):
        self._require()
        self._state = self.STATE_ACTIVE
        self._buffers = [None] * self.TX_QUEUE_LEN
        self._counters = [0] * 8
        self.restarts += 1

    def set_filters(self, filters):
        self._require()
        if filters is None:
            filters = ((0, 0, 0), (0, 0, self.FLAG_EXT_ID))
        checked = []
        for identifier, mask, flags in filters:
            if flags & ~self.FLAG_EXT_ID:
                raise ValueError("flags")
            self._check_id(identifier, flags)
            self._check_id(mask, flags)
            checked.append((identifier, mask, flags))
        if len(checked) > self.FILTERS_MAX:
            raise ValueError("too many filters")
        self._filters = checked
        self._known = {}  # a filter asks the same again and again

    def state(self):
        return self._state

    def irq(self, handler=None, trigger=0, hard=False):
        self._require()
        if trigger & ~(self.IRQ_TX | self.IRQ_RX | self.IRQ_STATE):
            raise ValueError("trigger")
        self._handler = handler if trigger & self.IRQ_RX else None
        self.interrupt()  # as the hardware does for what waits already
        return self

    def get_counters(self, counters=None):
        self._require()
        if counters is None:
            counters = [0] * 8
        for i in range(8):
            counters[i] = self._counters[i]
        counters[5] = sum([1 for waiting in self._buffers if waiting])
        counters[6] = len(self._fifo)
        return counters

    def get_timings(self, timings=None):
        return [self.bitrate, 1, 11, 4, None, None]

    def send(self, identifier, data, flags=0):
        self._require()
        self._check_id(identifier, flags)
        if len(data) > 8:
            raise OverflowError("data too long")
        if self._state == self.STATE_BUS_OFF:
            raise OSError(5)
        free = None
        for i in range(self.TX_QUEUE_LEN):
            waiting = self._buffers[i]
            if waiting is None:
                free = i if free is None else free
            elif waiting[0] == identifier and not flags & self.FLAG_UNORDERED:
                return None
        if free is None or self.mode in (self.MODE_SILENT, self.MODE_SLEEP):
            return None
        self._buffers[free] = (identifier, bytes(data), flags & 3)
        return free

    def recv(self, arg=None):
        self._require()
        if arg is None:
            arg = [0, memoryview(bytearray(8)), 0, 0]
        # The C method changes the length of the view in place; here it is one of nine, made once.
        if arg[1] is not self._given:
            self._views = [arg[1][:size] for size in range(9)]
            self._given = arg[1]
        if not self._fifo:
            return None
        identifier, data, flags = self._fifo.pop(0)
        arg[0] = identifier
        self._given = arg[1] = self._views[len(data)]
        arg[1][:] = data if not flags & self.FLAG_RTR else bytes(len(data))
        arg[2] = flags
        arg[3], self._errors = self._errors, 0
        return arg

    def _require(self):
        if self._state == self.STATE_STOPPED:
            raise OSError(22)

    def _check_id(self, identifier, flags):
        if not 0 <= identifier < (1 << 29 if flags & self.FLAG_EXT_ID else 1 << 11):
            raise ValueError("invalid id")

    # --- the other end of the wire ---

    def deliver(self, identifier, data, flags=0):
        """True if the frame passed the filters and found room."""
        if self._state in (self.STATE_STOPPED, self.STATE_BUS_OFF):
            return False
        if not self._passes(identifier, flags):
            return False
        found_room = len(self._fifo) < self._depth
        if found_room:
            self._fifo.append((identifier, bytes(data), flags))
            if len(self._fifo) == self._depth:
                self._errors |= self.RECV_ERR_FULL
        else:
            self._errors |= self.RECV_ERR_OVERRUN
            self._counters[7] += 1
        self.interrupt()
        return found_room

    def _passes(self, identifier, flags):
        key = identifier << 1 | (flags & self.FLAG_EXT_ID) >> 1
        if key not in self._known:
            self._known[key] = any(
                kind == flags & self.FLAG_EXT_ID and not (identifier ^ wanted) & mask
                for wanted, mask, kind in self._filters
            )
        return self._known[key]

    def interrupt(self):
        if self._handler and self._fifo and not self.held:
            self._handler(self)

    def leave(self):
        """The frames that the bus takes now, by priority."""
        frames = sorted([waiting for waiting in self._buffers if waiting])
        self._buffers = [None] * self.TX_QUEUE_LEN
        return frames

    def errors(self, tec, rec):
        """Errors on the wire, up to these values of the counters."""
        before = self._state
        self._counters[0] = tec
        self._counters[1] = rec
        worst = max(tec, rec)
        self._state = self.STATE_ACTIVE + (worst >= 96) + (worst >= 128)
        if tec > 255:
            self.bus_off()
            return
        for state in (self.STATE_WARNING, self.STATE_PASSIVE):
            if before < state <= self._state:
                self._counters[state] += 1

    def bus_off(self):
        self._state = self.STATE_BUS_OFF
        self._counters[4] += 1
        self._buffers = [None] * self.TX_QUEUE_LEN


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
        self.ticks_ms = None
        self.wall = wall
        self.random = FakeRandom()
        self.folder = folder
        self.identifier = b"\x0b\x0a\x0d"
        self.reset_cause = reset_cause
        self.outputs = None
        self.bolt = False
        self.door = False

    def pins(self, outputs, bolt):
        self.outputs = outputs
        self.bolt = bolt

    def release(self, door):
        self.door = door
