"""The guard of the 12 V battery: when the vehicle may sleep, how deeply, and what wakes it. Pure.

It never sleeps unless it is locked, still, without a charger and with nothing to send, for a while.
"""

AWAKE, DROWSY, ASLEEP, LOW, CRITICAL = range(5)
STATES = ("AWAKE", "DROWSY", "ASLEEP", "LOW", "CRITICAL")

# What the caller sees, as bits.
LOCKED = 1
STILL = 2  # a confirmed standstill
SILENT = 4  # no node was heard for QUIET_MS: then nobody can say how fast it goes
PLUGGED = 8
PENDING = 16  # records, or a presentation under check

USED, RESTED, QUIET, SUPPLY_LOW, SUPPLY_EMPTY, NOTHING = range(6)
EVENTS = ("used", "rested", "rested, bus silent", "supply low", "supply empty")

# Columns in the order of the events; NOTHING leaves the state as it is.
# fmt: off
_TABLE = bytes((
    AWAKE, DROWSY, DROWSY, LOW, CRITICAL,  # AWAKE
    AWAKE, DROWSY, ASLEEP, LOW, CRITICAL,  # DROWSY
    AWAKE, ASLEEP, ASLEEP, LOW, CRITICAL,  # ASLEEP
    AWAKE, DROWSY, ASLEEP, LOW, CRITICAL,  # LOW
    AWAKE, DROWSY, ASLEEP, LOW, CRITICAL,  # CRITICAL
))
# fmt: on

# Levels of the supply, of a lead-acid battery of six cells.
GOOD, WEAK, FLAT, EMPTY = range(4)
_FALLS_BELOW_MV = (12_200, 11_800, 11_300)  # from this level to the next
RISE_MV = 300  # above the same limit it comes back
HOLD_MS = 60_000  # a dip while something starts does not count
# A processor that runs from this supply cannot measure less: then the sense wire is broken.
LEAST_MV = 5_000
MOST_MV = 18_000

QUIET_MS = 10_000
# How long it must have been at rest, by level.
REST_MS = (600_000, 60_000, 10_000, 10_000)

# Which ends of deep sleep are armed, and when it looks at the supply by itself.
BY_BUS = 1
BY_BUTTON = 2
LOOK_MS = (0, 0, 1_800_000, 3_600_000, 21_600_000)  # by state
EARLY_S = 2  # a timer of these chips may be so much too early


def next_state(state: int, event: int) -> int:
    """The table."""
    return state if event == NOTHING else _TABLE[state * 5 + event]


def is_measured(supply_mv: "int | None") -> bool:
    return supply_mv is not None and LEAST_MV <= supply_mv <= MOST_MV


def wakes(state: int, silent: bool) -> int:
    """BY_BUS, BY_BUTTON. A bus that is not silent would wake it at once."""
    if state == CRITICAL:
        return 0
    return BY_BUTTON | BY_BUS if silent or state == ASLEEP else BY_BUTTON


def after_sleep(state: int, supply_mv: "int | None", by_timer: bool) -> int:
    """Woken: AWAKE means start; else sleep on, in the state that this is. One sample is enough: a
    vehicle that sleeps has no load that could make it dip."""
    if state not in (ASLEEP, LOW, CRITICAL) or not by_timer:
        return AWAKE
    if supply_mv is None or not is_measured(supply_mv):
        return AWAKE if state == CRITICAL else state
    if supply_mv < _FALLS_BELOW_MV[FLAT] + (RISE_MV if state == CRITICAL else 0):
        return CRITICAL
    if state == CRITICAL:
        return AWAKE  # somebody charges it
    if supply_mv < _FALLS_BELOW_MV[WEAK] + (RISE_MV if state == LOW else 0):
        return LOW
    return ASLEEP


class Guard:
    """`slept` is the state before this start: what was low then is taken to be low still."""

    def __init__(self, slept: int, now_ms: int) -> None:
        self.state = AWAKE
        self.level = FLAT if slept == LOW else GOOD
        self._rest_since_ms = now_ms
        self._level_since_ms = now_ms

    def step(self, supply_mv: "int | None", facts: int, now_ms: int) -> int:
        """The state, once a second or so. `facts`: the bits above; None: no such measurement."""
        self._follow(supply_mv, now_ms)
        self.state = next_state(self.state, self._event(facts, now_ms))
        return self.state

    def _event(self, facts: int, now_ms: int) -> int:
        if not facts & LOCKED or facts & PLUGGED or not facts & (STILL | SILENT):
            self._rest_since_ms = now_ms
            return USED
        if facts & PENDING or now_ms - self._rest_since_ms < REST_MS[self.level]:
            return NOTHING
        if self.level >= FLAT:
            return SUPPLY_EMPTY if self.level == EMPTY else SUPPLY_LOW
        return QUIET if facts & SILENT else RESTED

    def _follow(self, supply_mv: "int | None", now_ms: int) -> None:
        step = self._tends(supply_mv)
        if not step:
            self._level_since_ms = now_ms
        elif now_ms - self._level_since_ms >= HOLD_MS:
            self.level += step
            self._level_since_ms = now_ms

    def _tends(self, supply_mv: "int | None") -> int:
        if supply_mv is None or not is_measured(supply_mv):
            return 0  # what is not known changes nothing
        if self.level < EMPTY and supply_mv < _FALLS_BELOW_MV[self.level]:
            return 1
        if self.level > GOOD and supply_mv >= _FALLS_BELOW_MV[self.level - 1] + RISE_MV:
            return -1
        return 0
