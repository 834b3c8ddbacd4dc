"""Cyclic frames at absolute deadlines: a late turn does not shift the ones after it."""

from protocol import can
from protocol.can_table import MESSAGES


class Cycle:
    """One message of the table: when it is due, and its alive counter."""

    def __init__(self, name: str, now_ms: int):
        self.name = name
        self.identifier = MESSAGES[name][0]
        self.period_ms = MESSAGES[name][2]
        self.due_ms = now_ms + self.period_ms
        self.missed = 0
        self._alive = 0

    def advance(self, now_ms: int) -> bool:
        """True once for each deadline that has come; missed ones are counted, not made up for."""
        if now_ms < self.due_ms:
            return False
        late = (now_ms - self.due_ms) // self.period_ms
        self.missed += late
        self.due_ms += (late + 1) * self.period_ms
        return True

    def frame(self, signals: dict) -> bytes:
        """The frame's data, with the alive counter and the CRC."""
        return can.encode(self.name, signals, self._alive)

    def sent(self) -> None:
        """The bus took it. A frame that it did not take leaves no gap in the counter."""
        self._alive = (self._alive + 1) & 15
