"""The rules of the safety kernel's lock, each written by hand as a function of the kernel.

`RULES`, with those of safety_rules_drive.py, run against vcu/safety.py in test_safety_kernel.py and
against every mutant of it in test_safety_mutants.py: a mutant that no rule notices is a hole in the
rules. Values lie dense around each limit.
"""

import itertools

from vcu import degrade

from protocol import lock as names
from protocol import refusal

STALE = None
FAST = 12_500
# What each state does with each event; what is missing does not happen.
EXPECTED = {
    "LOCKED": {
        "UNLOCK": "READY", "LOCK_STILL": "LOCKED", "LOCK_MOVING": "LOCKED", "RESUME": "RESUMED",
    },
    "READY": {
        "ACTION": "DRIVE", "LOCK_STILL": "LOCKED", "LOCK_MOVING": "ROLLING",
        "LAPSE_STILL": "LOCKED", "LAPSE_MOVING": "ROLLING",
    },
    "DRIVE": {"LOCK_STILL": "LOCKED", "LOCK_MOVING": "LOCK_PENDING", "KEY": "HELD", "PLUG": "HELD"},
    "LOCK_PENDING": {"LOCK_STILL": "LOCKED", "LOCK_MOVING": "LOCK_PENDING", "STILL": "LOCKED"},
    "HELD": {"ACTION": "DRIVE", "LOCK_STILL": "LOCKED", "LOCK_MOVING": "ROLLING"},
    "ROLLING": {"LOCK_STILL": "LOCKED", "LOCK_MOVING": "ROLLING", "STILL": "LOCKED"},
    "RESUMED": {"LOCK_STILL": "LOCKED", "LOCK_MOVING": "LOCK_PENDING", "STILL": "HELD"},
}  # fmt: skip
EVENT_NAMES = (
    "UNLOCK", "LOCK_STILL", "LOCK_MOVING", "RESUME", "ACTION",
    "LAPSE_STILL", "LAPSE_MOVING", "STILL", "KEY", "PLUG",
)  # fmt: skip
DRIVES = ("DRIVE", "LOCK_PENDING", "RESUMED")
WIRE = {
    "LOCKED": names.LOCKED,
    "READY": names.READY,
    "DRIVE": names.DRIVE,
    "LOCK_PENDING": names.LOCK_PENDING,
    "HELD": names.READY,
    "ROLLING": names.LOCK_PENDING,
    "RESUMED": names.DRIVE,
}
RULES = []


def rule(function):
    RULES.append(function)
    return function


def inputs(k, **changes):
    """A rider who is ready to start on a sound vehicle at standstill."""
    given = {
        "command": None, "unusable": 0, "speed_mmps": 0, "motor_mmps": None,
        "hmi": (1, 1, k.FORWARD, 0, 0), "news": True, "plugged": 0, "faults": 0,
        "limit_mmps": FAST, "limit": names.DRIVE_FREE, "tip_mmps": 65_535, "tip_warning": 0,
    }  # fmt: skip
    return k.Inputs(**{**given, **changes})


def state(k, lock, **changes):
    """A state that has stood for long and drives at full torque."""
    calm = k.start(0)._replace(
        lock=getattr(k, lock), gap_ms=0, still_ms=k.STILL_MS, cap_umps=FAST * 1000
    )
    return calm._replace(**changes)


def moving(k, lock, speed_mmps=5_000, **changes):
    return state(k, lock, **{"still_ms": 0, "speed_mmps": abs(speed_mmps), **changes})


def hmi(k, key=1, brake=1, gear=None, horn=0, lights=0):
    return (key, brake, k.FORWARD if gear is None else gear, horn, lights)


def locks(k, before, given, dt_ms=20):
    """The name of the state that follows, and the outputs."""
    after, outputs = k.step(before, given, dt_ms)
    return k.STATES[after.lock], after, outputs


# --- the tables ---


@rule
def the_tables_are_the_expected_ones(k):
    assert tuple(EXPECTED) == k.STATES and len(set(map(k.STATES.index, EXPECTED))) == 7
    wanted = {
        (getattr(k, source), getattr(k, event)): getattr(k, target)
        for source, line in EXPECTED.items()
        for event, target in line.items()
    }
    assert wanted == k.TABLE
    assert [k.STATES[number] for number in k.DRIVING] == list(DRIVES)
    assert len({getattr(k, name) for name in EVENT_NAMES}) == len(EVENT_NAMES)
    assert {(k.NORMAL, k.FAULT): k.LIMP, (k.LIMP, k.CLEAR): k.NORMAL} == k.MODES
    assert (k.OFF, k.LIMP, k.NORMAL, k.BEGINNER) == (0, 1, 2, 3)
    assert (k.NEUTRAL, k.FORWARD, k.REVERSE) == (0, 1, 2)


@rule
def every_event_has_its_reason(k):
    assert {
        k.UNLOCK: names.COMMAND,
        k.LOCK_STILL: names.COMMAND,
        k.LOCK_MOVING: names.COMMAND,
        k.RESUME: names.RESUMED,
        k.ACTION: names.RIDER_ACTION,
        k.LAPSE_STILL: names.NO_ACTION,
        k.LAPSE_MOVING: names.NO_ACTION,
        k.STILL: names.STANDSTILL,
        k.KEY: names.KEY_OFF,
        k.PLUG: names.CHARGER,
    } == k.CAUSES


@rule
def every_event_has_its_text(k):
    for events, names_of_events in ((k.EVENTS, EVENT_NAMES), (k.MODE_EVENTS, ("FAULT", "CLEAR"))):
        assert sorted(getattr(k, name) for name in names_of_events) == list(range(len(events)))
        assert len(set(events)) == len(events) and all(events)


@rule
def the_limits_are_those_of_the_page(k):
    limits = (k.STILL_MMPS, k.STILL_MS, k.STALE_MS, k.ACTION_WITHIN_MS, k.REVERSAL_MMPS)
    assert limits == (50, 500, 200, 5_000, 300)
    assert (k.STOP_MMPSS, k.STOP_SLACK_MMPS, k.ROLLS_MS_PER_MMPS) == (15_000, 700, 10)
    assert (k.SHOWN_MMPS, k.NO_START) == (1_000, degrade.NO_START)
    assert (k.MOTOR_TURNS_MMPS, k.CLEAR_MS, k.LIMP_SPEED_MMPS) == (500, 5_000, 2_800)
    assert (k.FULL_PPM, k.LIMP_PPM, k.TORQUE_DOWN_PPM, k.TORQUE_UP_PPM) == (
        10**6,
        400_000,
        100,
        200,
    )
    assert (k.CAP_DOWN_UMPS, k.CAP_TIP_UMPS, k.CAP_UP_UMPS) == (500, 2_000, 2_000)
    assert (k.FREE_MMPS, k.LONGEST_STEP_MS) == (1_000, 100)


@rule
def a_start_is_locked_and_not_at_standstill(k):
    for unusable, reason in ((0, names.START), (1, names.UNPROVISIONED), (4, names.UNPROVISIONED)):
        first = k.start(unusable)
        assert first == k.State(k.LOCKED, reason, 0, 0, 200, 0, 0, k.NORMAL, 0, 0, 10**6, 0, 0)


# --- commands ---


@rule
def every_state_and_command(k):
    for source, still, command in itertools.product(
        EXPECTED, (True, False), ("UNLOCK", "LOCK", "RESUME")
    ):
        before = state(k, source) if still else moving(k, source)
        given = inputs(
            k,
            command=getattr(k, "LOCK_STILL" if command == "LOCK" else command),
            speed_mmps=0 if still else 5_000,
        )
        event = {"LOCK": "LOCK_STILL" if still else "LOCK_MOVING"}.get(command, command)
        target = EXPECTED[source].get(event)
        name, after, outputs = locks(k, before, given)
        assert name == (target or source), (source, event)
        assert outputs.refused == (0 if target else refusal.STATE), (source, event)
        changed = target not in (None, source)
        assert after.reason == (k.CAUSES[getattr(k, event)] if changed else before.reason)
        assert after.since_ms == (0 if changed else 20)


@rule
def nothing_unlocks_what_is_not_provisioned(k):
    for unusable in (1, 2, 3, 4):
        for command in (k.UNLOCK, k.RESUME):
            given = inputs(k, command=command, unusable=unusable)
            name, _, outputs = locks(k, state(k, "LOCKED"), given)
            assert (name, outputs.refused) == ("LOCKED", refusal.STATE)
            assert outputs.reason == names.DRIVE_FAULT + unusable
        given = inputs(k, command=k.LOCK_STILL, unusable=unusable)
        assert locks(k, state(k, "LOCKED"), given)[2].refused == 0
        for source in ("READY", "HELD", "ROLLING"):
            outputs = locks(k, state(k, source), inputs(k, unusable=unusable, news=False))[2]
            assert outputs.reason == names.DRIVE_FAULT + unusable


@rule
def a_command_comes_before_what_happens_by_itself(k):
    ready = state(k, "READY", since_ms=10_000)
    assert locks(k, ready, inputs(k, command=k.UNLOCK))[0] == "READY"
    assert locks(k, state(k, "DRIVE"), inputs(k, command=k.UNLOCK, plugged=1))[0] == "DRIVE"
    assert locks(k, state(k, "ROLLING"), inputs(k, command=k.UNLOCK))[0] == "ROLLING"


# --- what happens by itself ---


@rule
def an_action_is_awaited_for_five_seconds(k):
    for since_ms in (0, 1, 4_978, 4_979):
        before = state(k, "READY", since_ms=since_ms)
        assert locks(k, before, inputs(k))[0] == "DRIVE"
        assert locks(k, before, inputs(k, news=False))[0] == "READY"
        assert locks(k, before, inputs(k, news=False))[1].since_ms == since_ms + 20
    for since_ms in (4_980, 4_981, 5_000):
        before = state(k, "READY", since_ms=since_ms)
        name, after, _ = locks(k, before, inputs(k))
        assert (name, after.reason) == ("LOCKED", names.NO_ACTION)
        rolls = moving(k, "READY", since_ms=since_ms)
        name, after, outputs = locks(k, rolls, inputs(k, speed_mmps=5_000))
        assert (name, outputs.lock, outputs.enable) == ("ROLLING", names.LOCK_PENDING, 0)
    # Who holds a session has all the time.
    assert locks(k, state(k, "HELD", since_ms=5_000), inputs(k, news=False))[0] == "HELD"
    assert locks(k, state(k, "HELD", since_ms=5_000), inputs(k))[0] == "DRIVE"
    assert locks(k, state(k, "READY", since_ms=4_990), inputs(k, news=False), 9)[0] == "READY"


@rule
def the_time_in_a_state_does_not_grow_for_ever(k):
    for since_ms, wanted in ((4_979, 4_999), (4_980, 5_000), (4_981, 5_000), (5_000, 5_000)):
        assert locks(k, state(k, "DRIVE", since_ms=since_ms), inputs(k))[1].since_ms == wanted


@rule
def a_pending_lock_waits_for_the_standstill(k):
    for source, target in (("LOCK_PENDING", "LOCKED"), ("ROLLING", "LOCKED"), ("RESUMED", "HELD")):
        name, after, outputs = locks(k, state(k, source), inputs(k))
        assert (name, after.reason) == (target, names.STANDSTILL)
        assert outputs.enable == 0 and outputs.direction == k.NEUTRAL
        for given in (inputs(k, speed_mmps=5_000), inputs(k, speed_mmps=STALE)):
            assert locks(k, moving(k, source), given)[0] == source
    for source in ("LOCKED", "HELD", "READY", "DRIVE"):
        assert locks(k, state(k, source), inputs(k, news=False))[0] == source


@rule
def drive_ends_at_standstill_only(k):
    off, plugged = hmi(k, key=0), 1
    for given, reason in (
        ({"hmi": off}, names.KEY_OFF),
        ({"plugged": plugged}, names.CHARGER),
        ({"plugged": plugged, "hmi": off}, names.CHARGER),
        ({"plugged": plugged, "hmi": None}, names.CHARGER),
    ):
        name, after, outputs = locks(k, state(k, "DRIVE"), inputs(k, **given))
        assert (name, after.reason, outputs.enable) == ("HELD", reason, 0)
        assert locks(k, moving(k, "DRIVE"), inputs(k, speed_mmps=5_000, **given))[0] == "DRIVE"
        assert locks(k, moving(k, "DRIVE"), inputs(k, speed_mmps=STALE, **given))[0] == "DRIVE"
        assert locks(k, state(k, "DRIVE", still_ms=479), inputs(k, **given))[0] == "DRIVE"
        assert locks(k, state(k, "HELD"), inputs(k, **given))[0] == "HELD"
    for given in ({"hmi": None}, {"hmi": hmi(k, brake=0)}, {"hmi": hmi(k, gear=k.NEUTRAL)}):
        assert locks(k, state(k, "DRIVE"), inputs(k, **given))[0] == "DRIVE"


# --- may drive start? ---


def obstacles(k):
    """In the order in which the rider is told; each with inputs that only it spoils."""
    return [
        ({"plugged": 1}, names.DRIVE_CHARGER),
        ({"hmi": None}, names.DRIVE_INPUTS_STALE),
        ({"faults": k.NO_START}, names.DRIVE_NODE_FAULT),
        ({"hmi": hmi(k, key=0)}, names.DRIVE_KEY_OFF),
        ({"hmi": hmi(k, gear=k.NEUTRAL)}, names.DRIVE_GEAR),
        ({"hmi": hmi(k, brake=0)}, names.DRIVE_BRAKE),
        ({"speed_mmps": STALE}, names.DRIVE_SPEED_STALE),
        ({"speed_mmps": -300}, names.DRIVE_DIRECTION),
        ({"speed_mmps": -301}, names.DRIVE_DIRECTION),
        ({"speed_mmps": 300, "hmi": hmi(k, gear=k.REVERSE)}, names.DRIVE_DIRECTION),
        ({"speed_mmps": 9_000, "hmi": hmi(k, gear=k.REVERSE)}, names.DRIVE_DIRECTION),
        ({"faults": 2}, names.DRIVE_NODE_FAULT),
        ({"faults": 3}, names.DRIVE_NODE_FAULT),
        ({"faults": 0x102}, names.DRIVE_NODE_FAULT),
    ]


@rule
def every_obstacle_keeps_drive_from_starting(k):
    for source, (changes, reason) in itertools.product(("READY", "HELD"), obstacles(k)):
        name, _, outputs = locks(k, moving(k, source), inputs(k, **changes))
        assert (name, outputs.enable, outputs.reason) == (source, 0, reason), changes
    for source in ("READY", "HELD"):
        name, _, outputs = locks(k, state(k, source), inputs(k, news=False))
        assert (name, outputs.reason) == (source, names.DRIVE_WAITING)


@rule
def a_fault_that_lets_start_lets_start_in_limp(k):
    for source, faults in itertools.product(("READY", "HELD"), (1, 4, 0x101, 0x100)):
        name, _, outputs = locks(k, state(k, source), inputs(k, faults=faults))
        assert (name, outputs.enable, outputs.torque_pct) == ("DRIVE", 1, 40)
    # And it ends no drive, also at standstill.
    assert locks(k, state(k, "DRIVE"), inputs(k, faults=k.NO_START))[2].enable


@rule
def the_first_obstacle_is_told(k):
    both = {
        names.DRIVE_CHARGER: {"plugged": 1, "hmi": None, "speed_mmps": STALE},
        names.DRIVE_INPUTS_STALE: {"hmi": None, "faults": 255, "speed_mmps": STALE},
        names.DRIVE_NODE_FAULT: {"hmi": hmi(k, 0, 0, k.NEUTRAL), "faults": 255},
        names.DRIVE_KEY_OFF: {"hmi": hmi(k, 0, 0, k.NEUTRAL), "speed_mmps": STALE},
        names.DRIVE_GEAR: {"hmi": hmi(k, 1, 0, k.NEUTRAL), "speed_mmps": STALE},
        names.DRIVE_BRAKE: {"hmi": hmi(k, 1, 0), "speed_mmps": STALE},
        names.DRIVE_SPEED_STALE: {"speed_mmps": STALE, "faults": 1},
        names.DRIVE_DIRECTION: {"speed_mmps": -300, "faults": 1},
    }
    for reason, changes in both.items():
        assert locks(k, moving(k, "READY"), inputs(k, **changes))[2].reason == reason


@rule
def drive_starts_in_the_direction_of_motion(k):
    for gear, speed in (
        (k.FORWARD, 0), (k.FORWARD, 4_000), (k.FORWARD, 300), (k.FORWARD, -299), (k.FORWARD, -1),
        (k.REVERSE, 0), (k.REVERSE, -4_000), (k.REVERSE, -300), (k.REVERSE, 299), (k.REVERSE, 1),
    ):  # fmt: skip
        for source in ("READY", "HELD"):
            given = inputs(k, hmi=hmi(k, gear=gear), speed_mmps=speed)
            name, after, outputs = locks(k, moving(k, source), given)
            assert (name, outputs.enable, outputs.direction) == ("DRIVE", 1, gear)
            assert after.reason == names.RIDER_ACTION


@rule
def a_fault_that_a_node_reports_of_itself_lets_drive_start(k):
    for source, faults in itertools.product(("READY", "HELD"), (1, 4, 0x100)):
        name, _, outputs = locks(k, state(k, source), inputs(k, faults=faults))
        assert (name, outputs.mode) == ("DRIVE", k.LIMP)


# --- does it stand? ---


@rule
def the_standstill_takes_half_a_second_of_fresh_low_speed(k):
    for still_ms, dt_ms, confirmed in (
        (0, 20, False), (478, 20, False), (479, 20, False), (480, 20, True), (481, 20, True),
        (499, 1, True), (498, 1, False), (500, 20, True), (499, 0, False),
    ):  # fmt: skip
        for speed in (0, 1, -1, 49, -49):
            name, after, _ = locks(
                k, state(k, "ROLLING", still_ms=still_ms), inputs(k, speed_mmps=speed), dt_ms
            )
            assert (name == "LOCKED") is confirmed, (still_ms, dt_ms)
            assert after.still_ms == min(500, still_ms + dt_ms)
            assert (after.speed_mmps, after.gap_ms, after.doubt_ms) == (abs(speed), 0, 0)
    for speed in (50, -50, 51, 32_767, -32_768):
        name, after, _ = locks(k, state(k, "ROLLING"), inputs(k, speed_mmps=speed))
        assert (name, after.still_ms, after.gap_ms) == ("ROLLING", 0, 0)
        assert (after.speed_mmps, after.doubt_ms) == (abs(speed), 0)


@rule
def a_motor_that_turns_is_motion(k):
    for motor, stands in (
        (None, True),
        (0, True),
        (499, True),
        (-499, True),
        (500, False),
        (-500, False),
        (501, False),
    ):
        name, after, _ = locks(k, state(k, "ROLLING"), inputs(k, motor_mmps=motor))
        assert (name == "LOCKED") is stands and (after.still_ms == 500) is stands
    # A speed that leapt to 0 under a motor that turns is no better known once the motor stands.
    doubted = state(k, "ROLLING", doubt_ms=9_000, still_ms=0)
    assert locks(k, doubted, inputs(k, motor_mmps=500))[1].doubt_ms == 8_980
    after = locks(k, moving(k, "ROLLING", 8_000), inputs(k, motor_mmps=8_000))[1]
    assert (after.doubt_ms, after.still_ms) == (80_000, 0)


@rule
def a_stale_speed_is_motion(k):
    for gap_ms, after_ms in ((0, 20), (179, 199), (180, 200), (190, 200), (200, 200)):
        before = state(k, "ROLLING", speed_mmps=777, gap_ms=gap_ms, doubt_ms=5)
        name, after, _ = locks(k, before, inputs(k, speed_mmps=STALE))
        assert (name, after.still_ms, after.gap_ms) == ("ROLLING", 0, after_ms)
        assert (after.speed_mmps, after.doubt_ms) == (777, 5)
    # The half second begins anew behind a gap.
    for gap_ms, kept in ((0, True), (179, True), (180, False), (181, False), (200, False)):
        after = locks(k, state(k, "ROLLING", gap_ms=gap_ms), inputs(k))[1]
        assert (after.still_ms == 500) is kept and after.still_ms in (0, 500)


@rule
def a_stop_that_no_tyre_can_make_is_doubted(k):
    # Within 20 ms: 700 + 15 m/s2 * 20 ms = 1,000 mm/s; a gap of 200 ms and more: 3,700 mm/s.
    for gap_ms, fall, doubted in (
        (0, 1_000, False), (0, 1_001, True), (0, 8_000, True), (0, 999, False),
        (100, 2_500, False), (100, 2_501, True), (180, 3_700, False), (180, 3_701, True),
        (200, 3_700, False), (200, 3_701, True), (200, 12_000, True),
    ):  # fmt: skip
        for seen in (0, 49, -49, 50, -800, 9_000):
            speed = fall + abs(seen)
            before = moving(k, "LOCK_PENDING", speed, gap_ms=gap_ms)
            name, after, _ = locks(k, before, inputs(k, speed_mmps=seen))
            assert name == "LOCK_PENDING"
            assert after.doubt_ms == (10 * speed if doubted else 0), (gap_ms, speed)
            moves = doubted or gap_ms >= 180 or abs(seen) >= 50
            assert after.still_ms == (0 if moves else 20)
            # What tyres leave of it is what the next ones are measured by.
            left = speed - 15 * min(200, gap_ms + 20)
            assert (after.speed_mmps, after.gap_ms) == (max(abs(seen), left), 0)


@rule
def a_stop_in_small_leaps_is_doubted_as_well(k):
    """The filter of a sensor that died: no leap is large, but tyres do not stop so."""
    for keeps_permille, doubted in ((800, True), (900, True), (950, False), (990, False)):
        name, after, speed = "LOCK_PENDING", moving(k, "LOCK_PENDING", 8_000), 8_000
        for _ in range(700):
            speed = speed * keeps_permille // 1000
            name, after, _ = locks(k, after, inputs(k, speed_mmps=speed))
        assert (name == "LOCK_PENDING") is doubted, keeps_permille
    for steps in ((8_000, 600, 0), (8_000, 0, 600, 0), (8_000, 7_000, 1_000, 999, 0)):
        after = moving(k, "LOCK_PENDING", 8_000)
        for speed in steps + (0,) * 100:
            name, after, _ = locks(k, after, inputs(k, speed_mmps=speed))
        assert name == "LOCK_PENDING", steps


@rule
def doubt_lasts_as_long_as_the_vehicle_could_roll(k):
    for doubt_ms, left_ms in ((80_000, 79_980), (21, 1), (20, 0), (19, 0), (1, 0)):
        before = state(k, "LOCK_PENDING", doubt_ms=doubt_ms, still_ms=0)
        name, after, outputs = locks(k, before, inputs(k))
        assert (name, after.doubt_ms) == ("LOCK_PENDING", left_ms)
        assert after.still_ms == (0 if left_ms else 20)
        assert (after.speed_mmps, after.gap_ms) == (0, 0)
        assert bool(outputs.warning & names.WARN_SPEED) is (left_ms > 0)
    # A new doubt takes nothing from one that lasts longer.
    for doubt_ms, left_ms in ((80_019, 80_000), (80_021, 80_001), (90_000, 89_980)):
        before = moving(k, "LOCK_PENDING", 8_000, doubt_ms=doubt_ms)
        assert locks(k, before, inputs(k))[1].doubt_ms == left_ms
    # Noise ends no doubt; a speed from which a leap to 0 would be noticed does.
    for speed, left_ms in ((50, 9_980), (1_000, 9_980), (-1_000, 9_980), (1_001, 0), (-9_000, 0)):
        before = state(k, "DRIVE", doubt_ms=10_000, still_ms=0)
        after = locks(k, before, inputs(k, speed_mmps=speed))[1]
        assert (after.doubt_ms, after.still_ms, after.speed_mmps) == (left_ms, 0, abs(speed))
