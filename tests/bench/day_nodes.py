"""The vehicle's other nodes, for the bench, and the road that it takes.

At rest the nodes send as seldom as their receivers allow, and all together: it spares the bench an
hour, and the vehicle nothing that takes memory.
"""

from __future__ import annotations

from protocol import can
from protocol.can_table import MESSAGES

GRID_MS = 20
REST_GRID_MS = 100
LEG_MS = 120_000
CRUISE_MMPS = 6_000
MM_PER_LATITUDE_E7 = 11.132

SIGNALS: dict[str, dict[str, int] | None] = {
    "MC_Status1": {"Speed_mmps": 0},
    "MC_Status2": {"MotorTemp_C": 31, "InverterTemp_C": 30},
    "BMS_Pack": {"Voltage_mV": 52_000, "Soc_permille": 990},
    "BMS_Cells": {"CellMin_mV": 3_700, "CellMax_mV": 3_720},
    "BMS_Temp": {"TempMin_C": 24, "TempMax_C": 26},
    "CHG_Status": {},
    "HMI_Inputs": {},
    "HMI_Keys": {},
    "GNSS_Position": {"Latitude_e7": -349_011_000, "Longitude_e7": -561_645_000},
    "GNSS_Status": {"Fix": 3, "Satellites": 9, "Hdop_d": 9},
    "MC_Heartbeat": {"State": 2},
    "BMS_Heartbeat": {"State": 2},
    "CHG_Heartbeat": {"State": 2},
    "HMI_Heartbeat": {"State": 2},
    "GNSS_Heartbeat": {"State": 2},
    "GW_Heartbeat": None,
}


class Node:
    """A cyclic message. Frames of the same content are made once."""

    def __init__(self, name: str, signals: dict[str, int] | None) -> None:
        self.name = name
        self.identifier, _, self.cycle_ms = MESSAGES[name][:3]
        timeout_ms = can.timeout_ms(MESSAGES.row(name))
        self.rest_ms = timeout_ms * 9 // 10 // REST_GRID_MS * REST_GRID_MS
        self.signals = signals
        self._made: dict[int, bytes] = {}
        self._alive = 0

    def set(self, **changes: int) -> None:
        """Other values from now on."""
        self.signals = {**(self.signals or {}), **changes}
        self._made = {}

    def frame(self) -> bytes | None:
        """The next one; None while it is silent."""
        if self.signals is None:
            return None
        self._alive = (self._alive + 1) & 15
        if self._alive not in self._made:
            self._made[self._alive] = can.encode(self.name, self.signals, self._alive)
        return self._made[self._alive]


class Road:
    """One way north, the next one back; in legs of two minutes with a stop at the end."""

    def __init__(self) -> None:
        self.way_mm = 0
        self._direction = 1
        self._at_ms = 0
        self.speed_mmps = 0

    def turn(self) -> None:
        """The next ride goes the other way."""
        self._direction = -self._direction

    def drive(self, since_ms: int, at_ms: int, left_ms: int) -> None:
        """To the speed of this moment; `since_ms` of this ride are over, `left_ms` to come."""
        leg_ms = since_ms % LEG_MS
        wanted = 0
        if 0 <= leg_ms < LEG_MS - 20_000 and left_ms > 5_000:
            wanted = CRUISE_MMPS - 40 * (leg_ms // 10_000 % 5)
        step = max(0, at_ms - self._at_ms)
        most = step  # 1 m/s2
        self.speed_mmps += max(-2 * most, min(most, wanted - self.speed_mmps))
        self.way_mm += self._direction * self.speed_mmps * step // 1000
        self._at_ms = at_ms

    def latitude_e7(self) -> int:
        return -349_011_000 + int(self.way_mm / MM_PER_LATITUDE_E7)

    def heading_cdeg(self) -> int:
        return 0 if self._direction > 0 else 18_000
