"""The panel's table: always one screen, the most urgent, for everything that can be seen."""

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vcu import panel
from vcu.panel import Seen, show

from protocol import lock, refusal
from protocol import panel as names

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/panel.md").read_text(encoding="utf-8")
QUIET = Seen(lock.LOCKED, lock.COMMAND, lock.DRIVE_LOCKED, 0, 0, 800, False, 0, 0, 0, 0, 0, False)

READY, DRIVE, PENDING = lock.READY, lock.DRIVE, lock.LOCK_PENDING
REFUSED = {
    refusal.EXPIRED: "REFUSED_ENDED",
    refusal.NOT_YET: "REFUSED_EARLY",
    refusal.GENERATION: "REFUSED_REVOKED",
    refusal.REVOKED: "REFUSED_REVOKED",
    refusal.VEHICLE: "REFUSED_KEY",
    refusal.OWNER: "REFUSED_KEY",
    refusal.HOLDER: "REFUSED_KEY",
    refusal.GRANT_ID: "REFUSED_KEY",
    refusal.WIDENED: "REFUSED_ACTION",
    refusal.ACTION: "REFUSED_ACTION",
    refusal.CLOCK: "REFUSED_CLOCK",
    refusal.CHALLENGE: "REFUSED_AGAIN",
    refusal.BUSY: "REFUSED_AGAIN",
    refusal.BACKOFF: "REFUSED_BACKOFF",
    refusal.SIGNATURE: "REFUSED_SIGNATURE",
    refusal.STATE: "REFUSED_STATE",
    refusal.UNPROVISIONED: "NOT_SET_UP",
    refusal.CODE: "CODE_WRONG",
    refusal.RATE: "CODE_WAIT",
}
WARNED = {
    lock.WARN_LIMP: "LIMP",
    lock.WARN_TIP_OVER: "TIP_OVER",
    lock.WARN_LOCK_PENDING: "LOCK_PENDING",
    lock.WARN_DIRECTION: "OTHER_DIRECTION",
    lock.WARN_CHARGER: "CHARGER_MOVING",
    lock.WARN_SPEED: "SPEED_LOST",
    lock.WARN_INPUTS: "INPUTS_LOST",
    lock.WARN_LIMIT: "LIMITED",
}
NEXT = {
    lock.DRIVE_CHARGER: "UNPLUG",
    lock.DRIVE_INPUTS_STALE: "WAIT_INPUTS",
    lock.DRIVE_KEY_OFF: "TURN_KEY",
    lock.DRIVE_GEAR: "CHOOSE_GEAR",
    lock.DRIVE_BRAKE: "PRESS_BRAKE",
    lock.DRIVE_SPEED_STALE: "WAIT_SPEED",
    lock.DRIVE_DIRECTION: "LET_STOP",
    lock.DRIVE_NODE_FAULT: "FAULT",
    lock.DRIVE_LOCK_PENDING: "LOCK_PENDING",
}
LIMITED = {
    lock.DRIVE_GRANT_LIMIT: "GRANT_LIMIT",
    lock.DRIVE_ZONE_LIMIT: "ZONE_LIMIT",
    lock.DRIVE_TIP_OVER: "CURVE_LIMIT",
    lock.DRIVE_NODE_FAULT: "LIMP",
    lock.DRIVE_SPEED_STALE: "SPEED_LOST",
    lock.DRIVE_INPUTS_STALE: "INPUTS_LOST",
    lock.DRIVE_LOCK_PENDING: "LOCK_PENDING",
    lock.DRIVE_CHARGER: "CHARGER_MOVING",
    lock.DRIVE_DIRECTION: "OTHER_DIRECTION",
}
PARKED = {
    lock.START: "LOCKED_START",
    lock.COMMAND: "LOCKED_COMMAND",
    lock.NO_ACTION: "LOCKED_LAPSED",
    lock.STANDSTILL: "LOCKED_STOPPED",
    lock.UNPROVISIONED: "NOT_SET_UP",
}


def true_of(seen):
    """Every screen that says something true of it, in words of its own."""
    found = set()
    if seen.egress:
        found.add("EGRESS")
    found |= {name for bit, name in WARNED.items() if seen.warning & bit}
    if seen.soc_permille is not None and not seen.plugged:
        if seen.soc_permille <= 50:
            found.add("BATTERY_EMPTY")
        elif seen.soc_permille <= 150:
            found.add("BATTERY_LOW")
    found |= {
        panel.TYPING: {"CODE_TYPING"},
        panel.CHECKING: {"CODE_CHECKING"},
        panel.SHORT: {"CODE_SHORT"},
    }.get(seen.entry, set())
    if seen.refusal:
        found.add(REFUSED.get(seen.refusal, "REFUSED"))
    if seen.faults:
        found.add("FAULT")
    return found | of_session(seen)


def of_session(seen):
    if seen.drive_reason >= lock.DRIVE_FAULT:
        return {"NOT_SET_UP"}
    if seen.lock == PENDING:
        return {"LOCK_PENDING"}
    if seen.lock == READY:
        return {NEXT.get(seen.drive_reason, "START")}
    if seen.lock == DRIVE:
        resumed = {"RESUMED"} if seen.lock_reason == lock.RESUMED else set()
        return resumed | {LIMITED.get(seen.drive_reason, "DRIVING")}
    charging = {"CHARGING"} if seen.plugged else set()
    return charging | {PARKED.get(seen.lock_reason, "LOCKED")}


NUMBERS = {name: number for number, name in names.SCREENS.items()}


def check(seen):
    screen, led, sound, number = show(seen)
    shown = names.SCREENS[screen]
    found = true_of(seen)
    assert shown in found, (shown, seen)
    assert screen == min(NUMBERS[name] for name in found), (shown, found, seen)
    assert led in names.LEDS and led != names.DARK
    assert sound in names.SOUNDS
    assert 0 <= number <= 0xFFFF
    return screen


def test_every_state_reason_and_battery_has_one_screen():
    reasons = (*range(17), lock.DRIVE_FAULT + 1, lock.DRIVE_FAULT + 4, 255)
    seen = set()
    for values in itertools.product(
        range(5),
        range(11),
        reasons,
        (None, 0, 50, 51, 150, 151, 1000),
        (False, True),
        (0, 2),
    ):
        state, why, drive, soc, plugged, faults = values
        changed = QUIET._replace(lock=state, lock_reason=why, drive_reason=drive)
        seen.add(check(changed._replace(soc_permille=soc, plugged=plugged, faults=faults)))
    assert {"LOCKED", "DRIVING", "START", "FAULT", "CHARGING"} <= {names.SCREENS[n] for n in seen}


def test_every_warning_entry_and_refusal_has_one_screen():
    seen = set()
    for values in itertools.product(
        (lock.LOCKED, lock.READY, lock.DRIVE, lock.LOCK_PENDING),
        range(256),
        (False, True),
        range(5),
        (*range(refusal.RATE + 1), 99),
    ):
        state, warning, egress, entry, code = values
        changed = QUIET._replace(lock=state, warning=warning, egress=egress)
        seen.add(check(changed._replace(entry=entry, refusal=code)))
    assert {"EGRESS", "CODE_WAIT", "REFUSED", "LIMP"} <= {names.SCREENS[number] for number in seen}


any_seen = st.builds(
    Seen,
    st.integers(0, 7),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 65_535),
    st.none() | st.integers(0, 1023),
    st.booleans(),
    st.integers(0, 300),
    st.integers(0, 255),
    st.integers(0, 4),
    st.integers(0, 31),
    st.integers(0, 60),
    st.booleans(),
)


@settings(max_examples=1_000)
@given(any_seen)
def test_whatever_is_seen_has_one_screen(seen):
    check(seen)


@settings(max_examples=300)
@given(any_seen, st.sampled_from(sorted(WARNED)))
def test_a_warning_is_never_hidden_by_something_less_urgent(seen, bit):
    screen = show(seen._replace(warning=seen.warning | bit))[0]
    assert screen <= NUMBERS[WARNED[bit]]


@settings(max_examples=300)
@given(any_seen)
def test_egress_is_always_shown(seen):
    assert show(seen._replace(egress=True))[0] == names.EGRESS


@pytest.mark.parametrize(
    ("change", "screen", "number"),
    [
        ({"warning": lock.WARN_LIMP, "cap_mmps": 2_800}, "LIMP", 10),
        (
            {"lock": DRIVE, "drive_reason": lock.DRIVE_ZONE_LIMIT, "cap_mmps": 1_700},
            "ZONE_LIMIT",
            6,
        ),
        ({"lock": DRIVE, "drive_reason": lock.DRIVE_FREE}, "DRIVING", 0),
        ({"soc_permille": 50}, "BATTERY_EMPTY", 5),
        ({"soc_permille": 51}, "BATTERY_LOW", 5),
        ({"soc_permille": 150}, "BATTERY_LOW", 15),
        ({"soc_permille": 151}, "LOCKED_COMMAND", 0),
        ({"soc_permille": 20, "plugged": True}, "CHARGING", 2),
        ({"soc_permille": None, "plugged": True}, "CHARGING", 255),
        ({"entry": panel.TYPING, "typed": 7}, "CODE_TYPING", 7),
        ({"refusal": refusal.RATE, "wait_min": 60}, "CODE_WAIT", 60),
        ({"refusal": refusal.ARGUMENT}, "REFUSED", refusal.ARGUMENT),
        ({"drive_reason": lock.DRIVE_FAULT + 3}, "NOT_SET_UP", 3),
        ({"lock_reason": lock.UNPROVISIONED}, "NOT_SET_UP", 0),
        ({"faults": 2}, "FAULT", 2),
    ],
)
def test_the_number_is_what_the_screen_needs(change, screen, number):
    found = show(QUIET._replace(**change))
    assert (names.SCREENS[found[0]], found[3]) == (screen, number)


def test_the_battery_is_known_or_said_to_be_unknown():
    assert [panel.percent(soc) for soc in (None, 0, 9, 10, 999, 1000, 1023)] == [
        names.NO_BATTERY, 0, 0, 1, 99, 100, 100,
    ]  # fmt: skip


def rows():
    table = panel.TABLE
    return [tuple(table[i : i + 3]) for i in range(0, len(table), 3)]


def test_the_rows_are_all_screens_in_order_of_urgency():
    screens = [row[0] for row in rows()]
    assert screens == sorted(names.SCREENS)
    assert max(max(row[1:]) for row in rows()) < min(screens)  # show() finds rows by their first


BYTE = r"\\x([0-9a-f]{2})"


def test_what_the_comments_say_is_what_the_bytes_are():
    source = (ROOT / "firmware/vcu/panel.py").read_text(encoding="utf-8")
    said = re.findall(rf'^    b"{BYTE * 3}"  # (\w+) (\w+) (\w+)$', source, re.M)
    assert [tuple(int(byte, 16) for byte in row[:3]) for row in said] == rows()
    for screen, led, sound, *words in said:
        told = (names.SCREENS[int(screen, 16)], names.LEDS[int(led, 16)])
        assert words == [*told, names.SOUNDS[int(sound, 16)]]
    single = re.findall(rf'^    b"{BYTE}"  # (\w+)', source, re.M)
    assert len(single) == sum(map(len, (panel.WARNINGS, panel.WAITING, panel.LIMITS))) + sum(
        map(len, (panel.LOCKED, panel.REFUSALS))
    )
    for screen, word in single:
        assert word == ("none" if screen == "ff" else names.SCREENS[int(screen, 16)])


@pytest.mark.parametrize(
    ("table", "of", "skip"),
    [("WAITING", lock.DRIVE_REASONS, ""), ("LIMITS", lock.DRIVE_REASONS, ""),
     ("LOCKED", lock.REASONS, ""), ("REFUSALS", refusal.NAMES, "none")],
)  # fmt: skip
def test_each_row_says_which_number_it_is_for(table, of, skip):
    source = (ROOT / "firmware/vcu/panel.py").read_text(encoding="utf-8")
    body = source.split(f"\n{table} = (\n")[1].split("\n)")[0]
    told = re.findall(r"# (?:\w+ \((\w+)\)|(none))$", body, re.M)
    below = [name for number, name in sorted(of.items()) if number < lock.DRIVE_FAULT or skip]
    assert [a or b for a, b in told] == [skip] * bool(skip) + below


def table_of_screens():
    lines = ["| screen | name | light | sound |", "|---|---|---|---|"]
    for screen, led, sound in rows():
        told = (names.SCREENS[screen], names.LEDS[led], names.SOUNDS[sound])
        lines.append(f"| {screen} | `{told[0]}` | `{told[1]}` | `{told[2]}` |")
    return "\n".join(lines)


def test_the_page_shows_the_table():
    assert table_of_screens() in PAGE, table_of_screens()


def test_the_page_describes_every_light_and_sound():
    for number, name in [*names.LEDS.items(), *names.SOUNDS.items()]:
        assert re.search(rf"^\| {number} \| `{name}` \| \S", PAGE, re.M), name
