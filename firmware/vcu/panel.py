"""The local human interface: from what is known of the vehicle to what the panel shows. Pure.

One screen at a time, the most urgent; there is always one. Numbers and names are in
protocol/panel.py, in words in docs/panel.md.
"""

from collections import namedtuple

# Bytes, because nested tuples would fill the heap; screen numbers begin at 10, above lights and
# sounds, so that a row can be found by its first byte.
# fmt: off
TABLE = bytes((
    # Danger, and what a rider in traffic must know.
    10, 5, 2,  # EGRESS FAST CHIME
    20, 5, 3,  # TIP_OVER FAST ALARM
    24, 5, 3,  # SPEED_LOST FAST ALARM
    28, 5, 3,  # INPUTS_LOST FAST ALARM
    32, 5, 2,  # LIMP FAST CHIME
    36, 5, 2,  # CHARGER_MOVING FAST CHIME
    40, 4, 2,  # BATTERY_EMPTY DOUBLE CHIME
    44, 7, 2,  # LOCK_PENDING LONG_SHORT CHIME
    48, 4, 2,  # OTHER_DIRECTION DOUBLE CHIME
    52, 6, 0,  # NOT_SET_UP TRIPLE SILENT
    # The answer to what the rider does now.
    60, 7, 0,  # CODE_CHECKING LONG_SHORT SILENT
    64, 2, 1,  # CODE_TYPING SLOW CLICK
    68, 6, 2,  # CODE_SHORT TRIPLE CHIME
    72, 6, 2,  # CODE_WRONG TRIPLE CHIME
    76, 6, 2,  # CODE_WAIT TRIPLE CHIME
    80, 6, 2,  # REFUSED_ENDED TRIPLE CHIME
    82, 6, 2,  # REFUSED_EARLY TRIPLE CHIME
    84, 6, 2,  # REFUSED_REVOKED TRIPLE CHIME
    86, 6, 2,  # REFUSED_KEY TRIPLE CHIME
    88, 6, 2,  # REFUSED_ACTION TRIPLE CHIME
    90, 6, 2,  # REFUSED_CLOCK TRIPLE CHIME
    92, 6, 2,  # REFUSED_AGAIN TRIPLE CHIME
    94, 6, 2,  # REFUSED_BACKOFF TRIPLE CHIME
    96, 6, 2,  # REFUSED_SIGNATURE TRIPLE CHIME
    98, 6, 2,  # REFUSED_STATE TRIPLE CHIME
    100, 6, 2,  # REFUSED TRIPLE CHIME
    # What the rider has to do next.
    120, 2, 1,  # UNPLUG SLOW CLICK
    122, 7, 0,  # WAIT_INPUTS LONG_SHORT SILENT
    124, 2, 1,  # TURN_KEY SLOW CLICK
    126, 2, 1,  # CHOOSE_GEAR SLOW CLICK
    128, 2, 1,  # PRESS_BRAKE SLOW CLICK
    130, 7, 0,  # WAIT_SPEED LONG_SHORT SILENT
    132, 2, 1,  # LET_STOP SLOW CLICK
    134, 2, 1,  # START SLOW CLICK
    # What lasts.
    160, 4, 2,  # FAULT DOUBLE CHIME
    164, 4, 2,  # BATTERY_LOW DOUBLE CHIME
    180, 4, 1,  # CURVE_LIMIT DOUBLE CLICK
    182, 4, 2,  # ZONE_LIMIT DOUBLE CHIME
    184, 4, 1,  # GRANT_LIMIT DOUBLE CLICK
    186, 4, 1,  # LIMITED DOUBLE CLICK
    200, 3, 2,  # RESUMED STEADY CHIME
    204, 3, 1,  # DRIVING STEADY CLICK
    220, 1, 0,  # CHARGING BLIP SILENT
    230, 1, 2,  # LOCKED_LAPSED BLIP CHIME
    232, 1, 1,  # LOCKED_STOPPED BLIP CLICK
    234, 1, 1,  # LOCKED_COMMAND BLIP CLICK
    236, 1, 0,  # LOCKED_START BLIP SILENT
    254, 1, 0,  # LOCKED BLIP SILENT
))
# The bits of VCU_Drive.Warning, lowest first.
WARNINGS = bytes((
    32,  # LIMP
    20,  # TIP_OVER
    44,  # LOCK_PENDING
    48,  # OTHER_DIRECTION
    36,  # CHARGER_MOVING
    24,  # SPEED_LOST
    28,  # INPUTS_LOST
    186,  # LIMITED
))
# By VCU_Drive.Reason: why there is no drive yet, in a session that waits for the rider ...
WAITING = bytes((
    134,  # START (FREE)
    134,  # START (LOCKED)
    134,  # START (WAITING)
    134,  # START (GRANT_LIMIT)
    44,  # LOCK_PENDING (LOCK_PENDING)
    122,  # WAIT_INPUTS (INPUTS_STALE)
    130,  # WAIT_SPEED (SPEED_STALE)
    120,  # UNPLUG (CHARGER)
    124,  # TURN_KEY (KEY_OFF)
    128,  # PRESS_BRAKE (BRAKE)
    126,  # CHOOSE_GEAR (GEAR)
    132,  # LET_STOP (DIRECTION)
    134,  # START (ZONE_LIMIT)
    134,  # START (TIP_OVER)
    160,  # FAULT (NODE_FAULT)
))
# ... and why it is limited, in one that drives.
LIMITS = bytes((
    204,  # DRIVING (FREE)
    204,  # DRIVING (LOCKED)
    204,  # DRIVING (WAITING)
    184,  # GRANT_LIMIT (GRANT_LIMIT)
    44,  # LOCK_PENDING (LOCK_PENDING)
    28,  # INPUTS_LOST (INPUTS_STALE)
    24,  # SPEED_LOST (SPEED_STALE)
    36,  # CHARGER_MOVING (CHARGER)
    204,  # DRIVING (KEY_OFF)
    204,  # DRIVING (BRAKE)
    204,  # DRIVING (GEAR)
    48,  # OTHER_DIRECTION (DIRECTION)
    182,  # ZONE_LIMIT (ZONE_LIMIT)
    180,  # CURVE_LIMIT (TIP_OVER)
    32,  # LIMP (NODE_FAULT)
))
# By VCU_Lock.Reason, while it is locked.
LOCKED = bytes((
    236,  # LOCKED_START (START)
    234,  # LOCKED_COMMAND (COMMAND)
    254,  # LOCKED (RIDER_ACTION)
    230,  # LOCKED_LAPSED (NO_ACTION)
    232,  # LOCKED_STOPPED (STANDSTILL)
    52,  # NOT_SET_UP (UNPROVISIONED)
    254,  # LOCKED (RESUMED)
    254,  # LOCKED (KEY_OFF)
    254,  # LOCKED (CHARGER)
))
# By refusal code; 255 is none.
REFUSALS = bytes((
    255,  # none
    100,  # REFUSED (MALFORMED)
    86,  # REFUSED_KEY (VEHICLE)
    92,  # REFUSED_AGAIN (CHALLENGE)
    94,  # REFUSED_BACKOFF (BACKOFF)
    86,  # REFUSED_KEY (OWNER)
    86,  # REFUSED_KEY (HOLDER)
    86,  # REFUSED_KEY (GRANT_ID)
    82,  # REFUSED_EARLY (NOT_YET)
    80,  # REFUSED_ENDED (EXPIRED)
    90,  # REFUSED_CLOCK (CLOCK)
    84,  # REFUSED_REVOKED (GENERATION)
    84,  # REFUSED_REVOKED (REVOKED)
    88,  # REFUSED_ACTION (WIDENED)
    88,  # REFUSED_ACTION (ACTION)
    96,  # REFUSED_SIGNATURE (SIGNATURE)
    52,  # NOT_SET_UP (UNPROVISIONED)
    98,  # REFUSED_STATE (STATE)
    100,  # REFUSED (ARGUMENT)
    92,  # REFUSED_AGAIN (BUSY)
    72,  # CODE_WRONG (CODE)
    76,  # CODE_WAIT (RATE)
))
# fmt: on

# State of a code's entry; its refusals are refusal codes like the others.
NO_ENTRY = 0
TYPING = 1
CHECKING = 2
SHORT = 3
_ENTRIES = bytes((255, 64, 60, 68))  # none, CODE_TYPING, CODE_CHECKING, CODE_SHORT

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
