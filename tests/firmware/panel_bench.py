"""The bench with the panel: the vehicle's keys and screens, and who types on it.

`PanelVcu` wires hmi.py into the vehicle; it runs on both interpreters.
"""

import bench as plain
from vcu import limits, safety
from vcu.cycle import Cycle
from vcu.drive import MAX_SPEED_MMPS, Drive
from vcu.hmi import Hmi
from vcu.vcu import Vcu

from protocol import can
from protocol.panel import CLEAR, ENTER


class ZoneDrive(Drive):
    """The drive with the limit of the zone."""

    zone_mmps = 0

    def _inputs(self, command, now_ms):
        inputs = super()._inputs(command, now_ms)
        goal = limits.goal(MAX_SPEED_MMPS, self.limits, self.zone_mmps)
        return safety.Inputs(*(inputs[:8] + goal + inputs[10:]))


class PanelVcu(Vcu):
    """The vehicle with its panel."""

    def _build(self, board, provision, journal, now_ms):
        super()._build(board, provision, journal, now_ms)
        self.drive = ZoneDrive(self.fault, self.signals, board.pins, self._lock_changed)
        self.hmi = Hmi(self, self.commands._persist, now_ms)
        self._cycles += ((Cycle("VCU_Panel", now_ms), self._panel_signals),)

    def receive(self, now_ms):
        super().receive(now_ms)
        self.hmi.tick(now_ms)

    def housekeeping(self, now_ms):
        super().housekeeping(now_ms)
        state = self.state
        self.drive.zone_mmps = limits.zone(state.zone_mmps, state.zone_until, self.wall.read())

    def has_work(self):
        return self.hmi.codes.is_checking() or super().has_work()

    def work(self, now_ms):
        # Codes come first: the back-off bounds them, so they hold nothing up for long.
        if self.hmi.codes.is_checking():
            self._now_ms = now_ms
            self.hmi.codes.step(now_ms)
        else:
            super().work(now_ms)

    def _take(self, identifier, data, now_ms):
        if identifier == 0x411:
            if self.signals.take(identifier, data, now_ms):
                self.hmi.keys(self.signals.fresh("HMI_Keys", now_ms), now_ms)
            return
        super()._take(identifier, data, now_ms)

    def _panel_signals(self, now_ms):
        return self.hmi.signals(0, now_ms)


class PanelBench(plain.Bench):
    """`panels` are the VCU_Panel signals as they changed: (ms, signals)."""

    def __init__(self, folder, **options):
        self.panels = []
        self._presses = 0
        before = plain.Vcu
        plain.Vcu = PanelVcu
        try:
            super().__init__(folder, **options)
        finally:
            plain.Vcu = before
        self.nodes["HMI_Keys"] = plain.Node("HMI_Keys", {})

    def press(self, digit):
        self._presses = (self._presses + 1) & 0xFF
        self.nodes["HMI_Keys"].signals = {"Presses": self._presses, "Digit": digit}
        self.run(100)

    def type(self, code, enter=True):
        for digit in code:
            self.press(int(digit))
        if enter:
            self.press(ENTER)

    def clear(self):
        self.press(CLEAR)

    def egress(self, pressed):
        signals = dict(self.nodes["HMI_Keys"].signals or {})
        signals["Egress"] = int(pressed)
        self.nodes["HMI_Keys"].signals = signals

    def settle(self, most_ms=30_000):
        """Until no code is being checked; then what came of it is on the bus."""
        end_ms = self.now_ms + most_ms
        while self.vcu.hmi.codes.is_checking():
            if self.now_ms > end_ms:
                raise AssertionError("a code is checked for ever")
            self.turn()
        self.run(450)  # a frame of the panel may be crowded out by those with lower numbers

    def screen(self):
        return self.panels[-1][1]["Screen"]

    def _sent(self, identifier, data):
        super()._sent(identifier, data)
        if identifier == 0xB0:
            signals = can.decode(identifier, data)[1]
            if not self.panels or self.panels[-1][1] != signals:
                self.panels.append((self.now_ms, signals))
