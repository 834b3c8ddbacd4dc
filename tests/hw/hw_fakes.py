"""A VCU that only says what a test tells it to say, and a wait for a condition."""

import time
from collections.abc import Callable

from hw.can.database import vehicle_bus
from hw.virtual_bus import VirtualBus

LOCKED, READY, DRIVE, LOCK_PENDING = range(4)


def wait_until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Returns as soon as the condition holds; fails the test when it never does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)


class ScriptedVcu:
    """Sends VCU_Drive and VCU_Lock at their cycles; the lock follows the DBC's state numbers."""

    def __init__(self, bus: VirtualBus) -> None:
        self.state = LOCKED
        self.enable = 0
        self.speed_cap_mmps = 6000
        self.silent = False
        self.frozen = False
        self.inputs: list[dict[str, int]] = []
        self.speeds: list[int] = []
        self._alive = 0
        self._port = bus.attach(self._receive, {0x410, 0x110})
        bus.every(0.02, self._tick)

    def _receive(self, identifier: int, data: bytes) -> None:
        name, values = vehicle_bus().decode(identifier, data)
        if name == "HMI_Inputs":
            self.inputs.append(values)
        else:
            self.speeds.append(values["Speed_mmps"])

    def _tick(self, now_s: float) -> None:
        if self.silent:
            return
        self._alive += not self.frozen
        drive = {"Enable": self.enable, "Mode": 2, "Direction": 1, "TorqueCap_pct": 100}
        drive |= {"SpeedCap_mmps": self.speed_cap_mmps, "Reason": 0, "Warning": 0}
        self._port.send(0x50, vehicle_bus().encode("VCU_Drive", drive, self._alive))
        if self._alive % 5 == 0 and not self.frozen:
            lock = {"Locked": int(self.state == LOCKED), "Pending": int(self.state == LOCK_PENDING)}
            lock |= {"State": self.state, "Reason": 0, "Refusal": 0}
            self._port.send(0xA0, vehicle_bus().encode("VCU_Lock", lock, self._alive // 5))
