"""The bench with the panel: the vehicle's keys and screens, and who types on it.

For both interpreters.
"""

import vcu_bench as plain

from protocol import can
from protocol.panel import CLEAR, ENTER


class PanelBench(plain.Bench):
    """`panels` are the VCU_Panel signals as they changed: (ms, signals)."""

    def __init__(self, folder, **options):
        self.panels = []
        self._presses = 0
        super().__init__(folder, **options)
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
