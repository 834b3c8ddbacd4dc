"""A sample of how the vehicle does, as a record: often while it is used, seldom while it is parked.

A value that is not fresh is left out.
"""

from protocol import lock, record

from vcu.safety import STILL_MMPS

USED_MS = 1_000
PARKED_MS = 10_000


class Telemetry:
    """Looks at signals, motion and lock; writes to the outbox."""

    def __init__(self, vehicle):
        self._vehicle = vehicle
        self._last_ms = 0

    def tick(self, now_ms: int) -> None:
        if now_ms - self._last_ms >= self._period_ms(now_ms):
            self._last_ms = now_ms
            self._vehicle.outbox.record(record.TELEMETRY, self.sample(now_ms), now_ms)

    def _period_ms(self, now_ms: int) -> int:
        # Parked with its controllers asleep, speed is stale: that is no reason to report often.
        speed_mmps = self._vehicle.motion.speed(now_ms) or 0
        used = self._vehicle.drive.lock != lock.LOCKED or abs(speed_mmps) >= STILL_MMPS
        return USED_MS if used else PARKED_MS

    def sample(self, now_ms: int) -> dict:
        """The record's body, by the numbers of section 6 of docs/protocol.md."""
        signals = self._vehicle.signals
        body = {1: self._vehicle.motion.odometer_m, 7: self._vehicle.drive.lock}
        speed_mmps = self._vehicle.motion.speed(now_ms)
        if speed_mmps is not None:
            body[0] = speed_mmps
        pack = signals.fresh("BMS_Pack", now_ms)
        if pack:
            body[2] = pack["Voltage_mV"]
            body[3] = pack["Current_dA"]
            body[4] = pack["Soc_permille"]
        drive = signals.fresh("MC_Status2", now_ms)
        if drive:
            body[8] = drive["MotorTemp_C"]
        _add_position(body, signals, now_ms)
        return body


def _add_position(body: dict, signals, now_ms: int) -> None:
    status = signals.fresh("GNSS_Status", now_ms)
    position = signals.fresh("GNSS_Position", now_ms)
    if status and position and status["Fix"]:
        body[5] = position["Latitude_e7"]
        body[6] = position["Longitude_e7"]
        body[9] = status["Heading_cdeg"]
