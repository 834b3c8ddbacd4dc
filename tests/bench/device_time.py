# Runs in MicroPython: the time of the bench's chip, which is counted, and the use of its heap.
#
# A turn of the loop takes a millisecond, a collection ten, and waiting takes until the next frame
# or deadline. Nothing in here takes memory while the application runs.
import gc
import os
from array import array

import micropython

BEGIN_MS, END_MS, PERIOD_MS, START_S, CAUSE = [
    int(word) for word in os.getenv("DAY_TIMES").split(",")
]
COLLECTS = os.getenv("DAY_COLLECTS") == "all"  # else the collector comes by its threshold only
COLLECT_MS = 10
# At rest one of so many collections is made: each takes the bench longer than all the rest, and to
# leave some out makes the peak no lower.
REST_SHARE = 5
REST_TURN_MS = 50  # turns that are so far apart
_ROOM = 32  # periods


class Over(BaseException):
    """The end of this life of the chip, with what it asks of the next one."""


class Chip:
    """The time, and the figures."""

    def __init__(self):
        self.ms = BEGIN_MS
        self.period = 0
        self.baseline = 0
        self.peak = 0  # of what is allocated, live or not
        self.turns = self.asked = self.collections = self.samples = 0
        self.peaks = array("I", [0] * _ROOM)
        self.lives = array("I", [0] * _ROOM)
        self.after_boot = 0
        self.most_live = 0  # after any collection
        self.period_end_ms = (BEGIN_MS // PERIOD_MS + 1) * PERIOD_MS
        self.keeper = None
        self.waited = False
        self.rests = False

    def sample(self):
        used = _mem_alloc() - self.baseline
        self.samples += 1
        if used > self.peak:
            self.peak = used

    def collect(self):
        self.ms += COLLECT_MS
        self.asked += 1
        if not COLLECTS or (self.rests and self.asked % REST_SHARE):
            return
        self.sample()
        _collect()
        self.collections += 1
        used = _mem_alloc() - self.baseline
        if used > self.most_live:
            self.most_live = used

    def begin(self):
        """What is in use from here on is the application's."""
        _collect()
        self.baseline = _mem_alloc()

    def built(self):
        """The application is, and about to run."""
        _collect()
        self.after_boot = self.most_live = _mem_alloc() - self.baseline

    def wait_until(self, ms):
        wake_ms = max(self.ms, ms)
        self.waited = True
        self.rests = wake_ms - self.ms >= REST_TURN_MS
        self.ms = wake_ms
        if wake_ms >= END_MS:
            raise Over("end", 0)

    def turn(self):
        # The watchdog is fed once a turn.
        self.turns += 1
        self.ms += 1
        if self.ms >= self.period_end_ms:
            self.end_period()
        # Between two collections the use only grows, and collect() looks at it before each. What
        # is left are turns that come in a row without a wait: long work, when none may come.
        if not self.waited or not self.turns & 7:
            self.sample()
        self.waited = False

    def end_period(self):
        """What is in use when an hour ends, with everything else given back."""
        self.sample()
        _collect()
        micropython.mem_info()
        self.lives[self.period] = _mem_alloc() - self.baseline
        self.peaks[self.period] = self.peak
        self.peak = 0
        self.period += 1
        self.period_end_ms += PERIOD_MS


_collect, _mem_alloc = gc.collect, gc.mem_alloc
chip = Chip()
