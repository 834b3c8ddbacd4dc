"""Feeds the safety kernel: with what the bus says every 20 ms, and with each authorized command.

What the kernel answers stands in VCU_Drive and VCU_Lock, on the board's pins and in LOCK records.
"""

from protocol import lock

from vcu import degrade, limits, safety, tipover
from vcu.errors import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from protocol.vehicle import Vehicle

    from vcu.can.signals import Signals

_DASH = ("Key", "Brake", "Gear", "Horn", "Lights", "SteeringAngle_cdeg")
WARN_MS = 500  # or the warning before a wheel lifts would flicker
_FAULTS = degrade.LIMP | degrade.NO_START
# Beside the effects of silent nodes: a node says itself that it is ill.
_REPORTED = 0x100


class Drive:
    """`pins(outputs, bolt)` is called with every answer of the kernel, and after each change of the
    lock on the wire `changed(state, previous, reason)`. `zone_mmps` is the zone's limit now, 0 for
    none."""

    def __init__(
        self,
        fault: int,
        vehicle: "Vehicle",
        signals: "Signals",
        pins: "Callable[[safety.Outputs, bool], None]",
        changed: "Callable[[int, int, int], None]",
    ) -> None:
        self._fault = fault
        self._vehicle = vehicle
        self._guard = tipover.Guard(vehicle)
        self._signals = signals
        self._pins = pins
        self._changed = changed
        self._name_signals(signals)
        self._state = safety.start(fault)
        self._at_ms = 0
        self._news = False
        self._accel_mmps2 = 0
        self._speed_mmps = 0
        self._speed_at_ms = 0
        self._warn_until_ms = 0
        self.nodes = 0  # the bits of degrade.py
        self.zone_mmps = 0
        self.limits: dict[int, int] = {}
        self.lock = lock.LOCKED
        self._bolt = False
        self.outputs = self._ask(None, 0)

    def _name_signals(self, signals: "Signals") -> None:
        # Looked up once: in the cycle there is no time for names.
        self._motor = signals.slot("MC_Status1")
        self._pack = signals.slot("BMS_Pack")
        self._dash = signals.slot("HMI_Inputs")
        self._speed = signals.handle("MC_Status1", "Speed_mmps")
        self._rpm = signals.handle("MC_Status1", "Motor_rpm")
        self._motor_ill = signals.handle("MC_Status1", "Fault")
        self._pack_ill = signals.handle("BMS_Pack", "Fault")
        self._inputs = tuple([signals.handle("HMI_Inputs", name) for name in _DASH])

    def saw_dash(self) -> None:
        """A new frame of HMI_Inputs came: only what the rider does after an unlock counts."""
        self._news = True

    def saw_speed(self, speed_mmps: int, at_ms: int) -> None:
        """A new speed came: what the vehicle gains or loses moves its weight."""
        elapsed_ms = at_ms - self._speed_at_ms
        if elapsed_ms >= safety.STALE_MS:
            self._accel_mmps2 = 0  # nobody knows what was in between
        else:
            self._accel_mmps2 = tipover.follow(
                self._accel_mmps2, self._speed_mmps, speed_mmps, elapsed_ms
            )
        self._speed_mmps = speed_mmps
        self._speed_at_ms = at_ms

    def is_still(self) -> bool:
        """Was the standstill confirmed at the last step?"""
        return self._state.still_ms >= safety.STILL_MS

    def is_parked(self) -> bool:
        """Locked, and confirmed to stand."""
        return self.lock == lock.LOCKED and self.is_still()

    def step(self, now_ms: int) -> None:
        """What happens by itself; once a cycle of VCU_Drive."""
        self._take(self._ask(None, now_ms))

    def resume(self, session: "dict[int, int]", now_ms: int) -> None:
        """A session that a reset interrupted goes on. Raises StateError."""
        self.limits = session  # before: they hold from the first frame on
        self._command(safety.RESUME, now_ms)

    def unlock(self, session: "dict[int, int]", now_ms: int) -> None:
        """An authorized unlock; `session` are the grant's limits. Raises StateError where the
        kernel's table has no line for it."""
        self._command(safety.UNLOCK, now_ms)
        self.limits = session

    def end(self, now_ms: int) -> bool:
        """An authorized lock: true if it took effect, false if it waits for the standstill."""
        self._command(safety.LOCK_STILL, now_ms)
        return self.lock == lock.LOCKED

    def lock_values(self, refusal: int, values: "list[int | bytes]") -> None:
        """The content of VCU_Lock in the table's order."""
        values[0] = int(self.lock == lock.LOCKED)
        values[1] = int(self.lock == lock.LOCK_PENDING)
        values[2] = self.lock
        values[3] = self.outputs.lock_reason
        values[4] = refusal

    def _command(self, command: int, now_ms: int) -> None:
        outputs = self._ask(command, now_ms)
        self._take(outputs)
        if outputs.refused:
            raise StateError

    def _ask(self, command: int | None, now_ms: int) -> safety.Outputs:
        inputs = self._inputs_now(command, now_ms)
        self._state, outputs = safety.step(self._state, inputs, max(0, now_ms - self._at_ms))
        self._at_ms = now_ms
        self._news = False
        return outputs

    def _take(self, outputs: safety.Outputs) -> None:
        self.outputs = outputs
        # A start finds a vehicle that rolls, perhaps: the bolt goes in where the standstill was
        # confirmed, and stays in while it is locked.
        self._bolt = outputs.lock == lock.LOCKED and (self._bolt or self.is_still())
        self._pins(outputs, self._bolt)
        if outputs.lock == self.lock:
            return
        previous, self.lock = self.lock, outputs.lock
        if self.lock == lock.LOCKED:
            self.limits = {}
        self._changed(self.lock, previous, outputs.lock_reason)

    def _inputs_now(self, command: int | None, now_ms: int) -> safety.Inputs:
        signals = self._signals
        speed = motor = hmi = steering = None
        # A plug is no fault: it forbids the start by a word of its own.
        faults = degrade.effects(self.nodes & ~degrade.PLUGGED) & _FAULTS
        if signals.is_fresh(self._motor, now_ms):
            speed = signals.value(self._speed)
            motor = self._wheel_mmps(signals.value(self._rpm))
            faults += _REPORTED * signals.value(self._motor_ill)
        if signals.is_fresh(self._pack, now_ms):
            faults += _REPORTED * signals.value(self._pack_ill)
        if signals.is_fresh(self._dash, now_ms):
            values = [signals.value(handle) for handle in self._inputs]
            hmi, steering = tuple(values[:5]), values[5]
        limit_mmps, limit = limits.goal(self._vehicle.top_speed_mmps, self.limits, self.zone_mmps)
        tip_mmps = self._vehicle.top_speed_mmps
        accel = 0 if speed is None else self._accel_mmps2
        if hmi:
            tip_mmps, near = self._guard.limits(steering, accel, bool(hmi[1]), speed or 0)
            if near:
                self._warn_until_ms = now_ms + WARN_MS
        else:  # nobody knows the curve: that of the steering stop, by the gentle ramp of a limit
            limit_mmps = min(limit_mmps, self._guard.limits(None, accel, False, speed or 0)[0])
        warn = now_ms < self._warn_until_ms
        return safety.Inputs(
            *(command, self._fault, speed, motor, hmi, self._news),
            *(self.nodes & degrade.PLUGGED, faults, limit_mmps, limit, tip_mmps, warn),
        )

    def _wheel_mmps(self, rpm: int) -> int:
        # Turns a minute of the motor, over the gear (permille), times the tyre's circumference.
        return rpm * self._vehicle.tyre_mm // self._vehicle.gear_permille * 1000 // 60
