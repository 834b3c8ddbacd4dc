"""A sample of how the vehicle does, as a record: cyclic, when a value has changed, and on events.

A value that is not fresh is left out. Without a gateway it is one a minute, kept on flash.
"""

from protocol import lock, record

from vcu.safety import STILL_MMPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vcu.vcu import Vcu

USED_MS = 1_000
PARKED_MS = 10_000
AWAY_MS = 60_000  # no gateway takes records
REST_MS = 600_000  # drowsy, with a gateway or without: its nodes are asleep
CHANGE_MS = 1_000  # how often values are compared with the last sample
GAP_MS = 500  # never more than two samples a second, whatever jitters
LOOK_MS = 100
# Events while away: a few at once, but over a day no more than one sample a minute.
AWAY_BURST_MS = 5 * AWAY_MS

BRAKE_MS = 500
BRAKE_MMPS = 1_500  # lost in that time: 3 m/s2, a hard braking

# Key of the body, message and signal it comes from (None: this board knows it), and the change
# since the last sample that makes another one; 0 for none. Flat, because each tuple costs memory.
RULES: "tuple[Any, ...]" = (
    0, None, "speed", 1_000,
    1, None, "odometer", 20,
    7, None, "state", 1,
    13, None, "charging", 1,
    15, None, "supply", 300,
    16, None, "cap", 500,
    17, None, "warning", 1,
    20, None, "rest", 0,
    2, "BMS_Pack", "Voltage_mV", 1_000,
    3, "BMS_Pack", "Current_dA", 200,
    4, "BMS_Pack", "Soc_permille", 10,
    11, "BMS_Cells", "CellMin_mV", 50,
    12, "BMS_Cells", "CellMax_mV", 50,
    19, "BMS_Temp", "TempMax_C", 3,
    8, "MC_Status2", "MotorTemp_C", 10,
    10, "MC_Status2", "InverterTemp_C", 10,
    18, "HMI_Inputs", "SteeringAngle_cdeg", 0,
    5, "GNSS_Position", "Latitude_e7", 5_000,
    6, "GNSS_Position", "Longitude_e7", 5_000,
    9, "GNSS_Status", "Heading_cdeg", 0,
    14, "GNSS_Status", "Speed_mmps", 3_000,
)  # fmt: skip
_RULE = 4
# What a sample holds while away: flash wears.
AWAY_KEYS = bytes((0, 1, 4, 5, 6, 7, 13, 15, 19, 20))


class Telemetry:
    """Looks at signals, motion and lock; writes to the outbox.

    `supply_mv`, `cap_mmps` and `warning` are what the board measured and what VCU_Drive said last,
    None while unknown; whoever knows them sets them.
    """

    def __init__(self, vehicle: "Vcu") -> None:
        self.supply_mv: int | None = None
        self.cap_mmps: int | None = None
        self.warning: int | None = None
        self._vehicle = vehicle
        self._last: dict[int, int] = {}
        self._taken_ms = 0
        self._slot_ms = 0  # when it was due: a late turn does not shift the ones after it
        self._compared_ms = 0
        self._look_ms = 0
        self._credit_ms = AWAY_BURST_MS
        self._event = False
        self._state: int | None = None
        self._charging: int | None = None
        self._from_mmps: int | None = None
        self._from_ms = 0

    def event(self) -> None:
        """Something happened: take a sample as soon as the rate allows it."""
        self._event = True

    def told(self, now_ms: int) -> None:
        """A sample that is on flash when this returns, and goes out when there is time."""
        self._take(self.sample(now_ms, AWAY_KEYS), now_ms, True)

    def tick(self, now_ms: int) -> None:
        if now_ms < self._look_ms:
            return
        self._look_ms = _slot_ms(now_ms) + LOOK_MS
        self._notice(now_ms)
        elapsed_ms = now_ms - self._taken_ms
        if self._vehicle.outbox.is_away(now_ms):
            self._tick_away(now_ms, elapsed_ms)
        elif elapsed_ms < GAP_MS:
            return
        elif self._event or now_ms - self._slot_ms >= self._period_ms(now_ms):
            self._take(self.sample(now_ms), now_ms, None)
        elif now_ms - self._compared_ms >= CHANGE_MS:
            self._compared_ms = _slot_ms(now_ms)
            body = self.sample(now_ms)
            if self._differs(body):
                self._take(body, now_ms, None)

    def sample(self, now_ms: int, keys: bytes | None = None) -> dict[int, int]:
        """The record's body, by the numbers of section 6 of docs/protocol.md."""
        body: dict[int, int] = {}
        source = None
        values: dict[str, int] | None = None
        for at in range(0, len(RULES), _RULE):
            key, message, signal = RULES[at], RULES[at + 1], RULES[at + 2]
            if message != source or message is None:
                source = message
                values = self._values(message, signal, now_ms)
            if values is not None and (keys is None or key in keys):
                body[key] = values[signal]
        return body

    # --- when ---

    def _tick_away(self, now_ms: int, elapsed_ms: int) -> None:
        is_due = now_ms - self._slot_ms >= (REST_MS if self._vehicle.rest else AWAY_MS)
        if elapsed_ms < GAP_MS or not (self._event or is_due):
            return
        if is_due or self._credit_ms + elapsed_ms >= AWAY_MS:
            self._take(self.sample(now_ms, AWAY_KEYS), now_ms, True)
            self._credit_ms -= AWAY_MS
        self._event = False

    def _take(self, body: dict[int, int], now_ms: int, durable: bool | None) -> None:
        self._vehicle.outbox.record(record.TELEMETRY, body, now_ms, durable)
        self._credit_ms = min(AWAY_BURST_MS, self._credit_ms + now_ms - self._taken_ms)
        self._last = body
        self._taken_ms = now_ms
        self._slot_ms = self._compared_ms = _slot_ms(now_ms)
        self._event = False

    def _period_ms(self, now_ms: int) -> int:
        if self._vehicle.rest:
            return REST_MS
        # Parked with its controllers asleep, speed is stale: that is no reason to report often.
        speed_mmps = self._vehicle.motion.speed(now_ms) or 0
        used = self._vehicle.drive.lock != lock.LOCKED or abs(speed_mmps) >= STILL_MMPS
        return USED_MS if used else PARKED_MS

    def _differs(self, body: dict[int, int]) -> bool:
        last = self._last
        for at in range(0, len(RULES), _RULE):
            key, deadband = RULES[at], RULES[at + 3]
            known = deadband and key in body and key in last
            if known and abs(body[key] - last[key]) >= deadband:
                return True
        return False

    def _notice(self, now_ms: int) -> None:
        """Events that show in the values: another state, the plug, a hard braking."""
        state, charging = self._vehicle.drive.lock, self._plug(now_ms)
        if self._state is not None and state != self._state:
            self._event = True
        if self._charging is not None and charging is not None and charging != self._charging:
            self._event = True
        self._state = state
        self._charging = self._charging if charging is None else charging
        self._notice_braking(self._vehicle.motion.speed(now_ms), now_ms)

    def _notice_braking(self, speed_mmps: int | None, now_ms: int) -> None:
        if speed_mmps is None:
            self._from_mmps = None
            return
        if self._from_mmps is not None and now_ms - self._from_ms < BRAKE_MS:
            return
        if self._from_mmps is not None and self._from_mmps - abs(speed_mmps) >= BRAKE_MMPS:
            self._event = True
        self._from_mmps = abs(speed_mmps)
        self._from_ms = now_ms

    # --- what ---

    def _values(self, message: str | None, signal: str, now_ms: int) -> dict[str, int] | None:
        signals = self._vehicle.signals
        if message is None:
            value = self._own(signal, now_ms)
            return None if value is None else {signal: value}
        values: dict[str, int] | None = signals.fresh(message, now_ms)
        if message in ("GNSS_Position", "GNSS_Status"):
            status = signals.fresh("GNSS_Status", now_ms)
            return values if status and status["Fix"] else None
        return values

    def _own(self, name: str, now_ms: int) -> int | None:
        vehicle = self._vehicle
        if name == "speed":
            return vehicle.motion.speed(now_ms)
        if name == "odometer":
            return vehicle.odometer.metres
        if name == "state":
            return vehicle.drive.lock
        if name == "charging":
            return self._plug(now_ms)
        if name == "rest":
            return vehicle.rest or None
        if name == "supply":
            return self.supply_mv
        return self.cap_mmps if name == "cap" else self.warning

    def _plug(self, now_ms: int) -> int | None:
        charger = self._vehicle.signals.fresh("CHG_Status", now_ms)
        return charger["Plugged"] | charger["Charging"] << 1 if charger else None


def _slot_ms(now_ms: int) -> int:
    return now_ms - now_ms % LOOK_MS
