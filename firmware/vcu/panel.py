"""The local human interface: from what is known of the vehicle to what the panel shows. Pure.

One screen at a time, the most urgent; there is always one. Numbers and names are in
protocol/panel.py, in words in docs/panel.md.
"""

from collections import namedtuple

# Literals of bytes stay in the flash, where tuples would fill the heap. Screen numbers begin at 10,
# above lights and sounds, so that a row is found by its first byte.
TABLE = (
    # Danger, and what a rider in traffic must know.
    b"\x0a\x05\x02"  # EGRESS FAST CHIME
    b"\x14\x05\x03"  # TIP_OVER FAST ALARM
    b"\x18\x05\x03"  # SPEED_LOST FAST ALARM
    b"\x1c\x05\x03"  # INPUTS_LOST FAST ALARM
    b"\x20\x05\x02"  # LIMP FAST CHIME
    b"\x24\x05\x02"  # CHARGER_MOVING FAST CHIME
    b"\x28\x04\x02"  # BATTERY_EMPTY DOUBLE CHIME
    b"\x2c\x07\x02"  # LOCK_PENDING LONG_SHORT CHIME
    b"\x30\x04\x02"  # OTHER_DIRECTION DOUBLE CHIME
    b"\x34\x06\x00"  # NOT_SET_UP TRIPLE SILENT
    # The answer to what the rider does now.
    b"\x3c\x07\x00"  # CODE_CHECKING LONG_SHORT SILENT
    b"\x40\x02\x01"  # CODE_TYPING SLOW CLICK
    b"\x44\x06\x02"  # CODE_SHORT TRIPLE CHIME
    b"\x48\x06\x02"  # CODE_WRONG TRIPLE CHIME
    b"\x4c\x06\x02"  # CODE_WAIT TRIPLE CHIME
    b"\x50\x06\x02"  # REFUSED_ENDED TRIPLE CHIME
    b"\x52\x06\x02"  # REFUSED_EARLY TRIPLE CHIME
    b"\x54\x06\x02"  # REFUSED_REVOKED TRIPLE CHIME
    b"\x56\x06\x02"  # REFUSED_KEY TRIPLE CHIME
    b"\x58\x06\x02"  # REFUSED_ACTION TRIPLE CHIME
    b"\x5a\x06\x02"  # REFUSED_CLOCK TRIPLE CHIME
    b"\x5c\x06\x02"  # REFUSED_AGAIN TRIPLE CHIME
    b"\x5e\x06\x02"  # REFUSED_BACKOFF TRIPLE CHIME
    b"\x60\x06\x02"  # REFUSED_SIGNATURE TRIPLE CHIME
    b"\x62\x06\x02"  # REFUSED_STATE TRIPLE CHIME
    b"\x64\x06\x02"  # REFUSED TRIPLE CHIME
    # What the rider has to do next.
    b"\x78\x02\x01"  # UNPLUG SLOW CLICK
    b"\x7a\x07\x00"  # WAIT_INPUTS LONG_SHORT SILENT
    b"\x7c\x02\x01"  # TURN_KEY SLOW CLICK
    b"\x7e\x02\x01"  # CHOOSE_GEAR SLOW CLICK
    b"\x80\x02\x01"  # PRESS_BRAKE SLOW CLICK
    b"\x82\x07\x00"  # WAIT_SPEED LONG_SHORT SILENT
    b"\x84\x02\x01"  # LET_STOP SLOW CLICK
    b"\x86\x02\x01"  # START SLOW CLICK
    # What lasts.
    b"\xa0\x04\x02"  # FAULT DOUBLE CHIME
    b"\xa4\x04\x02"  # BATTERY_LOW DOUBLE CHIME
    b"\xb4\x04\x01"  # CURVE_LIMIT DOUBLE CLICK
    b"\xb6\x04\x02"  # ZONE_LIMIT DOUBLE CHIME
    b"\xb8\x04\x01"  # GRANT_LIMIT DOUBLE CLICK
    b"\xba\x04\x01"  # LIMITED DOUBLE CLICK
    b"\xc8\x03\x02"  # RESUMED STEADY CHIME
    b"\xcc\x03\x01"  # DRIVING STEADY CLICK
    b"\xdc\x01\x00"  # CHARGING BLIP SILENT
    b"\xe6\x01\x02"  # LOCKED_LAPSED BLIP CHIME
    b"\xe8\x01\x01"  # LOCKED_STOPPED BLIP CLICK
    b"\xea\x01\x01"  # LOCKED_COMMAND BLIP CLICK
    b"\xec\x01\x00"  # LOCKED_START BLIP SILENT
    b"\xfe\x01\x00"  # LOCKED BLIP SILENT
)
# The bits of VCU_Drive.Warning, lowest first.
WARNINGS = (
    b"\x20"  # LIMP
    b"\x14"  # TIP_OVER
    b"\x2c"  # LOCK_PENDING
    b"\x30"  # OTHER_DIRECTION
    b"\x24"  # CHARGER_MOVING
    b"\x18"  # SPEED_LOST
    b"\x1c"  # INPUTS_LOST
    b"\xba"  # LIMITED
)
# By VCU_Drive.Reason: why there is no drive yet, in a session that waits for the rider ...
WAITING = (
    b"\x86"  # START (FREE)
    b"\x86"  # START (LOCKED)
    b"\x86"  # START (WAITING)
    b"\x86"  # START (GRANT_LIMIT)
    b"\x2c"  # LOCK_PENDING (LOCK_PENDING)
    b"\x7a"  # WAIT_INPUTS (INPUTS_STALE)
    b"\x82"  # WAIT_SPEED (SPEED_STALE)
    b"\x78"  # UNPLUG (CHARGER)
    b"\x7c"  # TURN_KEY (KEY_OFF)
    b"\x80"  # PRESS_BRAKE (BRAKE)
    b"\x7e"  # CHOOSE_GEAR (GEAR)
    b"\x84"  # LET_STOP (DIRECTION)
    b"\x86"  # START (ZONE_LIMIT)
    b"\x86"  # START (TIP_OVER)
    b"\xa0"  # FAULT (NODE_FAULT)
)
# ... and why it is limited, in one that drives.
LIMITS = (
    b"\xcc"  # DRIVING (FREE)
    b"\xcc"  # DRIVING (LOCKED)
    b"\xcc"  # DRIVING (WAITING)
    b"\xb8"  # GRANT_LIMIT (GRANT_LIMIT)
    b"\x2c"  # LOCK_PENDING (LOCK_PENDING)
    b"\x1c"  # INPUTS_LOST (INPUTS_STALE)
    b"\x18"  # SPEED_LOST (SPEED_STALE)
    b"\x24"  # CHARGER_MOVING (CHARGER)
    b"\xcc"  # DRIVING (KEY_OFF)
    b"\xcc"  # DRIVING (BRAKE)
    b"\xcc"  # DRIVING (GEAR)
    b"\x30"  # OTHER_DIRECTION (DIRECTION)
    b"\xb6"  # ZONE_LIMIT (ZONE_LIMIT)
    b"\xb4"  # CURVE_LIMIT (TIP_OVER)
    b"\x20"  # LIMP (NODE_FAULT)
)
# By VCU_Lock.Reason, while it is locked.
LOCKED = (
    b"\xec"  # LOCKED_START (START)
    b"\xea"  # LOCKED_COMMAND (COMMAND)
    b"\xfe"  # LOCKED (RIDER_ACTION)
    b"\xe6"  # LOCKED_LAPSED (NO_ACTION)
    b"\xe8"  # LOCKED_STOPPED (STANDSTILL)
    b"\x34"  # NOT_SET_UP (UNPROVISIONED)
    b"\xfe"  # LOCKED (RESUMED)
    b"\xfe"  # LOCKED (KEY_OFF)
    b"\xfe"  # LOCKED (CHARGER)
)
# By refusal code; 255 is none.
REFUSALS = (
    b"\xff"  # none
    b"\x64"  # REFUSED (MALFORMED)
    b"\x56"  # REFUSED_KEY (VEHICLE)
    b"\x5c"  # REFUSED_AGAIN (CHALLENGE)
    b"\x5e"  # REFUSED_BACKOFF (BACKOFF)
    b"\x56"  # REFUSED_KEY (OWNER)
    b"\x56"  # REFUSED_KEY (HOLDER)
    b"\x56"  # REFUSED_KEY (GRANT_ID)
    b"\x52"  # REFUSED_EARLY (NOT_YET)
    b"\x50"  # REFUSED_ENDED (EXPIRED)
    b"\x5a"  # REFUSED_CLOCK (CLOCK)
    b"\x54"  # REFUSED_REVOKED (GENERATION)
    b"\x54"  # REFUSED_REVOKED (REVOKED)
    b"\x58"  # REFUSED_ACTION (WIDENED)
    b"\x58"  # REFUSED_ACTION (ACTION)
    b"\x60"  # REFUSED_SIGNATURE (SIGNATURE)
    b"\x34"  # NOT_SET_UP (UNPROVISIONED)
    b"\x62"  # REFUSED_STATE (STATE)
    b"\x64"  # REFUSED (ARGUMENT)
    b"\x5c"  # REFUSED_AGAIN (BUSY)
    b"\x48"  # CODE_WRONG (CODE)
    b"\x4c"  # CODE_WAIT (RATE)
)

# State of a code's entry; its refusals are refusal codes like the others.
NO_ENTRY = 0
TYPING = 1
CHECKING = 2
SHORT = 3
_ENTRIES = b"\xff\x40\x3c\x44"  # none, CODE_TYPING, CODE_CHECKING, CODE_SHORT

EMPTY_PERMILLE = 50
LOW_PERMILLE = 150
_READY = 1
_DRIVE = 2
_PENDING = 3
_RESUMED = 6  # VCU_Lock.Reason
_UNUSABLE = 16  # VCU_Drive.Reason from here on: the provisioning fault
_NONE = 255

# lock, lock_reason, drive_reason, warning: as VCU_Lock and VCU_Drive say. soc_permille is None
# while the battery says nothing. refusal: the code of a refusal that is to be shown, 0 for none.
# entry: TYPING and so on; typed: how many digits. wait_min: until a code is taken again.
Seen = namedtuple(
    "Seen",
    (
        "lock", "lock_reason", "drive_reason", "warning", "cap_mmps", "soc_permille", "plugged",
        "faults", "refusal", "entry", "typed", "wait_min", "egress",
    ),
)  # fmt: skip


def show(seen: Seen) -> tuple[int, int, int, int]:
    """(screen, led, sound, number). Never fails, whatever the numbers are."""
    screen = min(
        10 if seen.egress else _NONE,
        _warned(seen.warning),
        _battery(seen),
        _of(_ENTRIES, seen.entry, _NONE),
        _of(REFUSALS, seen.refusal, 100),
        160 if seen.faults else _NONE,
        _session(seen),
    )
    at = TABLE.find(bytes((screen,)))
    return screen, TABLE[at + 1], TABLE[at + 2], _number(screen, seen)


def percent(soc_permille: int | None) -> int:
    """For VCU_Panel.Battery_pct: 255 while the battery says nothing."""
    return _NONE if soc_permille is None else min(100, soc_permille // 10)


def _of(table: bytes, index: int, unknown: int) -> int:
    return table[index] if 0 <= index < len(table) else unknown


def _warned(warning: int) -> int:
    screen = _NONE
    for bit in range(8):
        if warning >> bit & 1:
            screen = min(screen, WARNINGS[bit])
    return screen


def _battery(seen: Seen) -> int:
    if seen.soc_permille is None or seen.plugged or seen.soc_permille > LOW_PERMILLE:
        return _NONE
    return 40 if seen.soc_permille <= EMPTY_PERMILLE else 164


def _session(seen: Seen) -> int:
    if seen.drive_reason >= _UNUSABLE:
        return 52
    if seen.lock == _PENDING:
        return 44
    if seen.lock == _READY:
        return _of(WAITING, seen.drive_reason, 134)
    if seen.lock == _DRIVE:
        return min(
            _of(LIMITS, seen.drive_reason, 204), 200 if seen.lock_reason == _RESUMED else _NONE
        )
    return min(_of(LOCKED, seen.lock_reason, 254), 220 if seen.plugged else _NONE)


def _number(screen: int, seen: Seen) -> int:
    if screen == 32 or 180 <= screen <= 186:
        return min(seen.cap_mmps * 36 // 10_000, 0xFFFF)  # km/h
    if screen in (40, 164, 220):
        return percent(seen.soc_permille)
    if screen == 64:
        return seen.typed
    if screen == 76:
        return seen.wait_min
    if screen == 100:
        return seen.refusal
    if screen == 160:
        return seen.faults
    return seen.drive_reason - _UNUSABLE if screen == 52 and seen.drive_reason > _UNUSABLE else 0
