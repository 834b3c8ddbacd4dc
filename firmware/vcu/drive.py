"""What VCU_Drive says: drive or none, the caps, and why. A cap never falls as a step in motion.

A pending lock changes nothing here: a command that comes over the air has no say in how the
vehicle behaves in traffic. Drive ends with the lock, at standstill.
"""

from protocol import grant, lock

MAX_SPEED_MMPS = 12_500  # 45 km/h
LIMP_SPEED_MMPS = 2_800  # 10 km/h
RAMP_MMPSS = 500  # a twentieth of g: a bus driver's gentle brake
TORQUE_PCT = 100
REVERSAL_MMPS = 300

MODE_LIMP = 1
MODE_NORMAL = 2
NEUTRAL = 0


class Drive:
    """The content of VCU_Drive, made once a cycle."""

    def __init__(self, fault: int):
        self._fault = fault
        self._cap_mmps = MAX_SPEED_MMPS
        self._at_ms = None
        self._direction = NEUTRAL
        self._engaged = NEUTRAL

    def signals(self, session, motion, inputs: dict | None, now_ms: int) -> dict:
        """`session` is the Lock, `inputs` the fresh HMI_Inputs or None."""
        speed_mmps = motion.speed(now_ms)
        self._follow_cap(session, motion, inputs, now_ms)
        self._follow_gear(inputs, speed_mmps)
        if not session.drives():
            return {"Reason": self._why_none(session)}
        return {
            "Enable": 1,
            "Mode": MODE_NORMAL if inputs else MODE_LIMP,
            "Direction": self._direction,
            "TorqueCap_pct": TORQUE_PCT,
            "SpeedCap_mmps": self._cap_mmps,
            "Reason": _why_limited(session, speed_mmps, inputs),
        }

    def _why_none(self, session) -> int:
        if self._fault:
            return lock.DRIVE_FAULT + self._fault
        if session.state == lock.READY:
            return lock.DRIVE_WAITING
        return lock.DRIVE_LOCKED if session.state == lock.LOCKED else lock.DRIVE_LOCK_PENDING

    def _follow_cap(self, session, motion, inputs, now_ms: int) -> None:
        target = min(MAX_SPEED_MMPS, session.limits.get(grant.MAX_SPEED_MMPS, MAX_SPEED_MMPS))
        if inputs is None:
            target = min(target, LIMP_SPEED_MMPS)
        elapsed_ms = 0 if self._at_ms is None else min(now_ms - self._at_ms, 100)
        self._at_ms = now_ms
        if motion.is_still(now_ms):
            self._cap_mmps = target
        elif not session.drives():
            self._cap_mmps = max(target, _rolling(motion.speed(now_ms)))
        else:
            step = RAMP_MMPSS * elapsed_ms // 1000
            self._cap_mmps += max(-step, min(step, target - self._cap_mmps))

    def _follow_gear(self, inputs: dict | None, speed_mmps: int | None) -> None:
        # Stale inputs keep the direction; a reversal waits until the vehicle hardly moves.
        if inputs is None:
            return
        gear = inputs["Gear"]
        slow = speed_mmps is not None and abs(speed_mmps) < REVERSAL_MMPS
        if gear != NEUTRAL and (slow or self._engaged == NEUTRAL):
            self._engaged = gear
        self._direction = NEUTRAL if gear == NEUTRAL else self._engaged


def _rolling(speed_mmps: int | None) -> int:
    # A stale speed may be any speed.
    return MAX_SPEED_MMPS if speed_mmps is None else min(MAX_SPEED_MMPS, abs(speed_mmps))


def _why_limited(session, speed_mmps: int | None, inputs: dict | None) -> int:
    if inputs is None:
        return lock.DRIVE_INPUTS_STALE
    if speed_mmps is None:
        return lock.DRIVE_SPEED_STALE
    if session.state == lock.LOCK_PENDING:
        return lock.DRIVE_LOCK_PENDING
    limit = session.limits.get(grant.MAX_SPEED_MMPS, MAX_SPEED_MMPS)
    return lock.DRIVE_GRANT_LIMIT if limit < MAX_SPEED_MMPS else lock.DRIVE_FREE
