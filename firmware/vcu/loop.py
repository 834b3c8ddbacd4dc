"""The cooperative loop: receive, send what is due, use the slack, sleep until something happens.

What takes long is done in the slack before the next deadline, a piece at a time.
"""

POLL_MS = 5
# A piece longer than this would never fit between two frames of 20 ms: it may then delay one.
MOST_NEEDED_MS = 15
COLLECT_EVERY_MS = 200
COLLECT_NEEDS_MS = 12


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


class Loop:
    """`wait(ms)` sleeps until the bus has something, `collect()` frees memory, `feed()` feeds the
    watchdog. `vcu` is the Vcu, or who stands before it."""

    def __init__(
        self,
        vcu: "Any",
        now: "Callable[[], int]",
        wait: "Callable[[int], None]",
        collect: "Callable[[], object]",
        feed: "Callable[[], None]",
    ) -> None:
        self._vcu = vcu
        self._now = now
        self._wait = wait
        self._collect = collect
        self._feed = feed
        self.piece_ms = 0
        self._collected_ms = 0

    def run(self) -> None:
        while True:
            self.turn()

    def turn(self) -> None:
        now_ms = self._now()
        self._vcu.receive(now_ms)
        self._vcu.cyclic(now_ms)
        busy = self._vcu.transmit(now_ms)
        self._vcu.housekeeping(now_ms)
        self._feed()
        slack_ms = self._vcu.next_deadline_ms() - self._now()
        if slack_ms >= COLLECT_NEEDS_MS and now_ms - self._collected_ms >= COLLECT_EVERY_MS:
            self._collected_ms = now_ms
            self._collect()
        elif self._vcu.has_work() and slack_ms >= min(self.piece_ms, MOST_NEEDED_MS):
            self._work()
            return
        if not busy and slack_ms > 0:
            self._wait(min(slack_ms, POLL_MS))

    def _work(self) -> None:
        begin_ms = self._now()
        self._vcu.work(begin_ms)
        # The dearest piece so far, forgotten slowly: one stall must not stop the work for good.
        self.piece_ms = max(self._now() - begin_ms, self.piece_ms * 15 // 16)
