"""A stack at work as its operator sees it: an unlock as a trace, metrics, logs, the doctor."""

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_stand import Prometheus, alert_questions, dashboard_queries
from running import RunningStack
from scene import Owner, direct, signed_command

from fleet_backend.tracing import ids
from protocol import command
from tests.command_line import trifleet
from tests.tracing.collector import Collector, Span
from tests.trifleet_cli.prometheus_tools import lint
from trifleet.client import RiderClient

VEHICLE = "trike-1"
# Where nobody was refused, nothing was set aside, no witness is asked, and no back-up was made.
EMPTY_WHEN_WELL = {
    "time() - max(trifleet_backup_newest_timestamp_seconds > 0)",
    "histogram_quantile(0.99, sum by (le, result) "
    "(rate(trifleet_ledger_cosign_seconds_bucket[1m])))",
    "sum by (reason) (rate(trifleet_ingest_refused_total[1m]))",
    "sum by (name) (rate(trifleet_refusals_total[1m]))",
    "sum by (reason) (trifleet_quarantined_messages)",
    "sum(rate(trifleet_ingest_refused_total[10m])) > bool 0.1",
}
# It has no back-up yet, and the disk is this machine's.
RAISED_ON_A_NEW_STACK = {"BackupTooOld", "DiskNearlyFull"}
STEPS = [ids.ACCEPT, ids.PUBLISH, ids.DELIVER, ids.ANSWER, ids.COMPLETE]


class Observed:
    """What was done, and what is to be seen of it."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        rider = RiderClient(stack.address)
        rider.register()
        owner = Owner(stack)
        self.granted = owner.grant(rider.key, VEHICLE)
        self.command = self._obeyed(rider, owner, command.UNLOCK)
        # The next module finds the vehicle as this one did.
        self._obeyed(rider, owner, command.LOCK)
        self.thumbprint = rider.key.thumbprint
        rider.close()

    def _obeyed(self, rider: RiderClient, owner: Owner, action: int) -> str:
        """The id of a command that the vehicle has carried out."""
        challenge = rider.challenge(VEHICLE)
        asked = signed_command(rider.key, VEHICLE, challenge, self.granted, action)
        scene: Any = type("Parties", (), {"owner": owner})
        name = rider.send(VEHICLE, direct(scene, self.granted, asked, rider.key))
        rider.wait(name, ("executed",), 60)
        return name


@pytest.fixture(scope="module")
def seen(stack: RunningStack, collector: Collector) -> tuple[Observed, list[Span]]:
    made = Observed(stack)
    trace = ids.trace_id(bytes.fromhex(made.command)).to_bytes(16, "big")

    def arrived() -> bool:
        return sum(one.trace == trace for one in collector.spans()) >= len(STEPS)

    stack.wait_for(arrived, "the whole trace", 20.0)
    return made, [one for one in collector.spans() if one.trace == trace]


def test_one_unlock_is_one_trace_in_the_right_order(seen: tuple[Observed, list[Span]]) -> None:
    observed, spans = seen
    name = bytes.fromhex(observed.command)
    by_name = {span.name: span for span in spans}
    assert sorted(by_name) == sorted(STEPS) and len(spans) == len(STEPS)
    begins = [by_name[step].begun_ns for step in STEPS[:4]]
    assert begins == sorted(begins)
    assert by_name[ids.COMPLETE].ended_ns >= by_name[ids.ANSWER].begun_ns
    for span in spans:
        parent = ids.PARENTS[span.name]
        due = b"" if parent is None else ids.span_id(name, parent).to_bytes(8, "big")
        assert span.parent == due and span.ended_ns >= span.begun_ns
    programs = [by_name[step].program.removeprefix("trifleet-") for step in STEPS]
    assert programs == ["api", "api", "gateway", "ingest", "api"]
    outcomes = [by_name[step].attributes.get("trifleet.outcome") for step in STEPS]
    assert outcomes == [None, None, "delivered", "answered", "executed"]


def test_a_trace_names_nobody(seen: tuple[Observed, list[Span]]) -> None:
    observed, spans = seen
    told = repr(spans)
    for name in (observed.command, observed.thumbprint.hex(), VEHICLE, "lat", "lon"):
        assert name not in told
    assert {name for span in spans for name in span.attributes} == {"trifleet.outcome"}


def test_every_program_tells_its_numbers(seen: tuple[Observed, list[Span]]) -> None:
    stack = seen[0].stack
    found: dict[str, float] = {}
    programs = set()
    for target in json.loads(stack.layout.metrics.read_text()):
        programs.add(target["labels"]["program"])
        text = fetch(f"http://{target['targets'][0]}/metrics")
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                label = sample.labels.get("outcome") or sample.labels.get("program") or ""
                found[f"{sample.name} {label}".strip()] = sample.value
        assert VEHICLE not in text.replace('program="trike-1"', "")
    assert programs == {"api", "ingest", "run"}
    assert found["trifleet_command_seconds_count executed"] >= 1
    assert 0 < found["trifleet_command_seconds_sum executed"] < 60
    assert found["trifleet_ledger_appended_entries_total"] > 0
    assert found["trifleet_ledger_append_seconds_count"] > 0
    assert found["trifleet_program_up api"] == 1
    assert found["trifleet_database_up"] == 1


def test_promtool_finds_nothing_to_mend_in_the_numbers(
    seen: tuple[Observed, list[Span]],
) -> None:
    for target in json.loads(seen[0].stack.layout.metrics.read_text()):
        text = fetch(f"http://{target['targets'][0]}/metrics")
        assert lint(text) == "", target


def test_a_real_prometheus_has_what_dashboard_and_alerts_ask_for(
    seen: tuple[Observed, list[Span]], tmp_path: Path
) -> None:
    stack = seen[0].stack
    programs = len(json.loads(stack.layout.metrics.read_text()))
    with Prometheus(tmp_path, stack.layout.metrics) as server:
        stack.wait_for(lambda: server.has_seen(programs, scrapes=3), "three scrapes", 60)
        asked = dashboard_queries() | alert_questions()
        assert {one for one in asked if not server.query(one)} <= EMPTY_WHEN_WELL
        assert server.query("nothing_of_that_name") == []
        alerts = server.alerts()
    assert {one["health"] for one in alerts.values()} == {"ok"}, alerts
    raised = {name for name, one in alerts.items() if one["state"] != "inactive"}
    assert raised <= RAISED_ON_A_NEW_STACK


def test_log_lines_are_objects_and_hold_no_secret(seen: tuple[Observed, list[Span]]) -> None:
    layout = seen[0].stack.layout
    secrets = []
    for path in layout.root.rglob("*"):
        if path.is_file() and path.suffix in (".key", ".password", ".token"):
            secrets += [one for one in path.read_text().split("\n") if len(one) > 20]
    secrets = [one for one in secrets if "-----" not in one]
    secrets.append(seen[0].thumbprint.hex())
    lines = 0
    for path in sorted(layout.logs.glob("*.log")):
        text = path.read_text(errors="replace")
        assert [one for one in secrets if one in text] == [], path.name
        if path.name == "broker.log":
            continue
        for line in text.splitlines():
            assert {"timestamp", "level", "logger", "program", "event"} <= json.loads(line).keys()
            lines += 1
    assert lines > 5 and len(secrets) > 10


def test_the_doctor_finds_a_stack_at_work_well(seen: tuple[Observed, list[Span]]) -> None:
    stack = seen[0].stack
    done = trifleet("doctor", "--data", str(stack.layout.root), "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one for one in found if one["state"] == "fail"] == []
    assert done.returncode == 0, done.stderr
    well = {one["check"] for one in found if one["state"] == "ok"}
    assert well >= {"programs", "ports", "broker", "api", "ledger", "checkpoint", "database"}


def test_the_doctor_tells_of_a_program_that_is_gone(seen: tuple[Observed, list[Span]]) -> None:
    """The broker's port speaks for itself, whatever the run file says."""
    stack = seen[0].stack
    kept = stack.layout.run_file.read_text()
    value = json.loads(kept)
    value["pids"]["ingest"] = 4_194_303
    value["mqtt_port"] = 9
    stack.layout.run_file.write_text(json.dumps(value))
    try:
        done = trifleet("doctor", "--data", str(stack.layout.root))
    finally:
        stack.layout.run_file.write_text(kept)
    assert done.returncode == 1
    assert re.search(r"fail +programs +not running: ingest", done.stdout)
    assert re.search(r"fail +ports +nobody listens on 9", done.stdout)


def fetch(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=20) as answer:
        text: str = answer.read().decode()
        return text
