"""The motor controller: torque only while VCU_Drive is fresh and enables it, within its caps."""

from collections.abc import Mapping

from hw.can.database import VehicleBus
from hw.model.nodes import Clock, Node
from hw.model.physics import AMBIENT_C, State, motor_rpm
from hw.vehicle_schema import VehicleConfig
from hw.virtual_bus import VirtualBus

RAMP_PER_S = 2.5  # share of full torque; from full to nothing in 0.4 s
CAP_TAPER_MPS = 0.5  # torque fades out over the last bit below the speed cap
INVERTER_SHARE = 0.6  # of the motor's warming
FORWARD, REVERSE = 1, 2


def clamp(value: float, low: int, high: int) -> int:
    """A whole number that fits the signal."""
    return max(low, min(high, round(value)))


class MotorController(Node):
    name = "MC"
    messages = ("MC_Status1", "MC_Status2")
    listens = ("VCU_Drive", "HMI_Inputs")

    def __init__(
        self, bus: VirtualBus, database: VehicleBus, clock: Clock, boot: int, config: VehicleConfig
    ) -> None:
        super().__init__(bus, database, clock, boot)
        self._config = config
        self.state = State()
        self.drive = 0.0

    @property
    def enabled(self) -> bool:
        """Whether the VCU lets it make torque now."""
        command = self.heard("VCU_Drive")
        return command is not None and bool(command["Enable"])

    def control(self, dt_s: float) -> float:
        """The share of the torque that it makes now, -1 to 1; it changes by the ramp at most."""
        change = RAMP_PER_S * dt_s
        self.drive += max(-change, min(change, self._wanted() - self.drive))
        return self.drive

    def _wanted(self) -> float:
        command, inputs = self.heard("VCU_Drive"), self.heard("HMI_Inputs")
        if command is None or not command["Enable"] or inputs is None or inputs["Brake"]:
            return 0.0
        share = min(inputs["Throttle_permille"] / 1000, command["TorqueCap_pct"] / 100)
        cap_mps = min(command["SpeedCap_mmps"] / 1000, self._config.limits.top_speed_mps)
        below_mps = cap_mps - abs(self.state.speed_mps)
        share *= max(0.0, min(1.0, below_mps / CAP_TAPER_MPS))
        return {FORWARD: share, REVERSE: -share}.get(command["Direction"], 0.0)

    def values(self, message: str) -> Mapping[str, int]:
        if message == "MC_Status2":
            return self._temperatures()
        return {
            "Speed_mmps": clamp(self.state.speed_mps * 1000, -32768, 32767),
            "Motor_rpm": clamp(motor_rpm(self._config, self.state.speed_mps), -8192, 8191),
            "Current_dA": clamp(max(0.0, self.state.pack_a) * 10, -2048, 2047),
            "Enabled": int(self.enabled),
            "Fault": 0,
        }

    def _temperatures(self) -> Mapping[str, int]:
        warming = self.state.motor_temp_c - AMBIENT_C
        return {
            "MotorTemp_C": clamp(self.state.motor_temp_c, -40, 127),
            "InverterTemp_C": clamp(AMBIENT_C + warming * INVERTER_SHARE, -40, 127),
            "FaultCode": 0,
        }
