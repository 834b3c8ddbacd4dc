"""The dash (HMI): shows the lock to the rider, and puts what he does on the bus."""

from collections.abc import Mapping

from hw.can.database import VehicleBus
from hw.model.motor_controller import clamp
from hw.model.nodes import Clock, Node
from hw.model.rider import PARKED, LockState
from hw.virtual_bus import VirtualBus

LOCK_STATES: tuple[LockState, ...] = ("LOCKED", "READY", "DRIVE", "LOCK_PENDING")
GEARS = {"NEUTRAL": 0, "FORWARD": 1, "REVERSE": 2}


class Dash(Node):
    name = "HMI"
    messages = ("HMI_Inputs",)
    listens = ("VCU_Lock", "VCU_Drive")

    def __init__(self, bus: VirtualBus, database: VehicleBus, clock: Clock, boot: int) -> None:
        super().__init__(bus, database, clock, boot)
        self.controls = PARKED

    @property
    def lock(self) -> LockState | None:
        """The state that VCU_Lock shows, None while it is not heard."""
        shown = self.heard("VCU_Lock")
        return LOCK_STATES[shown["State"]] if shown else None

    @property
    def drive_enabled(self) -> bool:
        command = self.heard("VCU_Drive")
        return command is not None and bool(command["Enable"])

    @property
    def speed_cap_mps(self) -> float:
        command = self.heard("VCU_Drive")
        return command["SpeedCap_mmps"] / 1000 if command else 0.0

    def values(self, message: str) -> Mapping[str, int]:
        controls = self.controls
        return {
            "Key": int(controls.key),
            "Brake": int(controls.brake > 0),
            "Gear": GEARS[controls.gear],
            "Horn": 0,
            "Lights": int(controls.key),
            "SteeringAngle_cdeg": clamp(controls.steering_deg * 100, -9000, 9000),
            "Throttle_permille": clamp(controls.throttle * 1000, 0, 1000),
        }
