"""The safety kernel: who may drive, how fast, and why not. Pure, the same on both interpreters.

`step(state, inputs, dt_ms)` gives the next state and what the vehicle is told to do. No command and
no fault ends drive while the vehicle moves; what is not confirmed to stand still, moves.
"""

from collections import namedtuple

from protocol import lock as names
from protocol import refusal

# --- The lock: (state, event) -> state. What is not in the table does not happen. ---
# HELD: a session that lost its right to drive at standstill and has to start again.
# ROLLING: a lock waits for standstill, in a session that has no drive.
# RESUMED: drive goes on after a reset in motion, until the vehicle stands.
LOCKED, READY, DRIVE, LOCK_PENDING, HELD, ROLLING, RESUMED = range(7)
STATES = ("LOCKED", "READY", "DRIVE", "LOCK_PENDING", "HELD", "ROLLING", "RESUMED")

(
    UNLOCK, LOCK_STILL, LOCK_MOVING, RESUME, ACTION, LAPSE_STILL, LAPSE_MOVING, STILL, KEY, PLUG,
) = range(10)  # fmt: skip
EVENTS = (
    "unlock command", "lock command at standstill", "lock command while moving",
    "reset in a session", "key, brake and gear on the vehicle",
    "no action for 5 s, at standstill", "no action for 5 s, while moving",
    "standstill confirmed", "key off at standstill", "charger plugged at standstill",
)  # fmt: skip

TABLE: dict[tuple[int, int | None], int] = {
    (LOCKED, UNLOCK): READY,
    (LOCKED, LOCK_STILL): LOCKED,
    (LOCKED, LOCK_MOVING): LOCKED,
    (LOCKED, RESUME): RESUMED,
    (READY, ACTION): DRIVE,
    (READY, LOCK_STILL): LOCKED,
    (READY, LOCK_MOVING): ROLLING,
    (READY, LAPSE_STILL): LOCKED,
    (READY, LAPSE_MOVING): ROLLING,
    (DRIVE, LOCK_STILL): LOCKED,
    (DRIVE, LOCK_MOVING): LOCK_PENDING,
    (DRIVE, KEY): HELD,
    (DRIVE, PLUG): HELD,
    (HELD, ACTION): DRIVE,
    (HELD, LOCK_STILL): LOCKED,
    (HELD, LOCK_MOVING): ROLLING,
    (RESUMED, LOCK_STILL): LOCKED,
    (RESUMED, LOCK_MOVING): LOCK_PENDING,
    (RESUMED, STILL): HELD,
    (LOCK_PENDING, LOCK_STILL): LOCKED,
    (LOCK_PENDING, LOCK_MOVING): LOCK_PENDING,
    (LOCK_PENDING, STILL): LOCKED,
    (ROLLING, LOCK_STILL): LOCKED,
    (ROLLING, LOCK_MOVING): ROLLING,
    (ROLLING, STILL): LOCKED,
}
DRIVING = (DRIVE, LOCK_PENDING, RESUMED)
# What VCU_Lock and the records call a state: there are four, and why the last change came.
WIRE = (0, 1, 2, 3, names.READY, names.LOCK_PENDING, names.DRIVE)
CAUSES: dict[int | None, int] = {
    UNLOCK: names.COMMAND,
    LOCK_STILL: names.COMMAND,
    LOCK_MOVING: names.COMMAND,
    RESUME: names.RESUMED,
    ACTION: names.RIDER_ACTION,
    LAPSE_STILL: names.NO_ACTION,
    LAPSE_MOVING: names.NO_ACTION,
    STILL: names.STANDSTILL,
    KEY: names.KEY_OFF,
    PLUG: names.CHARGER,
}

# --- The mode: (mode, event) -> mode. Limp drives on, slower and weaker. ---
OFF, LIMP, NORMAL, BEGINNER = range(4)  # VCU_Drive.Mode
FAULT, CLEAR = range(2)
MODE_EVENTS = ("fault", "no fault for 5 s, or no drive")
MODES: dict[tuple[int, int | None], int] = {(NORMAL, FAULT): LIMP, (LIMP, CLEAR): NORMAL}

# --- Limits ---
STILL_MMPS = 50
STILL_MS = 500
STALE_MS = 200  # of a speed: the receiver's timeout of MC_Status1
# Nothing slows down quicker than its tyres hold: a speed that does is a broken sensor. The vehicle
# then moves for as long as it could roll, or until a speed from which a leap to 0 would be noticed.
STOP_MMPSS = 15_000
STOP_SLACK_MMPS = 700
SHOWN_MMPS = 1_000
ROLLS_MS_PER_MMPS = 10
MOTOR_TURNS_MMPS = 500
ACTION_WITHIN_MS = 5_000
REVERSAL_MMPS = 300
CLEAR_MS = 5_000
LIMP_SPEED_MMPS = 2_800  # 10 km/h
FULL_PPM = 1_000_000
LIMP_PPM = 400_000
# Changes a millisecond. A cap falls like a bus driver's gentle brake; before a wheel lifts, faster.
TORQUE_DOWN_PPM = 100
TORQUE_UP_PPM = 200
CAP_DOWN_UMPS = 500
CAP_TIP_UMPS = 2_000
CAP_UP_UMPS = 2_000
FREE_MMPS = 1_000  # a cap so far above the speed takes nothing away
LONGEST_STEP_MS = 100  # of a ramp: a loop that was held up does not make a step of it
NEUTRAL, FORWARD, REVERSE = range(3)
NO_START = 2  # among the faults

# fmt: off
State = namedtuple("State", (
    "lock", "reason", "since_ms", "speed_mmps", "gap_ms", "still_ms", "doubt_ms",
    "mode", "clear_ms", "cap_umps", "torque_ppm", "direction", "lights"))
# command: None, UNLOCK, RESUME, or LOCK_STILL for any lock. speed_mmps, motor_mmps (the same by the
# motor's revolutions) and hmi (key, brake, gear, horn, lights) are None while stale; news: hmi came
# since the last step. limit_mmps is what vehicle, grant and zone allow, and limit which of them.
Inputs = namedtuple("Inputs", (
    "command", "unusable", "speed_mmps", "motor_mmps", "hmi", "news", "plugged", "faults",
    "limit_mmps", "limit", "tip_mmps", "tip_warning"))
Outputs = namedtuple("Outputs", (
    "enable", "mode", "direction", "torque_pct", "cap_mmps", "reason", "warning",
    "lock", "lock_reason", "refused", "lights", "horn"))


def start(unusable: int) -> State:
    # Locked, and moving until shown otherwise. `unusable` is the provisioning fault, 0 for none.
    reason = names.UNPROVISIONED if unusable else names.START
    return State(LOCKED, reason, 0, 0, STALE_MS, 0, 0, NORMAL, 0, 0, FULL_PPM, NEUTRAL, 0)
# fmt: on


def step(state: State, inputs: Inputs, dt_ms: int) -> tuple[State, Outputs]:
    # What holds dt_ms after `state`, by what is known now. Never raises.
    speed, gap_ms, still_ms, doubt_ms = _motion(state, inputs, dt_ms)
    still = still_ms >= STILL_MS
    event = _event(state, inputs, still, dt_ms)
    refused = inputs.command is not None and (state.lock, event) not in TABLE
    lock = TABLE.get((state.lock, event), state.lock)
    reason, since_ms = state.reason, min(state.since_ms + dt_ms, ACTION_WITHIN_MS)
    if lock != state.lock:
        reason, since_ms = CAUSES[event], 0
    mode, clear_ms = _mode(state, inputs, dt_ms)
    cap_umps = _cap(state, inputs, mode, still, dt_ms)
    torque_ppm = _torque(state, mode, dt_ms)
    direction = _direction(state, inputs, lock)
    lights = inputs.hmi[4] if inputs.hmi else state.lights
    after = State(
        *(lock, reason, since_ms, speed, gap_ms, still_ms, doubt_ms),
        *(mode, clear_ms, cap_umps, torque_ppm, direction, lights),
    )
    return after, _outputs(after, inputs, refusal.STATE if refused else 0)


def _motion(state: State, inputs: Inputs, dt_ms: int) -> tuple[int, int, int, int]:
    # (last speed, or what tyres leave of one before; its age; time at standstill; time of doubt)
    gap_ms = min(state.gap_ms + dt_ms, STALE_MS)
    if inputs.speed_mmps is None:
        return state.speed_mmps, gap_ms, 0, state.doubt_ms
    speed, doubt_ms = abs(inputs.speed_mmps), max(0, state.doubt_ms - dt_ms)
    least = state.speed_mmps - STOP_MMPSS * gap_ms // 1000
    if least > speed + STOP_SLACK_MMPS:
        doubt_ms = max(doubt_ms, state.speed_mmps * ROLLS_MS_PER_MMPS)
    elif speed > SHOWN_MMPS:
        doubt_ms = 0
    moves = speed >= STILL_MMPS or abs(inputs.motor_mmps or 0) >= MOTOR_TURNS_MMPS
    still_ms = 0 if moves or doubt_ms or gap_ms >= STALE_MS else state.still_ms + dt_ms
    return max(speed, least), 0, min(still_ms, STILL_MS), doubt_ms


def _event(state: State, inputs: Inputs, still: bool, dt_ms: int) -> int | None:
    # One a step; a command comes first. An action that arrives with the lapse is too late.
    lock = state.lock
    if inputs.command == LOCK_STILL:
        return LOCK_STILL if still else LOCK_MOVING
    if inputs.command is not None:
        return None if inputs.unusable else inputs.command
    if lock in (LOCK_PENDING, ROLLING, RESUMED):
        return STILL if still else None
    if lock == READY and state.since_ms + dt_ms >= ACTION_WITHIN_MS:
        return LAPSE_STILL if still else LAPSE_MOVING
    if lock == DRIVE:
        return _end_of_drive(inputs) if still else None
    return ACTION if inputs.news and not _obstacle(inputs) else None


def _end_of_drive(inputs: Inputs) -> int | None:
    if inputs.plugged:
        return PLUG
    return KEY if inputs.hmi and not inputs.hmi[0] else None


def _obstacle(inputs: Inputs) -> int:
    # Why drive cannot start, or 0: the first thing that the rider has to see to.
    if inputs.plugged:
        return names.DRIVE_CHARGER
    if inputs.hmi is None or inputs.faults & NO_START:
        return names.DRIVE_NODE_FAULT if inputs.hmi else names.DRIVE_INPUTS_STALE
    key, brake, gear = inputs.hmi[:3]
    if not key:
        return names.DRIVE_KEY_OFF
    if gear == NEUTRAL:
        return names.DRIVE_GEAR
    if not brake:
        return names.DRIVE_BRAKE
    if inputs.speed_mmps is None:
        return names.DRIVE_SPEED_STALE
    onwards = inputs.speed_mmps if gear == FORWARD else -inputs.speed_mmps
    return names.DRIVE_DIRECTION if onwards <= -REVERSAL_MMPS else 0


def _mode(state: State, inputs: Inputs, dt_ms: int) -> tuple[int, int]:
    # (mode, for how long there was no fault)
    if inputs.faults or inputs.speed_mmps is None or inputs.hmi is None:
        return MODES.get((state.mode, FAULT), state.mode), 0
    clear_ms = min(state.clear_ms + dt_ms, CLEAR_MS)
    event = CLEAR if clear_ms >= CLEAR_MS or state.lock not in DRIVING else None
    return MODES.get((state.mode, event), state.mode), clear_ms


def _cap(state: State, inputs: Inputs, mode: int, still: bool, dt_ms: int) -> int:
    most = LIMP_SPEED_MMPS if mode == LIMP else inputs.limit_mmps
    goal = 1000 * min(inputs.limit_mmps, inputs.tip_mmps, most)
    if still:
        return goal
    # A stale speed may be any speed; nothing is taken from it at once.
    stale = inputs.speed_mmps is None
    if state.lock not in DRIVING:
        return max(goal, 1000 * (inputs.limit_mmps if stale else abs(inputs.speed_mmps)))
    cap, ms = state.cap_umps, min(dt_ms, LONGEST_STEP_MS)
    if goal >= cap:
        return min(goal, cap + CAP_UP_UMPS * ms)
    if not stale:
        cap = min(cap, 1000 * (abs(inputs.speed_mmps) + FREE_MMPS))
    return max(goal, cap - ms * (CAP_TIP_UMPS if inputs.tip_mmps * 1000 == goal else CAP_DOWN_UMPS))


def _torque(state: State, mode: int, dt_ms: int) -> int:
    goal = LIMP_PPM if mode == LIMP else FULL_PPM
    if state.lock not in DRIVING:
        return goal
    ms = min(dt_ms, LONGEST_STEP_MS)
    if goal >= state.torque_ppm:
        return min(goal, state.torque_ppm + TORQUE_UP_PPM * ms)
    return max(goal, state.torque_ppm - TORQUE_DOWN_PPM * ms)


def _direction(state: State, inputs: Inputs, lock: int) -> int:
    # Stale inputs keep the direction; a reversal waits until the vehicle hardly moves, also by way
    # of neutral: out of it comes the way that the vehicle rolls, without a speed only forward.
    if lock not in DRIVING:
        return NEUTRAL
    if inputs.hmi is None:
        return state.direction
    gear, speed = inputs.hmi[2], inputs.speed_mmps
    fast = speed is None or abs(speed) >= REVERSAL_MMPS
    rolls = FORWARD if speed is None or speed > 0 else REVERSE
    turns = gear not in (NEUTRAL, rolls if state.direction == NEUTRAL else state.direction)
    return state.direction if turns and fast else gear


def _outputs(state: State, inputs: Inputs, refused: int) -> Outputs:
    beginner = inputs.limit == names.DRIVE_GRANT_LIMIT and state.mode == NORMAL
    mode = BEGINNER if beginner else state.mode
    horn = inputs.hmi[3] if inputs.hmi else 0
    rest = (_warnings(state, inputs), WIRE[state.lock], state.reason, refused, state.lights, horn)
    if state.lock not in DRIVING:
        return Outputs(0, OFF, NEUTRAL, 0, 0, _why_none(state, inputs), *rest)
    pct, cap = state.torque_ppm // 10_000, state.cap_umps // 1000
    return Outputs(1, mode, state.direction, pct, cap, _why_limited(state, inputs), *rest)


def _why_none(state: State, inputs: Inputs) -> int:
    if inputs.unusable:
        return names.DRIVE_FAULT + inputs.unusable
    if state.lock == ROLLING:
        return names.DRIVE_LOCK_PENDING
    return names.DRIVE_LOCKED if state.lock == LOCKED else _obstacle(inputs) or names.DRIVE_WAITING


def _why_limited(state: State, inputs: Inputs) -> int:
    if inputs.hmi is None:
        return names.DRIVE_INPUTS_STALE
    if inputs.speed_mmps is None:
        return names.DRIVE_SPEED_STALE
    if state.mode == LIMP:
        return names.DRIVE_NODE_FAULT
    if state.lock == LOCK_PENDING:
        return names.DRIVE_LOCK_PENDING
    return names.DRIVE_TIP_OVER if inputs.tip_mmps < inputs.limit_mmps else inputs.limit


def _warnings(state: State, inputs: Inputs) -> int:
    out = names.WARN_TIP_OVER * bool(inputs.tip_warning)
    out += names.WARN_LOCK_PENDING * (state.lock in (LOCK_PENDING, ROLLING))
    if state.lock not in DRIVING:
        return out
    turned = inputs.hmi is not None and inputs.hmi[2] != state.direction
    out += names.WARN_DIRECTION * turned
    out += names.WARN_SPEED * (inputs.speed_mmps is None or state.doubt_ms > 0)
    out += names.WARN_LIMP * (state.mode == LIMP)
    out += names.WARN_CHARGER * bool(inputs.plugged)
    out += names.WARN_INPUTS * (inputs.hmi is None)
    return out + names.WARN_LIMIT * (inputs.limit != names.DRIVE_FREE)
