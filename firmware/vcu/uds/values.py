"""The values behind the data identifiers, and the freeze frame of a trouble code."""

from protocol import uds_table as table
from protocol.uds_table import DATA, FREEZE, SIGNED

from vcu.version import FIRMWARE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ROW = 3
_BYTES = 15
_UNKNOWN = 255  # a form that no identifier has


def form_of(number: int) -> int:
    """The form of a data identifier, or _UNKNOWN."""
    for at in range(0, len(DATA), _ROW):
        if DATA[at] << 8 | DATA[at + 1] == number:
            return DATA[at + 2]
    return _UNKNOWN


def read(vehicle: "Any", number: int, now_ms: int) -> "bytes | None":
    """The value as it goes over the bus; None for an identifier that is not in the table."""
    form = form_of(number)
    if form == _UNKNOWN:
        return None
    if not form & _BYTES:
        return _text(vehicle, number).encode()
    return _packed(_number(vehicle, number, now_ms), form)


def freeze_frame(vehicle: "Any", code: int, now_ms: int) -> bytes:
    """How many values, then each with its identifier; `code` is the fault's own."""
    out = b""
    count = 0
    for at in range(0, len(DATA), _ROW):
        form = DATA[at + 2]
        if form & FREEZE:
            number = DATA[at] << 8 | DATA[at + 1]
            value = code if number == table.NODE_CODE else _number(vehicle, number, now_ms)
            out += DATA[at : at + 2] + _packed(value, form)
            count += 1
    return bytes((count,)) + out


def _packed(value: "int | None", form: int) -> bytes:
    size = form & _BYTES
    most = (1 << 8 * size) - 1
    if form & SIGNED:
        # The lowest one stands for unknown.
        half = (most + 1) >> 1
        value = -half if value is None else max(1 - half, min(value, half - 1))
        return (value & most).to_bytes(size, "big")
    return (most if value is None else max(0, min(value, most))).to_bytes(size, "big")


def _text(vehicle: "Any", number: int) -> str:
    if number == table.SERIAL_NUMBER:
        identifier: bytes = vehicle.board_id
        return identifier.hex()
    if number == table.VEHICLE:
        name: str = vehicle.gate.authority.vehicle
        return name
    return FIRMWARE


def _number(vehicle: "Any", number: int, now_ms: int) -> "int | None":
    if number in (table.PACK_VOLTAGE, table.CHARGE):
        pack = vehicle.signals.fresh("BMS_Pack", now_ms)
        name = "Voltage_mV" if number == table.PACK_VOLTAGE else "Soc_permille"
        return pack[name] if pack else None
    if number == table.SPEED:
        return vehicle.motion.speed(now_ms)
    if number == table.ODOMETER:
        return vehicle.odometer.metres
    if number == table.SUPPLY:
        return vehicle.watch.telemetry.supply_mv if vehicle.watch else None
    if number == table.UPTIME:
        return now_ms // 1000
    if number == table.TIME:
        return vehicle.wall.time() or None
    if number < table.DIAGNOSIS_LEFT:
        return _own(vehicle, number)
    return _diagnosis(vehicle, number, now_ms)


def _own(vehicle: "Any", number: int) -> "int | None":
    if number == table.LOCK_STATE:
        return vehicle.drive.lock
    if number == table.DRIVE_REASON:
        return vehicle.drive.outputs.reason
    if number == table.STARTS:
        return vehicle.state.boot
    if number == table.CRASHES:
        return vehicle.crashes
    if number == table.MISSED_FRAMES:
        return sum([cycle.missed for cycle in vehicle.cycles])
    if number == table.BUS_OFFS:
        return vehicle.bus.counters()[4]
    if number == table.PARKED:
        return int(vehicle.drive.is_parked())
    return None  # NODE_CODE, which only a freeze frame knows


def _diagnosis(vehicle: "Any", number: int, now_ms: int) -> "int | None":
    desk, updates = vehicle.diagnosis.desk, vehicle.updates
    if number == table.DIAGNOSIS_LEFT:
        return desk.left_s(now_ms)
    if number == table.REFUSAL:
        return desk.refusal
    if number == table.UPDATE_OFFSET:
        return updates.offset
    if number == table.UPDATE_CODE:
        return desk.update_code
    if number == table.ACTIVE_SESSION:
        return desk.session
    return int.from_bytes(vehicle.software[:4], "big")
