"""Faults of the nodes as the bus shows them, and of this board: recorded when they come and go.

Codes up to 0xFFFF are what a node reports of itself; those above are ours (protocol/fault.py).
"""

from protocol import record
from protocol.can_table import MESSAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from vcu.can.port import Port
    from vcu.can.signals import Signals
    from vcu.flash.records import Outbox

CHECK_MS = 1_000
CLEAR_MS = 5_000  # a fault that comes and goes is one fault
MOST = 16
WAKE_MS = 5_000  # after a rest, in which the nodes were asleep

SILENT = 0x1_0000  # its heartbeat stopped
BUS_OFF = 0x1_0001
FLASH = 0x1_0002  # the journal cannot be written
# What vcu/crosscheck.py flags, in the order of its bits.
GNSS_SPOOFED = 0x1_0010
WHEELS_ON_STAND = 0x1_0011
GNSS_LEAP = 0x1_0012
CLOCK_JUMP = 0x1_0013
ODOMETER_DRIFT = 0x1_0014
FLAGGED = (GNSS_SPOOFED, WHEELS_ON_STAND, GNSS_LEAP, CLOCK_JUMP, ODOMETER_DRIFT)

VCU = 1
_NODES = tuple(
    [
        (MESSAGES[name][0] - 0x700, name)
        for name in (
            "MC_Heartbeat",
            "BMS_Heartbeat",
            "CHG_Heartbeat",
            "HMI_Heartbeat",
            "GNSS_Heartbeat",
            "GW_Heartbeat",
        )
    ]
)
_REPORTS = ((2, "MC_Status2"), (3, "BMS_Temp"))


class Faults:
    """Which faults are present, each with the time when it was last seen."""

    def __init__(self, outbox: "Outbox", came: "Callable[[int, int], None] | None" = None) -> None:
        self._outbox = outbox
        self._came = came  # told of each that comes: node, code
        self._seen: dict[tuple[int, int], int] = {}
        self._next_ms = CHECK_MS
        self._appeared = False
        self._asleep_until_ms = 0
        self.untold = 0  # looks at which a change found no room

    def tick(
        self, signals: "Signals", bus: "Port", now_ms: int, flags: int = 0, rest: bool = False
    ) -> bool:
        """Look, once a second. `flags` is from vcu/crosscheck.py; at `rest`, nodes are silent
        because they sleep. True if a fault has come."""
        if now_ms < self._next_ms:
            return False
        self._next_ms = now_ms + CHECK_MS
        self._appeared = False
        if rest:
            self._asleep_until_ms = now_ms + WAKE_MS
        for node, name in _NODES:
            # A node that was never heard is not fitted.
            silent = signals.heard(name) and signals.fresh(name, now_ms) is None
            if not silent or now_ms >= self._asleep_until_ms:
                self.see(node, SILENT, silent, now_ms)
        for node, name in _REPORTS:
            self._reported(node, signals.fresh(name, now_ms), now_ms)
        self.see(VCU, BUS_OFF, bus.is_off(), now_ms)
        self.see(VCU, FLASH, self._outbox.journal_failed, now_ms)
        for bit in range(len(FLAGGED)):
            self.see(VCU, FLAGGED[bit], bool(flags >> bit & 1), now_ms)
        return self._appeared

    def count(self) -> int:
        """How many are present."""
        return len(self._seen)

    def names(self) -> list[tuple[int, int]]:
        """Node and code of those that are present."""
        return list(self._seen)

    def _reported(self, node: int, values: dict[str, int] | None, now_ms: int) -> None:
        if values is None:
            return
        code = values["FaultCode"]
        if code:
            self.see(node, code, True, now_ms)
        for seen_node, seen_code in list(self._seen):
            if seen_node == node and seen_code < SILENT and seen_code != code:
                self.see(node, seen_code, False, now_ms)

    def see(self, node: int, code: int, present: bool, now_ms: int) -> None:
        """Record a change. What finds no room in the outbox is tried again at the next look."""
        name = (node, code)
        seen_ms = self._seen.get(name)
        if present and seen_ms is None:
            self._come(name, now_ms)
        elif present:
            self._seen[name] = now_ms
        elif seen_ms is not None and now_ms - seen_ms >= CLEAR_MS:
            self._go(name, now_ms)

    def _come(self, name: tuple[int, int], now_ms: int) -> None:
        if len(self._seen) < MOST and self._record(name, True, now_ms):
            self._seen[name] = now_ms
            self._appeared = True
            if self._came:
                self._came(name[0], name[1])
        else:
            self.untold += 1

    def _go(self, name: tuple[int, int], now_ms: int) -> None:
        if self._record(name, False, now_ms):
            del self._seen[name]
        else:
            self.untold += 1

    def _record(self, name: tuple[int, int], present: bool, now_ms: int) -> bool:
        return self._outbox.record(record.FAULT, {0: name[0], 1: name[1], 2: present}, now_ms)
