"""The vehicle's door to the bus: what the rest of the firmware sees of it.

Nothing is sent before a right frame of the table was heard, or the bus was silent for a second.
"""

from protocol import can as codec
from protocol.can_table import IDENTIFIERS, MESSAGES

from vcu.can.filters import cover
from vcu.can.policy import JOIN, STAY, BackOff, Listening
from vcu.can.queue import Queue
from vcu.can.ring import SLOTS, Ring

# Only for the checker of types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vcu.can.shape import Data, Device
    from vcu.can.signals import Signals

# The vehicle's own bus. A port that does not know its bus is given others as well:
# (500_000, 250_000, 125_000, 1_000_000).
BITRATES = (500_000,)
_CHANNELS = ("GW_Request", "GW_RecordFlow", "UDS_Request", "UDS_Broadcast")  # ISO-TP
_OURS = "VCU_"
# The names of what `counters` returns.
COUNTERS = (
    "tec rec warnings passives bus_offs overruns ring_overflows silences joins failures "
    "remotes extended unknown wrong_length wrong_crc wrong_range repeated skipped too_fast "
    "replaced refused dropped"
)


class Port:
    """`can` has the shape of machine.CAN. `ticks_ms` is read in the interrupt; without it a frame
    counts as arrived when the loop looks."""

    def __init__(
        self,
        can: "Device",
        signals: "Signals",
        now_ms: int,
        ticks_ms: "Callable[[], int] | None" = None,
        bitrates: "tuple[int, ...]" = BITRATES,
    ) -> None:
        self._can = can
        self._signals = signals
        self._bitrates = bitrates
        self.frame = Ring(can, ticks_ms or self._now)
        self._fill = self.frame.fill  # made once: a bound method is an object
        self.queue = Queue(_cyclic())
        self._listening = Listening(len(bitrates), now_ms)
        self._back_off = BackOff(now_ms)
        self._now_ms = now_ms
        # As a dict, because a search of the table costs more than all the rest of a frame.
        self._rows = {identifier: IDENTIFIERS.row(identifier) for identifier in IDENTIFIERS}
        self._received = 0
        self._list: "list[int | None]" = [0] * 8
        self._past = [0] * 3  # warnings, passives, overruns before the last restart
        self.row = -1
        self.at_ms = now_ms
        self.joined = False
        self._heard = False
        self._failed = False
        self.unknown = 0
        self.joins = 0
        self.failures = 0
        self._open(now_ms)

    # --- receiving ---

    def receive(self, now_ms: int) -> bool:
        """True if there was a frame of the table: `row`, `at_ms`, `frame.data`, `frame.length`."""
        self._now_ms = now_ms
        frame = self.frame
        # No more than were there: frames may come as fast as they are taken.
        for _ in range(SLOTS):
            if not frame.take():
                break
            row = self._rows.get(frame.identifier, -1)
            if not self._heard:
                self._recognise(row, now_ms)
            if row >= 0:
                self.row = row
                self.at_ms = now_ms - frame.age_ms
                return True
            self.unknown += 1
        return False

    def _recognise(self, row: int, now_ms: int) -> None:
        frame = self.frame
        self._received += 1
        if row < 0 or not codec.is_protected(row):
            return
        if codec.check(row, frame.data, frame.length) != codec.RIGHT:
            return
        self._heard = True
        if not self.joined:
            self._join(now_ms)

    # --- sending ---

    def speaks(self) -> bool:
        return self.joined and not self._back_off.is_off

    def is_off(self) -> bool:
        """In bus-off, or silent after many of them."""
        return self._back_off.is_off

    def send(self, identifier: int, data: "Data") -> bool:
        """Queues a copy. False if it takes none now: not joined, bus-off, or the line is full."""
        if not self.speaks() or not self.queue.put(identifier, data):
            return False
        self.pump()
        return True

    def pump(self) -> bool:
        """Hands to the controller what it takes now."""
        if not self.queue.waiting:
            return False
        try:
            return self.queue.pump(self._can)
        except OSError:  # bus-off since the last look; tick() sees to it
            return False

    # --- once a turn ---

    def tick(self, now_ms: int) -> None:
        """Looks after the controller: joins, leaves bus-off, sends what waits."""
        self._now_ms = now_ms
        off = self._failed or self._can.state() == self._can.STATE_BUS_OFF
        was_off = self._back_off.is_off
        if self._back_off.look(off, now_ms):
            self._restart(now_ms)
        elif self._back_off.is_off:
            if not was_off:
                self.queue.clear()
        elif self.joined:
            self.pump()
        else:
            self._listen(now_ms)

    def _listen(self, now_ms: int) -> None:
        verdict = self._listening.look(self._activity(), now_ms)
        if verdict == JOIN:
            self._join(now_ms)
        elif verdict != STAY:
            self._open(now_ms)

    def _activity(self) -> int:
        # Whatever the controller noticed: frames, remote ones too, and errors, which is what a bus
        # of another bit rate looks like.
        ring = self.frame
        counters = self._can.get_counters(self._list)
        errors = (counters[1] or 0) + (counters[2] or 0) + (counters[7] or 0)
        return (self._received + ring.remotes + ring.extended + ring.overflows << 4) + errors

    def _join(self, now_ms: int) -> None:
        self.joined = True
        self.joins += 1
        self._open(now_ms)

    def _restart(self, now_ms: int) -> None:
        self._back_off.restarted(now_ms)
        if not self.joined:
            self._listening.skip()  # as errors are elsewhere: not this bit rate, perhaps
            self._open(now_ms)
        elif self._failed:
            self._open(now_ms)
        elif not self._heard:
            # It spoke on a bus that only seemed silent, and went off.
            self.joined = False
            self._open(now_ms)
        else:
            self._remember()
            try:
                self._can.restart()
            except OSError:  # as in _open()
                self._can.deinit()  # what it counted is remembered, and not to be counted again
                self._failed = True
                self.failures += 1

    def _open(self, now_ms: int) -> None:
        """Starts the controller anew, which is what a change of mode or bit rate takes."""
        can = self._can
        self._remember()
        bitrate = self._bitrates[self._listening.index]
        try:
            can.deinit()
            can.init(bitrate, mode=can.MODE_NORMAL if self.joined else can.MODE_SILENT)
            can.set_filters(self._filters() if self.joined else None)
            self._fill(can)  # its first use of the list may allocate: not in the interrupt
            can.irq(self._fill, can.IRQ_RX, True)
            self._failed = False
        except OSError:  # no answer from the chip: tried again as after a bus-off
            self._failed = True
            self.failures += 1
        self._listening.begin(now_ms)

    def _filters(self) -> "list[tuple[int, int, int]]":
        channels = [codec.identifier_of(MESSAGES.row(name)) for name in _CHANNELS]
        return cover(tuple(self._signals.identifiers() + channels), self._can.FILTERS_MAX)

    # --- counters ---

    def _remember(self) -> None:
        """Before the controller forgets what it counted."""
        if self._can.state() == self._can.STATE_STOPPED:
            return
        counters = self._can.get_counters(self._list)
        for i in range(3):
            self._past[i] += counters[(2, 3, 7)[i]] or 0

    def counters(self) -> "tuple[int, ...]":
        """Since the start, in the order of COUNTERS; the first two are what they are now."""
        now = self._list
        if self._can.state() == self._can.STATE_STOPPED:
            now = [0] * 8
        else:
            self._can.get_counters(now)
        ring = self.frame
        signals = self._signals
        queue = self.queue
        return (
            now[0] or 0,
            now[1] or 0,
            self._past[0] + (now[2] or 0),
            self._past[1] + (now[3] or 0),
            self._back_off.bus_offs,
            self._past[2] + (now[7] or 0),
            ring.overflows,
            self._back_off.silences,
            self.joins,
            self.failures,
            ring.remotes,
            ring.extended,
            self.unknown,
            signals.wrong_length,
            signals.wrong_crc,
            signals.wrong_range,
            signals.repeated,
            signals.skipped,
            signals.too_fast,
            queue.replaced,
            queue.refused,
            queue.dropped,
        )

    def _now(self) -> int:
        return self._now_ms


def _cyclic() -> "tuple[int, ...]":
    # The table is in the order of identifiers, and the lowest is the most urgent.
    found = []
    for name in MESSAGES:
        row = MESSAGES.row(name)
        if name.startswith(_OURS) and codec.cycle_ms(row):
            found.append(codec.identifier_of(row))
    return tuple(found)
