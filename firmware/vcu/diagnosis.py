"""The door to the diagnosis of the workshop (UDS, ISO 14229): closed until a command opens it.

This much stays in memory. What is behind it (vcu/uds/) is loaded a module at a time, between two
frames, by the first fault or the first request.
"""

from protocol.can_table import MESSAGES

BROADCAST = MESSAGES["UDS_Broadcast"][0]
REQUEST = MESSAGES["UDS_Request"][0]
OPEN_MS = 900_000
RETRY_MS = 60_000  # where there was no memory for it
_MOST_WAITING = 16

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Diagnosis:
    """`vehicle` is the Vcu; `desk` is None until somebody needs it."""

    def __init__(self, vehicle: "Any") -> None:
        self._vehicle = vehicle
        self._open_until_ms = 0  # nothing is kept over a restart
        self._retry_ms = 0
        # Faults (node, code) and frames (identifier, data) that came before the desk was there.
        self.waiting: "list[Any]" = []
        self.desk: "Any" = None

    def open(self, now_ms: int) -> None:
        """An authorized DIAGNOSE."""
        self._open_until_ms = now_ms + OPEN_MS

    def left_ms(self, now_ms: int) -> int:
        """How long it is open."""
        return max(0, self._open_until_ms - now_ms)

    def wakes(self, now_ms: int) -> bool:
        """Only who was let in keeps a vehicle awake."""
        return self.left_ms(now_ms) > 0 and self.desk is not None and self.desk.in_session()

    def came(self, what: int, which: "Any", now_ms: int = 0) -> None:
        """A fault, which gets its freeze frame when there is time, or a tester's frame."""
        try:
            if self.desk is not None:
                self.desk.came(what, which, now_ms)
            elif len(self.waiting) < _MOST_WAITING:
                self.waiting.append((what, which))
        except MemoryError:  # a message that finds no room is lost like a frame
            pass

    def has_work(self, now_ms: int) -> bool:
        if self.desk is None:
            return bool(self.waiting) and now_ms >= self._retry_ms
        work: bool = self.desk.has_work(now_ms)
        return work

    def work(self, now_ms: int) -> None:
        """One piece: a module, a request, a freeze frame, a write."""
        try:
            if self.desk is None:
                from vcu.uds.desk import Desk

                self.desk = Desk(self._vehicle, self)
            else:
                self.desk.work(now_ms)
        except MemoryError:
            self._retry_ms = now_ms + RETRY_MS
            self.waiting = []
            if self.desk is not None:
                self.desk.give_up(self._retry_ms)
