"""What the other nodes last said, decoded by the table, and whether it is still fresh.

A frame counts only with a right CRC and an alive counter that moved: a node that repeats itself
goes stale.
"""

from protocol import can
from protocol.can_table import MESSAGES
from protocol.errors import DecodeError

RECEIVED = (
    "MC_Status1",
    "MC_Status2",
    "BMS_Pack",
    "BMS_Temp",
    "CHG_Status",
    "HMI_Inputs",
    "HMI_Keys",
    "GNSS_Position",
    "GNSS_Status",
    "MC_Heartbeat",
    "BMS_Heartbeat",
    "CHG_Heartbeat",
    "HMI_Heartbeat",
    "GNSS_Heartbeat",
    "GW_Heartbeat",
)


class Signals:
    """The latest value of each received message. Times are uptime in milliseconds."""

    def __init__(self):
        self._known = {MESSAGES[name][0]: name for name in RECEIVED}
        self._values = {}
        self._at_ms = {}
        self._alive = {}
        self.bad = 0
        self.repeated = 0
        self.skipped = 0

    def take(self, identifier: int, data: bytes, now_ms: int) -> str | None:
        """The message's name if the frame was good and new, else None."""
        name = self._known.get(identifier)
        if name is None:
            return None
        try:
            _, values, alive = can.decode(identifier, data)
        except DecodeError:
            self.bad += 1
            return None
        if MESSAGES[name][4] is not None and not self._moved(name, alive):
            return None
        self._values[name] = values
        self._at_ms[name] = now_ms
        return name

    def _moved(self, name: str, alive: int) -> bool:
        last = self._alive.get(name)
        self._alive[name] = alive
        if alive == last:
            self.repeated += 1
            return False
        if last is not None and alive != (last + 1) & 15:
            self.skipped += 1
        return True

    def fresh(self, name: str, now_ms: int) -> dict | None:
        """The signals, or None once they are as old as the receiver's timeout in the table."""
        at_ms = self._at_ms.get(name)
        if at_ms is None or now_ms - at_ms >= MESSAGES[name][3]:
            return None
        return self._values[name]

    def heard(self, name: str) -> bool:
        """Was it ever received?"""
        return name in self._at_ms
