"""Feeds the safety kernel: with what the bus says every 20 ms, and with each authorized command.

What the kernel answers stands in VCU_Drive and VCU_Lock, on the board's pins and in LOCK records.
"""

from protocol import grant, lock

from vcu import safety
from vcu.errors import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

MAX_SPEED_MMPS = 12_500  # 45 km/h
UNLIMITED_MMPS = 65_535


class Drive:
    """`changed(state, previous, reason)` is called after each change of the lock on the wire."""

    def __init__(
        self, fault: int, signals: "Any", pins: "Any", changed: "Callable[[int, int, int], None]"
    ) -> None:
        self._fault = fault
        self._signals = signals
        self._pins = pins
        self._changed = changed
        self._state = safety.start(fault)
        self._at_ms = 0
        self._news = False
        # The charger's last word: one that falls silent while its plug is in has not unplugged it.
        self._plugged = 0
        self.limits: dict[int, int] = {}
        self.lock = lock.LOCKED
        self.outputs = self._ask(None, 0)

    def saw_dash(self) -> None:
        """A new frame of HMI_Inputs came: only what the rider does after an unlock counts."""
        self._news = True

    def is_still(self) -> bool:
        """Was the standstill confirmed at the last step?"""
        return self._state.still_ms >= safety.STILL_MS

    def step(self, now_ms: int) -> None:
        """What happens by itself; once a cycle of VCU_Drive."""
        self._take(self._ask(None, now_ms))

    def unlock(self, limits: dict[int, int], now_ms: int) -> None:
        """An authorized unlock. Raises StateError where the kernel's table has no line for it."""
        self._command(safety.UNLOCK, now_ms)
        self.limits = limits

    def end(self, now_ms: int) -> bool:
        """An authorized lock: true if it took effect, false if it waits for the standstill."""
        self._command(safety.LOCK_STILL, now_ms)
        return self.lock == lock.LOCKED

    def drive_signals(self) -> dict[str, int]:
        """The content of VCU_Drive."""
        now = self.outputs
        return {
            "Enable": now.enable,
            "Mode": now.mode,
            "Direction": now.direction,
            "TorqueCap_pct": now.torque_pct,
            "SpeedCap_mmps": now.cap_mmps,
            "Reason": now.reason,
            "Warning": now.warning,
        }

    def lock_signals(self, refusal: int) -> dict[str, int]:
        """The content of VCU_Lock; `refusal` is the code of the last refused command."""
        return {
            "Locked": int(self.lock == lock.LOCKED),
            "Pending": int(self.lock == lock.LOCK_PENDING),
            "State": self.lock,
            "Reason": self.outputs.lock_reason,
            "Refusal": refusal,
        }

    def _command(self, command: str, now_ms: int) -> None:
        outputs = self._ask(command, now_ms)
        self._take(outputs)
        if outputs.refused:
            raise StateError(command)

    def _ask(self, command: str | None, now_ms: int) -> safety.Outputs:
        inputs = self._inputs(command, now_ms)
        self._state, outputs = safety.step(self._state, inputs, max(0, now_ms - self._at_ms))
        self._at_ms = now_ms
        self._news = False
        return outputs

    def _take(self, outputs: safety.Outputs) -> None:
        self.outputs = outputs
        self._pins(outputs)
        if outputs.lock == self.lock:
            return
        previous, self.lock = self.lock, outputs.lock
        if self.lock == lock.LOCKED:
            self.limits = {}
        self._changed(self.lock, previous, outputs.lock_reason)

    def _inputs(self, command: str | None, now_ms: int) -> safety.Inputs:
        signals = self._signals
        motor = signals.fresh("MC_Status1", now_ms)
        dash = signals.fresh("HMI_Inputs", now_ms)
        charger = signals.fresh("CHG_Status", now_ms)
        if charger:
            self._plugged = charger["Plugged"]
        hmi = dash and (dash["Key"], dash["Brake"], dash["Gear"], dash["Horn"], dash["Lights"])
        limit_mmps = min(MAX_SPEED_MMPS, self.limits.get(grant.MAX_SPEED_MMPS, MAX_SPEED_MMPS))
        limit = lock.DRIVE_GRANT_LIMIT if limit_mmps < MAX_SPEED_MMPS else lock.DRIVE_FREE
        return safety.Inputs(
            *(command, self._fault, motor and motor["Speed_mmps"], None, hmi),
            *(self._news, self._plugged, 0, limit_mmps, limit, UNLIMITED_MMPS, 0),
        )
