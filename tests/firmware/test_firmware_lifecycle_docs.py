"""docs/lifecycle.md shows the tables of the code, and its sums are sums."""

import importlib
import re
import sys
import types
from pathlib import Path

import pytest
from signer import OWNER, by_owner
from vcu import degrade, power
from vcu_bench import Bench, identity

from protocol import lock, record

PAGE = (Path(__file__).resolve().parents[2] / "docs/lifecycle.md").read_text(encoding="utf-8")
KINDS = ("BOOT", "LOCK", "ANSWER", "REFUSAL", "TELEMETRY", "FAULT", "HEALTH", "EGRESS")
EFFECTS = (
    (degrade.LIMP, "limp"),
    (degrade.NO_START, "no start"),
    (degrade.WARN, "warning"),
    (degrade.UNKNOWN_SPEED, "speed unknown"),
    (degrade.NO_ZONES, "zones kept"),
    (degrade.NO_ACK, "records kept"),
)


@pytest.fixture
def start(monkeypatch):
    monkeypatch.setitem(sys.modules, "machine", types.ModuleType("machine"))
    monkeypatch.delitem(sys.modules, "vcu.start", raising=False)
    yield importlib.import_module("vcu.start")
    monkeypatch.delitem(sys.modules, "vcu.start", raising=False)


def stages(start):
    lines = ["| | | started | woken from deep sleep |", "|---|---|---|---|"]
    for request, asked in enumerate(start.REQUESTS):
        for crashed, group in zip((0, 5, 10), start.CLASSES, strict=True):
            pair = [start.plan(request, crashed, cause) for cause in (1, start.DEEP_SLEEP)]
            lines.append(
                f"| {asked} | {group} | " + " | ".join(start.STAGES[i] for i in pair) + " |"
            )
    return "\n".join(lines)


def diagram():
    """The table as a Mermaid diagram; what leaves the state as it is, is left out."""
    lines = ["stateDiagram-v2", "    [*] --> AWAKE"]
    for state, name in enumerate(power.STATES):
        targets = {}
        for event, words in enumerate(power.EVENTS):
            targets.setdefault(power.next_state(state, event), []).append(words)
        for target, words in sorted(targets.items()):
            if target != state:
                lines.append(f"    {name} --> {power.STATES[target]}: {' / '.join(words)}")
    return "\n".join(lines)


def without_nodes():
    rows = [*((1 << number, node) for number, node in enumerate(degrade.NODES))]
    rows.append((degrade.PLUGGED, "charger plugged, or said so last"))
    for bit, name in rows:
        found = degrade.effects(bit)
        yield f"| {name} | {', '.join(word for effect, word in EFFECTS if found & effect) or '-'} |"


def test_the_stages_are_the_table(start):
    assert stages(start) in PAGE, "\n" + stages(start)


def test_the_power_states_are_the_table():
    assert f"```mermaid\n{diagram()}\n```" in PAGE, "\n" + diagram()


@pytest.mark.parametrize("row", list(without_nodes()))
def test_what_happens_without_a_node_is_the_table(row):
    assert any(line.startswith(row[:-2]) for line in PAGE.splitlines()), row


def test_the_limits_are_those_of_the_code(start):
    for number, limit_mv in enumerate(power._FALLS_BELOW_MV):
        rise_mv = limit_mv + power.RISE_MV
        rest_s = power.REST_MS[number + 1] // 1000
        row = f"| {limit_mv / 1000:.1f} V | {rise_mv / 1000:.1f} V | {rest_s} s |"
        assert any(line.endswith(row) for line in PAGE.splitlines()), row
    assert f"{start.UPDATE_MS // 60_000} min" in PAGE and f"{start.HEALTHY_MS // 1000} s" in PAGE


def test_the_budget_adds_up():
    table = PAGE.partition("| part | AWAKE")[2].partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]
    parts = [row for row in rows if not row[0].startswith("**")]
    sums = {row[0].strip("*"): row for row in rows if row[0].startswith("**")}
    assert len(parts) >= 6
    for column in range(1, 4):
        total = sum(float(row[column]) for row in parts)
        assert float(sums["sum, mA"][column]) == pytest.approx(total, abs=0.005)
        days = float(sums["days on 7 Ah"][column])
        assert days == pytest.approx(7000 / total / 24, rel=0.02)
    assert all(re.search(r"data sheet of|allowance|calculated", row[4]) for row in parts)


def test_a_minimal_start_is_what_the_page_says(tmp_path):
    row = next(line for line in PAGE.splitlines() if line.startswith("| MINIMAL |"))
    told = re.search(r"records are ([A-Z, ]+) and ([A-Z]+)", row)
    begin_ms = 58_000  # health is due at a minute
    names = {getattr(record, name): name for name in KINDS}
    seen = []
    for minimal in (False, True):
        folder = tmp_path / str(minimal)
        folder.mkdir()
        (folder / "identity").write_bytes(identity(OWNER.thumbprint))
        bench = Bench(f"{folder}/", begin_ms=begin_ms, minimal=minimal)
        bench.run(1_500)
        bench.present(by_owner(bench.gateway.challenges[-1][0]))
        bench.inputs(1, 1, 1)
        bench.run(500)
        bench.nodes["MC_Heartbeat"].signals = None
        bench.nodes["HMI_Inputs"].signals["SteeringAngle_cdeg"] = 4_000
        bench.vcu.hmi.egress.saw(True, bench.now_ms)
        for speed_mmps in range(0, 6_001, 50):
            bench.speed(speed_mmps)
            bench.run(20)
        bench.present(bytes(9))
        bench.run(1_500)
        assert bench.drives[-1][1]["Warning"] & lock.WARN_TIP_OVER and bench.frames["VCU_Panel"]
        seen.append({names[made.kind] for made in bench.gateway.records})
    assert seen[1] == {*told[1].split(", "), told[2]}
    left_out = {"TELEMETRY", "FAULT", "HEALTH"}
    assert seen[0] - seen[1] == left_out and bench.vcu.watch is None
