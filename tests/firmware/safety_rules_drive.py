"""The rules of the safety kernel's drive: mode, torque, caps, direction, what it tells."""

import itertools

from safety_rules import DRIVES, EXPECTED, STALE, WIRE, hmi, inputs, moving, rule, state

from protocol import lock as names

# --- mode and torque ---


@rule
def whatever_is_wrong_leads_to_limp(k):
    for changes in ({"faults": 1}, {"faults": 64}, {"speed_mmps": STALE}, {"hmi": None}):
        for lock in EXPECTED:
            given = inputs(k, **{"speed_mmps": 5_000, **changes})
            after = k.step(moving(k, lock, clear_ms=4_000), given, 20)[0]
            assert (after.mode, after.clear_ms) == (k.LIMP, 0)
            after = k.step(moving(k, lock, mode=k.LIMP), given, 20)[0]
            assert (after.mode, after.clear_ms) == (k.LIMP, 0)


@rule
def limp_ends_after_five_sound_seconds(k):
    for lock in DRIVES:
        for clear_ms, mode in ((0, "LIMP"), (4_979, "LIMP"), (4_980, "NORMAL"), (5_000, "NORMAL")):
            before = moving(k, lock, mode=k.LIMP, clear_ms=clear_ms)
            after = k.step(before, inputs(k, speed_mmps=5_000), 20)[0]
            assert after.mode == getattr(k, mode)
            assert after.clear_ms == min(5_000, clear_ms + 20)
    for lock in ("LOCKED", "READY", "HELD", "ROLLING"):
        before = moving(k, lock, mode=k.LIMP)
        assert k.step(before, inputs(k, speed_mmps=5_000), 20)[0].mode == k.NORMAL
    sound = k.step(moving(k, "DRIVE"), inputs(k, speed_mmps=5_000), 20)[0]
    assert (sound.mode, sound.clear_ms) == (k.NORMAL, 20)


@rule
def torque_goes_down_and_up_by_its_ramps(k):
    ill, sound = inputs(k, speed_mmps=5_000, faults=1), inputs(k, speed_mmps=5_000)
    for lock in DRIVES:
        for torque, dt_ms, wanted in (
            (1_000_000, 20, 998_000), (1_000_000, 1, 999_900), (1_000_000, 100, 990_000),
            (1_000_000, 101, 990_000), (1_000_000, 0, 1_000_000), (402_000, 20, 400_000),
            (402_001, 20, 400_001), (401_999, 20, 400_000), (400_000, 20, 400_000),
            (399_999, 20, 400_000), (300_000, 20, 304_000),
        ):  # fmt: skip
            after = k.step(moving(k, lock, torque_ppm=torque), ill, dt_ms)[0]
            assert after.torque_ppm == wanted, (torque, dt_ms)
        for torque, dt_ms, wanted in (
            (400_000, 20, 404_000), (400_000, 101, 420_000), (996_000, 20, 1_000_000),
            (995_999, 20, 999_999), (996_001, 20, 1_000_000), (1_000_000, 20, 1_000_000),
        ):  # fmt: skip
            after = k.step(moving(k, lock, torque_ppm=torque), sound, dt_ms)[0]
            assert after.torque_ppm == wanted, (torque, dt_ms)
    for lock in ("LOCKED", "READY", "HELD", "ROLLING"):
        assert k.step(moving(k, lock, torque_ppm=7), ill, 20)[0].torque_ppm == 400_000
        assert k.step(moving(k, lock, torque_ppm=7), sound, 20)[0].torque_ppm == 1_000_000


# --- the cap on the speed ---


def cap(k, before, given, dt_ms=20):
    return k.step(before, given, dt_ms)[0].cap_umps


@rule
def at_standstill_the_cap_is_the_goal(k):
    for lock in EXPECTED:
        assert cap(k, state(k, lock), inputs(k, limit_mmps=3_000, news=False)) == 3_000_000
        assert cap(k, state(k, lock), inputs(k, tip_mmps=2_500, news=False)) == 2_500_000
        limping = inputs(k, faults=1, news=False)
        assert cap(k, state(k, lock), limping) == 2_800_000
        assert cap(k, state(k, lock), inputs(k, faults=1, limit_mmps=2_799)) == 2_799_000
    assert cap(k, state(k, "DRIVE"), inputs(k, limit_mmps=65_535)) == 65_535_000


@rule
def who_does_not_drive_yet_starts_at_the_speed_of_the_vehicle(k):
    for lock in ("LOCKED", "READY", "HELD", "ROLLING"):
        for speed, wanted in (
            (2_999, 3_000),
            (3_000, 3_000),
            (3_001, 3_001),
            (-9_000, 9_000),
            (60, 3_000),
        ):
            given = inputs(k, limit_mmps=3_000, speed_mmps=speed)
            assert cap(k, moving(k, lock, cap_umps=1), given) == wanted * 1000
        stale = inputs(k, limit_mmps=9_000, tip_mmps=2_000, speed_mmps=STALE)
        assert cap(k, moving(k, lock, cap_umps=1), stale) == 9_000_000


@rule
def the_cap_falls_gently_while_moving(k):
    for lock in DRIVES:
        for start, speed, changes, dt_ms, wanted in (
            (12_500, 12_000, {"limit_mmps": 3_000}, 20, 12_490_000),
            (12_500, 12_000, {"limit_mmps": 3_000}, 1, 12_499_500),
            (12_500, 12_000, {"limit_mmps": 3_000}, 100, 12_450_000),
            (12_500, 12_000, {"limit_mmps": 3_000}, 101, 12_450_000),
            (12_500, 12_000, {"limit_mmps": 3_000}, 0, 12_500_000),
            (12_500, 12_000, {"faults": 1}, 20, 12_490_000),
            (12_500, 12_000, {"tip_mmps": 3_000}, 20, 12_460_000),
            # The higher of two limits has no say in the ramp.
            (12_500, 12_000, {"tip_mmps": 3_001, "limit_mmps": 3_000}, 20, 12_490_000),
            (12_500, 12_000, {"tip_mmps": 3_000, "limit_mmps": 3_000}, 20, 12_460_000),
            (12_500, 12_000, {"tip_mmps": 2_799, "faults": 1}, 20, 12_460_000),
            (12_500, 12_000, {"tip_mmps": 2_801, "faults": 1}, 20, 12_490_000),
            # What is more than a metre a second above the speed takes nothing away.
            (12_500, 5_000, {"limit_mmps": 3_000}, 20, 5_990_000),
            (12_500, -5_000, {"limit_mmps": 3_000}, 20, 5_990_000),
            (6_001, 5_000, {"limit_mmps": 3_000}, 20, 5_990_000),
            (6_000, 5_000, {"limit_mmps": 3_000}, 20, 5_990_000),
            (5_999, 5_000, {"limit_mmps": 3_000}, 20, 5_989_000),
            (12_500, 60, {"limit_mmps": 3_000}, 20, 3_000_000),
            (3_010, 5_000, {"limit_mmps": 3_000}, 20, 3_000_000),
            (3_011, 5_000, {"limit_mmps": 3_000}, 20, 3_001_000),
            (3_009, 5_000, {"limit_mmps": 3_000}, 20, 3_000_000),
            (12_500, STALE, {"limit_mmps": 3_000}, 20, 12_490_000),
        ):  # fmt: skip
            before = moving(k, lock, 5_000, cap_umps=start * 1000)
            given = inputs(k, speed_mmps=speed, **changes)
            assert cap(k, before, given, dt_ms) == wanted, (start, speed, changes, dt_ms)


@rule
def the_cap_rises_by_its_ramp(k):
    for lock in DRIVES:
        for start, dt_ms, wanted in (
            (3_000_000, 20, 3_040_000), (3_000_000, 1, 3_002_000), (3_000_000, 101, 3_200_000),
            (12_460_000, 20, 12_500_000), (12_459_999, 20, 12_499_999),
            (12_461_000, 20, 12_500_000), (12_500_000, 20, 12_500_000),
        ):  # fmt: skip
            before = moving(k, lock, 5_000, cap_umps=start)
            assert cap(k, before, inputs(k, speed_mmps=5_000), dt_ms) == wanted, (start, dt_ms)


# --- direction, lights, horn ---


@rule
def a_reversal_waits_until_the_vehicle_hardly_moves(k):
    other = {k.FORWARD: k.REVERSE, k.REVERSE: k.FORWARD}
    for lock, engaged, speed in itertools.product(
        DRIVES, other, (0, 299, -299, 300, -300, 301, 9_000, STALE)
    ):
        before = moving(k, lock, direction=engaged)
        fast = speed is None or abs(speed) >= 300
        turned = inputs(k, speed_mmps=speed, hmi=hmi(k, gear=other[engaged]))
        outputs = k.step(before, turned, 20)[1]
        assert outputs.direction == (engaged if fast else other[engaged])
        assert bool(outputs.warning & names.WARN_DIRECTION) is fast
        neutral = inputs(k, speed_mmps=speed, hmi=hmi(k, gear=k.NEUTRAL))
        assert k.step(before, neutral, 20)[1].direction == k.NEUTRAL
        same = k.step(before, inputs(k, speed_mmps=speed, hmi=hmi(k, gear=engaged)), 20)[1]
        assert (same.direction, same.warning & names.WARN_DIRECTION) == (engaged, 0)
        stale = k.step(before, inputs(k, speed_mmps=speed, hmi=None), 20)[1]
        assert (stale.direction, stale.warning & names.WARN_DIRECTION) == (engaged, 0)
    for lock in ("LOCKED", "READY", "HELD", "ROLLING"):
        given = inputs(k, news=False, speed_mmps=100)
        after, outputs = k.step(moving(k, lock, direction=k.FORWARD), given, 20)
        assert after.direction == outputs.direction == k.NEUTRAL


@rule
def a_reversal_by_way_of_neutral_waits_as_well(k):
    """A gear lever passes neutral on its way; so does a controller that was reset in motion."""
    ways = {
        (k.FORWARD, True): (0, 299, -299, 300, 9_000, STALE),
        (k.FORWARD, False): (-300, -301, -9_000),
        (k.REVERSE, True): (0, 299, -299, -300, -9_000),
        (k.REVERSE, False): (300, 301, 9_000, STALE),
    }
    for lock, (gear, engages) in itertools.product(DRIVES, ways):
        for speed in ways[gear, engages]:
            a_gear_out_of_neutral(k, lock, gear, speed, engages)


def a_gear_out_of_neutral(k, lock, gear, speed, engages):
    before = moving(k, lock, direction=k.NEUTRAL)
    given = inputs(k, speed_mmps=speed, hmi=hmi(k, gear=gear))
    after, outputs = k.step(before, given, 20)
    assert after.direction == outputs.direction == (gear if engages else k.NEUTRAL)
    assert outputs.enable and bool(outputs.warning & names.WARN_DIRECTION) is not engages
    neutral = inputs(k, speed_mmps=speed, hmi=hmi(k, gear=k.NEUTRAL))
    assert k.step(before, neutral, 20)[1].direction == k.NEUTRAL


@rule
def lights_and_horn_always_work(k):
    for lock, lit, horn, unusable in itertools.product(EXPECTED, (0, 1), (0, 1), (0, 3)):
        for base in (state(k, lock), moving(k, lock)):
            before = base._replace(lights=1 - lit)
            given = inputs(k, hmi=hmi(k, 0, 0, k.NEUTRAL, horn, lit), unusable=unusable, faults=9)
            after, outputs = k.step(before, given, 20)
            assert (outputs.lights, outputs.horn, after.lights) == (lit, horn, lit)
            # A dash that dies at night takes the lights not along.
            after, outputs = k.step(before, inputs(k, hmi=None, unusable=unusable), 20)
            assert (outputs.lights, outputs.horn, after.lights) == (1 - lit, 0, 1 - lit)


# --- what the bus is told ---


@rule
def drive_is_enabled_in_the_driving_states_and_nowhere_else(k):
    for lock in EXPECTED:
        given = inputs(k, speed_mmps=5_000, news=False)
        before = moving(k, lock, torque_ppm=995_999, cap_umps=12_499_000)
        after, outputs = k.step(before, given, 20)
        assert k.STATES[after.lock] == lock
        assert outputs.lock == WIRE[lock] and outputs.lock_reason == before.reason
        if lock in DRIVES:
            assert outputs[:5] == (1, k.NORMAL, k.FORWARD, 99, 12_500)
        else:
            assert outputs[:5] == (0, k.OFF, k.NEUTRAL, 0, 0)


@rule
def the_mode_is_told(k):
    for lock in DRIVES:
        for limit, faults, mode in (
            (names.DRIVE_FREE, 0, k.NORMAL), (names.DRIVE_ZONE_LIMIT, 0, k.NORMAL),
            (names.DRIVE_GRANT_LIMIT, 0, k.BEGINNER), (names.DRIVE_GRANT_LIMIT, 1, k.LIMP),
            (names.DRIVE_FREE, 1, k.LIMP),
        ):  # fmt: skip
            given = inputs(k, speed_mmps=5_000, limit=limit, faults=faults)
            assert k.step(moving(k, lock), given, 20)[1].mode == mode


@rule
def the_reason_for_no_drive_is_told(k):
    for lock, reason in (("LOCKED", names.DRIVE_LOCKED), ("ROLLING", names.DRIVE_LOCK_PENDING)):
        for changes in ({}, {"plugged": 1}, {"hmi": None}):
            given = inputs(k, speed_mmps=5_000, **changes)
            assert k.step(moving(k, lock), given, 20)[1].reason == reason


@rule
def the_first_reason_for_a_limit_is_told(k):
    zone = {"limit": names.DRIVE_ZONE_LIMIT, "limit_mmps": 4_000}
    for lock, changes, reason in (
        ("DRIVE", {}, names.DRIVE_FREE),
        ("DRIVE", zone, names.DRIVE_ZONE_LIMIT),
        ("DRIVE", {**zone, "tip_mmps": 4_000}, names.DRIVE_ZONE_LIMIT),
        ("DRIVE", {**zone, "tip_mmps": 3_999}, names.DRIVE_TIP_OVER),
        ("RESUMED", {**zone, "tip_mmps": 3_999}, names.DRIVE_TIP_OVER),
        ("LOCK_PENDING", {**zone, "tip_mmps": 3_999}, names.DRIVE_LOCK_PENDING),
        ("LOCK_PENDING", {"faults": 1}, names.DRIVE_NODE_FAULT),
        ("DRIVE", {**zone, "faults": 1}, names.DRIVE_NODE_FAULT),
        ("DRIVE", {"speed_mmps": STALE}, names.DRIVE_SPEED_STALE),
        ("DRIVE", {"speed_mmps": STALE, "faults": 1}, names.DRIVE_SPEED_STALE),
        ("DRIVE", {"speed_mmps": STALE, "hmi": None}, names.DRIVE_INPUTS_STALE),
        ("LOCK_PENDING", {"hmi": None}, names.DRIVE_INPUTS_STALE),
    ):
        given = inputs(k, **{"speed_mmps": 5_000, **changes})
        assert k.step(moving(k, lock), given, 20)[1].reason == reason, (lock, changes)


@rule
def every_warning_has_its_bit(k):
    calm = {"speed_mmps": 5_000, "news": False}
    for lock, changes, warning in (
        ("DRIVE", {}, 0),
        ("RESUMED", {}, 0),
        ("LOCK_PENDING", {}, names.WARN_LOCK_PENDING),
        ("ROLLING", {}, names.WARN_LOCK_PENDING),
        ("DRIVE", {"tip_warning": 1}, names.WARN_TIP_OVER),
        ("LOCKED", {"tip_warning": 1}, names.WARN_TIP_OVER),
        ("ROLLING", {"tip_warning": True}, names.WARN_TIP_OVER | names.WARN_LOCK_PENDING),
        ("DRIVE", {"faults": 4}, names.WARN_LIMP),
        ("DRIVE", {"plugged": 1}, names.WARN_CHARGER),
        ("DRIVE", {"speed_mmps": STALE}, names.WARN_SPEED | names.WARN_LIMP),
        ("DRIVE", {"hmi": None}, names.WARN_INPUTS | names.WARN_LIMP),
        ("DRIVE", {"limit": names.DRIVE_ZONE_LIMIT}, names.WARN_LIMIT),
        ("DRIVE", {"limit": names.DRIVE_GRANT_LIMIT}, names.WARN_LIMIT),
        ("DRIVE", {"hmi": hmi(k, gear=k.REVERSE)}, names.WARN_DIRECTION),
    ):
        before = moving(k, lock, direction=k.FORWARD if lock in DRIVES else k.NEUTRAL)
        outputs = k.step(before, inputs(k, **{**calm, **changes}), 20)[1]
        assert outputs.warning == warning, (lock, changes)
    # Nobody is warned of a drive that is not there.
    for lock in ("LOCKED", "READY", "HELD"):
        given = inputs(k, faults=1, plugged=1, limit=names.DRIVE_ZONE_LIMIT, speed_mmps=STALE)
        assert k.step(moving(k, lock, doubt_ms=9), given, 20)[1].warning == 0
    doubted = moving(k, "DRIVE", 0, doubt_ms=1_000, direction=k.FORWARD)
    assert k.step(doubted, inputs(k, news=False), 20)[1].warning == names.WARN_SPEED


@rule
def a_whole_step_is_what_its_parts_say(k):
    before = moving(k, "DRIVE", 9_000, since_ms=40, reason=names.RIDER_ACTION, direction=k.FORWARD)
    given = inputs(k, speed_mmps=9_010, hmi=hmi(k, brake=0, horn=1, lights=1), limit_mmps=5_000,
                   limit=names.DRIVE_GRANT_LIMIT)  # fmt: skip
    after, outputs = k.step(before, given, 20)
    assert after == k.State(
        k.DRIVE, names.RIDER_ACTION, 60, 9_010, 0, 0, 0, k.NORMAL, 20, 10_000_000, 10**6, 1, 1
    )
    assert outputs == k.Outputs(
        1, k.BEGINNER, 1, 100, 10_000, names.DRIVE_GRANT_LIMIT, names.WARN_LIMIT,
        names.DRIVE, names.RIDER_ACTION, 0, 1, 1,
    )  # fmt: skip
