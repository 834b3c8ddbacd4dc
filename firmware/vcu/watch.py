"""What the vehicle tells of itself: telemetry, faults, cross-checks, health. Drive never waits for
it; a minimal start leaves it out.
"""

from protocol import lock

from vcu.crosscheck import CrossCheck, good_fix
from vcu.faults import VCU, Faults
from vcu.health import Health
from vcu.telemetry import Telemetry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vcu.vcu import Vcu


class Watch:
    """Looks at the vehicle's parts and writes to its outbox. `odd_config`: the fault code of a
    configuration that is not the vehicle's own, 0 for none."""

    def __init__(self, vehicle: "Vcu", odd_config: int) -> None:
        self._vehicle = vehicle
        self._odd_config = odd_config
        self._check = CrossCheck()
        self._flags = 0
        self.telemetry = Telemetry(vehicle)
        self.faults = Faults(vehicle.outbox, vehicle.diagnosis.came)
        self.health = Health(vehicle.outbox, vehicle.bus, vehicle.health_sources())
        self.health.add(25, self.faults, "untold")
        self.health.add(28, self.telemetry, "supply_mv")

    def clock_set(self) -> None:
        """The wall clock was put forward by whoever may: no jump."""
        self._check.clock_set()

    def tick(self, now_ms: int) -> None:
        """Each turn of the loop; most of them find nothing due."""
        vehicle = self._vehicle
        if self._check.due(now_ms):
            self._flags = self._look(now_ms)
            if self._odd_config:
                self.faults.see(VCU, self._odd_config, True, now_ms)
        rests = vehicle.rest != 0
        if self.faults.tick(vehicle.signals, vehicle.bus, now_ms, self._flags, rests):
            self.telemetry.event()
        self.telemetry.cap_mmps = vehicle.drive.outputs.cap_mmps
        self.telemetry.warning = vehicle.drive.outputs.warning
        self.telemetry.tick(now_ms)
        self.health.tick(now_ms, vehicle.drive.lock != lock.LOCKED)

    def _look(self, now_ms: int) -> int:
        vehicle = self._vehicle
        fix = good_fix(
            vehicle.signals.fresh("GNSS_Status", now_ms),
            vehicle.signals.fresh("GNSS_Position", now_ms),
        )
        return self._check.look(
            now_ms,
            vehicle.odometer.run_mm,
            vehicle.motion.speed(now_ms),
            fix,
            vehicle.wall.time(),
        )
