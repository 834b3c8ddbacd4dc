"""Faults of the nodes as the bus shows them: recorded when they appear and when they clear."""

from protocol import record
from protocol.can_table import MESSAGES

CHECK_MS = 1_000
CLEAR_MS = 5_000  # a fault that comes and goes is one fault
MOST = 16

# Above what a node can report of itself.
SILENT = 0x1_0000  # its heartbeat stopped
BUS_OFF = 0x1_0001
FLASH = 0x1_0002  # the journal cannot be written

VCU = 1
_HEARTBEATS = tuple(
    (MESSAGES[name][0] - 0x700, name)
    for name in (
        "MC_Heartbeat",
        "BMS_Heartbeat",
        "CHG_Heartbeat",
        "HMI_Heartbeat",
        "GNSS_Heartbeat",
        "GW_Heartbeat",
    )
)
_REPORTS = ((2, "MC_Status2"), (3, "BMS_Temp"))


class Faults:
    """Which faults are present, each with the time when it was last seen."""

    def __init__(self, outbox):
        self._outbox = outbox
        self._seen = {}
        self._next_ms = CHECK_MS

    def tick(self, signals, bus, now_ms: int) -> None:
        if now_ms < self._next_ms:
            return
        self._next_ms = now_ms + CHECK_MS
        for node, name in _HEARTBEATS:
            # A node that was never heard is not fitted.
            silent = signals.heard(name) and signals.fresh(name, now_ms) is None
            self.see(node, SILENT, silent, now_ms)
        for node, name in _REPORTS:
            self._reported(node, signals.fresh(name, now_ms), now_ms)
        self.see(VCU, BUS_OFF, bus.is_off(), now_ms)
        self.see(VCU, FLASH, self._outbox.journal_failed, now_ms)

    def _reported(self, node: int, values: dict | None, now_ms: int) -> None:
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
        if present:
            if seen_ms is None and (
                len(self._seen) >= MOST or not self._record(name, True, now_ms)
            ):
                return
            self._seen[name] = now_ms
        elif (
            seen_ms is not None
            and now_ms - seen_ms >= CLEAR_MS
            and self._record(name, False, now_ms)
        ):
            del self._seen[name]

    def _record(self, name: tuple, present: bool, now_ms: int) -> bool:
        return self._outbox.record(record.FAULT, {0: name[0], 1: name[1], 2: present}, now_ms)
