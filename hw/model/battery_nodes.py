"""The battery management and the charger. The contactor stays closed: a lock never opens it.

Two packs in parallel are one node: the first one's management speaks for both.
"""

from collections.abc import Mapping

from hw.can.database import VehicleBus
from hw.model.motor_controller import clamp
from hw.model.nodes import Clock, Node
from hw.model.packs import open_circuit_v
from hw.model.physics import AMBIENT_C, State
from hw.vehicle_schema import Pack
from hw.virtual_bus import VirtualBus

CELL_SPREAD_MV = 6
WARMING_C_PER_A = 0.05
EMPTY_FAULT = 1  # BMS_Temp.FaultCode
CHARGE_RATE_PER_H = 0.5  # of the capacity


class BatteryManagement(Node):
    name = "BMS"
    messages = ("BMS_Pack", "BMS_Cells", "BMS_Temp")

    def __init__(
        self,
        bus: VirtualBus,
        database: VehicleBus,
        clock: Clock,
        boot: int,
        packs: tuple[Pack, ...],
    ) -> None:
        super().__init__(bus, database, clock, boot)
        self._packs = packs
        self.state = State()

    def values(self, message: str) -> Mapping[str, int]:
        state = self.state
        empty = state.soc <= 0
        if message == "BMS_Cells":
            return self._cells()
        if message == "BMS_Temp":
            warm_c = clamp(AMBIENT_C + abs(state.pack_a) * WARMING_C_PER_A, -40, 127)
            fault = EMPTY_FAULT if empty else 0
            return {"TempMin_C": round(AMBIENT_C), "TempMax_C": warm_c, "FaultCode": fault}
        return {
            "Voltage_mV": clamp(state.pack_v * 1000, 0, 131071),
            "Current_dA": clamp(state.pack_a * 10, -4096, 4095),
            "Soc_permille": clamp(state.soc * 1000, 0, 1000),
            "ContactorClosed": 1,
            "Fault": int(empty),
        }

    def _cells(self) -> Mapping[str, int]:
        """The last cell of each pack is its lowest, the first its highest. Cells count on from
        pack to pack: 31 of the first are 0 to 30, those of the second begin with 31.
        """
        cells = self._packs[0].cells
        mean_mv = self.state.pack_v * 1000 / cells
        lowest, highest = self._by_charge()
        return {
            "CellMin_mV": clamp(mean_mv - CELL_SPREAD_MV, 0, 8191),
            "CellMax_mV": clamp(mean_mv + CELL_SPREAD_MV, 0, 8191),
            "CellMinIndex": lowest * cells + cells - 1,
            "CellMaxIndex": highest * cells,
        }

    def _by_charge(self) -> tuple[int, int]:
        """The pack with the lowest and the one with the highest open-circuit voltage."""
        socs = self.state.pack_socs or (self.state.soc,) * len(self._packs)
        volts = [open_circuit_v(pack, soc) for pack, soc in zip(self._packs, socs, strict=True)]
        return volts.index(min(volts)), volts.index(max(volts))


class Charger(Node):
    """Somebody plugs it in when a locked vehicle is nearly empty, and out when it is full."""

    name = "CHG"
    messages = ("CHG_Status",)

    def __init__(
        self,
        bus: VirtualBus,
        database: VehicleBus,
        clock: Clock,
        boot: int,
        packs: tuple[Pack, ...],
    ) -> None:
        super().__init__(bus, database, clock, boot)
        self._current_a = sum(pack.capacity_ah for pack in packs) * CHARGE_RATE_PER_H
        self.state = State()
        self.plugged = False

    def decide(self, parked: bool, charge_below: float, charge_to: float) -> None:
        """Plugs in and out, by the state of charge (0 to 1) and whether the vehicle is parked."""
        soc = self.state.soc
        self.plugged = parked and (soc < charge_below or (self.plugged and soc < charge_to))

    @property
    def charge_a(self) -> float:
        return self._current_a if self.plugged else 0.0

    def values(self, message: str) -> Mapping[str, int]:
        return {
            "Plugged": int(self.plugged),
            "Charging": int(self.plugged),
            "Voltage_mV": clamp(self.state.pack_v * 1000, 0, 131071) if self.plugged else 0,
            "Current_dA": clamp(self.charge_a * 10, -4096, 4095),
        }
