"""How the controller itself does, as a record: memory, lateness, bus errors, flash, restarts.

Every ten minutes in use, hourly parked, and when something went wrong: a counter rose. Without a
gateway a counter waits its time: nobody would hear of it, and its absence alone makes some rise.
"""

import gc

from protocol import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vcu.flash.records import Outbox

USED_MS = 600_000
PARKED_MS = 3_600_000
FIRST_MS = 60_000  # after the start: what a boot cost
GAP_MS = 60_000  # between two records, however many counters rise
LOOK_MS = 1_000

# Keys of the body are those of protocol/bodies.py; here only what this file itself knows.
_UPTIME_S = 0
_HEAP_FREE = 1
# A rise of one of these is an event: missed cycles; CAN warnings, overruns, ring overflows and
# bus-offs; bad CRC, wrong length, repeated, skipped, too fast; the five of ISO-TP; thinned and
# damaged journal; refusals and faults that found no room; crashes. The others go up and down, or
# rise in ordinary use.
COUNTERS = bytes((2, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 25, 26))

# Of each number that the bus counts (vcu/can/port.py, COUNTERS) the key that it adds to; 0: none.
_BUS_KEYS = bytes((4, 5, 6, 6, 9, 7, 8, 0, 0, 0, 0, 0, 0, 12, 11, 11, 13, 14, 15, 0, 10, 10))


class Health:
    """Gathers numbers from the other parts, by their names.

    `bus` has counters(). `sources` is flat: key, object, attribute (or method), and so on. What an
    object does not have, or has as None, is not known and left out; of a key that comes twice the
    sum counts.
    """

    def __init__(self, outbox: "Outbox", bus: "Any", sources: "tuple[Any, ...]") -> None:
        self._outbox = outbox
        self._bus = bus
        self._sources = sources
        self._told: dict[int, int] = {}
        self._told_ms = FIRST_MS - PARKED_MS
        self._look_ms = FIRST_MS

    def add(self, key: int, source: object, name: str) -> None:
        """One more, of a part that is made later."""
        self._sources += (key, source, name)

    def tick(self, now_ms: int, used: bool) -> None:
        if now_ms < self._look_ms:
            return
        self._look_ms = now_ms + LOOK_MS
        elapsed_ms = now_ms - self._told_ms
        if elapsed_ms < GAP_MS:
            return
        body = self.body(now_ms)
        is_due = elapsed_ms >= (USED_MS if used else PARKED_MS)
        if is_due or (self._has_risen(body) and not self._outbox.is_away(now_ms)):
            if hasattr(gc, "mem_free"):  # not on CPython; it walks the whole heap
                body[_HEAP_FREE] = gc.mem_free()
            if self._outbox.record(record.HEALTH, body, now_ms):
                self._told = body
            # With no room for it the next one waits its time, too: it says the same and more.
            self._told_ms = now_ms

    def body(self, now_ms: int) -> dict[int, int]:
        """The record's body but for the free memory: what is known."""
        body = {_UPTIME_S: now_ms // 1000}
        sources = self._sources
        for place in range(0, len(sources), 3):
            key: int = sources[place]
            value = getattr(sources[place + 1], sources[place + 2], None)
            if callable(value):
                value = value()
            if value is not None:
                body[key] = body.get(key, 0) + value
        self._add_bus(body)
        return body

    def _add_bus(self, body: dict[int, int]) -> None:
        counts = self._bus.counters()
        for place in range(len(counts)):
            key = _BUS_KEYS[place]
            if key:
                body[key] = body.get(key, 0) + counts[place]

    def _has_risen(self, body: dict[int, int]) -> bool:
        return any(body.get(key, 0) > self._told.get(key, 0) for key in COUNTERS)
