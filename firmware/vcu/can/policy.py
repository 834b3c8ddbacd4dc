"""When the port may speak: how an unknown bus is joined, and how often a lost one is tried again.

Pure: times come in as arguments. Only their differences count, so they may wrap.
"""

# Of times that are kept. Small machines have integers of 31 bits that need no memory.
MASK = 0x1FFF_FFFF
_HALF = 0x1000_0000

LISTEN_MS = 1_000

FIRST_MS = 100
MOST_MS = 5_000
STEADY_MS = 10_000
# So many in so long a time are no accident: something on this bus, or this port itself, is broken.
MANY = 5
MANY_MS = 60_000
SILENCE_MS = 60_000

STAY, NEXT, JOIN = range(3)


def elapsed(now_ms: int, since_ms: int) -> int:
    """Negative if `since_ms` is yet to come; right for differences below three days."""
    return (((now_ms & MASK) - (since_ms & MASK) + _HALF) & MASK) - _HALF


class Listening:
    """Silent until a right frame of the table was heard, or the bus is silent itself.

    A bus on which something happens is never joined for being silent: it may have another bit
    rate, at which a frame of ours would be noise.
    """

    def __init__(self, bitrates: int, now_ms: int) -> None:
        self._bitrates = bitrates
        self.index = 0
        self._since_ms = now_ms
        self._silent = 0  # bit rates in a row at which nothing was heard
        self._activity = -1

    def begin(self, now_ms: int) -> None:
        """The controller listens anew; what its counters say now is no news."""
        self._since_ms = now_ms
        self._activity = -1

    def skip(self) -> None:
        """The controller could not even listen at this bit rate."""
        self._silent = 0
        self.index = (self.index + 1) % self._bitrates

    def look(self, activity: int, now_ms: int) -> int:
        """`activity` changes when anything happens on the bus. STAY, NEXT bit rate, or JOIN."""
        if self._activity < 0:
            self._activity = activity
        if elapsed(now_ms, self._since_ms) < LISTEN_MS:
            return STAY
        self._silent = self._silent + 1 if activity == self._activity else 0
        self.begin(now_ms)
        if self._silent == self._bitrates:
            self.index = 0
            return JOIN
        if self._bitrates == 1:
            return STAY
        self.index = (self.index + 1) % self._bitrates
        return NEXT


class BackOff:
    """Patience in bus-off: 0.1 s doubling to 5 s, and a minute of silence after many of them."""

    def __init__(self, now_ms: int) -> None:
        self._wait_ms = FIRST_MS
        self._since_ms = now_ms  # it is off, or well, since then
        self._pause_ms = 0
        self._last_ms = [0] * MANY
        self._known = 0  # entries of `_last_ms`
        self.is_off = False
        self.bus_offs = 0
        self.silences = 0

    def look(self, off: bool, now_ms: int) -> bool:
        """Feed what the controller says. True when it is time for a restart."""
        if not off and not self.is_off:
            # A bus that never was off has nothing to forget.
            if self._wait_ms != FIRST_MS and elapsed(now_ms, self._since_ms) >= STEADY_MS:
                self._wait_ms = FIRST_MS
            return False
        if not self.is_off:
            self._begin(now_ms)
        return elapsed(now_ms, self._since_ms) >= self._pause_ms

    def restarted(self, now_ms: int) -> None:
        self.is_off = False
        self._since_ms = now_ms

    def _begin(self, now_ms: int) -> None:
        self.is_off = True
        self._since_ms = now_ms
        self._pause_ms = self._wait_ms
        self._wait_ms = min(2 * self._wait_ms, MOST_MS)
        self._last_ms[self.bus_offs % MANY] = now_ms & MASK
        self.bus_offs += 1
        self._known = min(self._known + 1, MANY)
        # The one that will be overwritten next is the oldest.
        oldest_ms = self._last_ms[self.bus_offs % MANY]
        if self._known == MANY and 0 <= elapsed(now_ms, oldest_ms) < MANY_MS:
            self._pause_ms = SILENCE_MS
            self._wait_ms = FIRST_MS
            self._known = 0
            self.silences += 1
