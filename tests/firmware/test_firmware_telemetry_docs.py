"""docs/telemetry.md says what the literals of the firmware say."""

import re
from pathlib import Path

from vcu import crosscheck, health, telemetry
from vcu.telemetry import AWAY_KEYS
from watched import RULES

from hw.can.generate import DBC, load
from protocol import bodies, fault, record, vss

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "telemetry.md").read_text(encoding="utf-8")
PROTOCOL = (DOCS / "protocol.md").read_text(encoding="utf-8")
OWN = "this controller"
# Looked at in a way of their own: the speed by vcu/motion.py, the charger as two bits.
SPECIAL = {0: "`MC_Status1.Speed_mmps`", 13: "`CHG_Status.Plugged`, `CHG_Status.Charging`"}


def row(key, message, signal, deadband):
    field = bodies.BODIES[record.TELEMETRY][key][0]
    path, unit = "", ""
    if field in vss.FIELDS:
        path, unit = vss.FIELDS[field][:2]
    elif field in vss.BITS:
        path = ", ".join(f"`{bit}`" for bit in vss.BITS[field])
    path = f"`{path}`" if path and field in vss.FIELDS else path
    source = f"`{message}.{signal}`" if message else SPECIAL.get(key, OWN)
    kept = "kept" if key in AWAY_KEYS else ""
    cells = [key, f"`{field}`", source, deadband or "", kept, path, unit]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def table():
    return "\n".join(row(*rule) for rule in sorted(RULES, key=lambda rule: rule[0]))


def test_the_table_is_that_of_the_rules():
    assert table() in PAGE, table()


def said(pattern, text=PAGE):
    found = re.search(pattern, text)
    assert found, pattern
    return [float(number.replace(",", "")) for number in found.groups()]


def test_the_times_are_those_of_the_code():
    assert said(r"in use \(unlocked, or rolling\) \| every (\d+) s") == [telemetry.USED_MS / 1000]
    assert said(r"cyclic, parked \| every (\d+) s") == [telemetry.PARKED_MS / 1000]
    assert said(r"looked at every (\d+) s") == [telemetry.CHANGE_MS / 1000]
    assert said(r"within ([\d.]+) s") == [telemetry.LOOK_MS / 1000]
    assert said(r"in use or not \| every (\d+) s") == [telemetry.AWAY_MS / 1000]
    assert said(r"or without \| every (\d+) s") == [telemetry.REST_MS / 1000]
    assert said(r"more than one in ([\d.]+) s") == [telemetry.GAP_MS / 1000]
    assert said(r"hard braking \((\d+) m/s2") == [telemetry.BRAKE_MMPS / telemetry.BRAKE_MS]
    assert telemetry.AWAY_BURST_MS == 5 * telemetry.AWAY_MS
    assert said(r"every (\d+) min in use, hourly") == [health.USED_MS / 60_000]
    assert health.PARKED_MS == 3_600_000 and health.FIRST_MS == health.GAP_MS == 60_000


def test_the_limits_of_the_cross_check_are_those_of_the_code():
    check = crosscheck
    assert said(r"more than (\d+) m away .* less than (\d+) m since") == [
        check.FAR_MM / 1000, check.STILL_MM / 1000,
    ]  # fmt: skip
    assert said(r"turn at ([\d.]+) m/s .* at most ([\d.]+) m/s and stays within (\d+) m") == [
        check.TURNING_MMPS / 1000, check.STANDING_MMPS / 1000, check.STAND_MM / 1000,
    ]  # fmt: skip
    assert said(r"more than (\d+) m further .* than (\d+) m/s allow") == [
        check.LEAP_MM / 1000, check.FASTEST_MMPS / 1000,
    ]  # fmt: skip
    assert said(r"moved by (\d+) s or more") == [check.JUMP_S]
    assert said(r"over (\d+) km in which .* more than (\d+) %.* within (\d+) %") == [
        check.DRIFT_MM / 1e6, check.DRIFT_PERMILLE / 10, check.DRIFT_OVER_PERMILLE / 10,
    ]  # fmt: skip
    assert said(r"stay for (\d+) s after") == [check.HOLD_MS / 1000]
    assert said(r"HDOP of at most ([\d.]+)") == [check.WORST_HDOP_D / 10]
    words = (check.FAR_LOOKS, check.STAND_LOOKS, check.SETTLE_LOOKS)
    assert words == (10, 10, 10) and check.LEAP_LOOKS == check.FEWEST_SATELLITES == 5


def test_the_protocol_page_has_every_fault_and_every_value_of_health():
    for code, name in fault.NAMES.items():
        assert f"| {code:,} | `{name}` |" in PROTOCOL
    section = PROTOCOL.split("`HEALTH` counts since", 1)[1].split("Lock states:", 1)[0]
    names = [name for name, _ in bodies.BODIES[record.HEALTH]]
    assert re.findall(r"`(\w+)`", section) == names
    for key, (name, _) in enumerate(bodies.BODIES[record.TELEMETRY]):
        shown = "lock state" if name == "state" else name
        assert f"{key}: {shown}" in PROTOCOL


def test_a_signal_and_its_field_have_the_same_name_in_vss():
    named = {
        f"`{message.name}.{signal.name}`": signal.dbc.attributes["VssName"].value
        for message in load(DBC).messages
        for signal in message.signals
        if "VssName" in signal.dbc.attributes
    }
    for key, message, signal, _ in RULES:
        field = bodies.BODIES[record.TELEMETRY][key][0]
        paths = [vss.FIELDS[field][0]] if field in vss.FIELDS else list(vss.BITS.get(field, ()))
        sources = [f"`{message}.{signal}`"] if message else SPECIAL.get(key, "").split(", ")
        assert [named[source] for source in sources if source in named] == (
            paths if sources != [""] else []
        )
