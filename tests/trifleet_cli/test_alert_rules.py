"""Alerts, tried by Prometheus' own promtool: each on the series it is for, none on healthy ones."""

import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.trifleet_cli.monitoring_files import read_yaml
from tests.trifleet_cli.prometheus_tools import lint, promtool

PROMETHEUS = Path(__file__).resolve().parents[2] / "deploy/monitoring/prometheus"
RULES = PROMETHEUS / "alerts.yml"
AFTER = "2h"  # longer than any alert waits
FULL = "x150"  # minutes of a series

# A fleet that is well; promtool's clock begins at 0, so a time that is now grows by 60 a minute.
HEALTHY = {
    "trifleet_statement_newest_timestamp_seconds": "0+60",
    "trifleet_gateways_online": "9+0",
    "trifleet_gateways": "10+0",
    "trifleet_statements_unlogged_age_seconds": "1+0",
    "trifleet_ledger_entries": "100+60",
    "trifleet_ledger_entries_signed": "100+60",
    'trifleet_ingest_refused_total{reason="signature"}': "0+1",
    "trifleet_ingest_batch_failures_total": "0+0",
    "trifleet_ingest_queue_messages": "10+0",
    "trifleet_outbox_fullest_ratio": "0.1+0",
    'trifleet_ingest_statements_clock_total{clock="network"}': "0+60",
    'trifleet_ingest_statements_clock_total{clock="unset"}': "5+0",
    "trifleet_ingest_statements_future_total": "0+0",
    'trifleet_http_request_seconds_bucket{route="/v1/vehicles",le="0.5"}': "0+60",
    'trifleet_http_request_seconds_bucket{route="/v1/vehicles",le="5"}': "0+60",
    'trifleet_http_request_seconds_bucket{route="/v1/vehicles",le="+Inf"}': "0+60",
    # An open stream lasts as long as somebody looks.
    'trifleet_http_request_seconds_bucket{route="/v1/fleet/stream",le="0.5"}': "0+0",
    'trifleet_http_request_seconds_bucket{route="/v1/fleet/stream",le="5"}': "0+60",
    'trifleet_http_request_seconds_bucket{route="/v1/fleet/stream",le="+Inf"}': "0+60",
    'trifleet_command_seconds_bucket{outcome="executed",le="2.5"}': "0+10",
    'trifleet_command_seconds_bucket{outcome="executed",le="10"}': "0+10",
    'trifleet_command_seconds_bucket{outcome="executed",le="+Inf"}': "0+10",
    'trifleet_command_seconds_count{outcome="executed"}': "0+100",
    'trifleet_command_seconds_count{outcome="expired"}': "0+1",
    "trifleet_database_up": "1+0",
    "trifleet_broker_connected": "1+0",
    'trifleet_program_restarts_total{program="api"}': "1+0",
    'trifleet_program_up{program="api"}': "1+0",
    "trifleet_disk_free_bytes": "50000000000+0",
    "trifleet_disk_size_bytes": "100000000000+0",
    "trifleet_certificate_first_end_timestamp_seconds": "9000000+0",
    "trifleet_backup_newest_timestamp_seconds": "0+60",
}


class Case(NamedTuple):
    """Series that go wrong, None for one that is gone; whose alert it is, where it names one."""

    alert: str
    series: dict[str, str | None]
    program: str = ""


ROUTE = 'trifleet_http_request_seconds_bucket{route="/v1/vehicles",le="0.5"}'
EXECUTED = 'trifleet_command_seconds_bucket{outcome="executed",le="2.5"}'
EXPIRED = 'trifleet_command_seconds_count{outcome="expired"}'
UNSET = 'trifleet_ingest_statements_clock_total{clock="unset"}'
RESTARTS = 'trifleet_program_restarts_total{program="api"}'
UP = 'trifleet_program_up{program="api"}'
CASES = [
    Case("NoStatements", {"trifleet_statement_newest_timestamp_seconds": "5+0"}),
    Case("LedgerDoesNotGrow", {"trifleet_statements_unlogged_age_seconds": "0+60"}),
    Case("QuorumNotReached", {"trifleet_ledger_entries": "100+0"}),
    Case("LedgerCannotBeRead", {"trifleet_ledger_entries": "-1+0",
                                "trifleet_ledger_entries_signed": "-1+0"}),
    Case("QuarantineRises", {'trifleet_ingest_refused_total{reason="fork"}': "0+7"}),
    Case("BatchesFail", {"trifleet_ingest_batch_failures_total": "0+1"}),
    Case("IngestFallsBehind", {"trifleet_ingest_queue_messages": "2001+0"}),
    Case("GatewaysOffline", {"trifleet_gateways_online": "7+0"}),
    Case("GatewaysOffline", {"trifleet_gateways_online": "0+0"}),
    Case("OutboxNearlyFull", {"trifleet_outbox_fullest_ratio": "0.81+0"}),
    Case("ClocksUnset", {UNSET: "0+1"}),
    Case("ClocksUnset", {"trifleet_ingest_statements_future_total": "0+1"}),
    Case("AnswersSlow", {ROUTE: "0+58"}),
    Case("CommandsSlow", {EXECUTED: "0+9"}),
    Case("CommandsExpire", {EXPIRED: "0+12"}),
    Case("DatabaseLost", {"trifleet_database_up": "0+0"}),
    Case("DatabaseLost", {"trifleet_database_up": None}),
    Case("BrokerLost", {"trifleet_broker_connected": "0+0"}),
    Case("ProgramRestarts", {RESTARTS: "0+1"}, "api"),
    Case("ProgramRestarts", {UP: "0+0"}, "api"),
    Case("DiskNearlyFull", {"trifleet_disk_free_bytes": "1000000000+0",
                            "trifleet_disk_size_bytes": "10000000000+0"}),
    Case("DiskNearlyFull", {"trifleet_disk_free_bytes": "4900000000+0"}),
    Case("CertificateEndsSoon", {"trifleet_certificate_first_end_timestamp_seconds": "2000000+0"}),
    Case("BackupTooOld", {"trifleet_backup_newest_timestamp_seconds": "-700000+0"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def rules() -> dict[str, dict[str, Any]]:
    """Alerts by name."""
    groups = read_yaml(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def unit(rules: dict[str, dict[str, Any]], case: Case | None) -> dict[str, Any]:
    """One test as promtool takes it: this alert and no other, or none."""
    series: dict[str, str | None] = {**HEALTHY, **(case.series if case else {})}
    expected = []
    for name, rule in rules.items():
        fires = []
        if case and case.alert == name:
            labels = rule["labels"] | ({"program": case.program} if case.program else {})
            fires = [{"exp_labels": labels, "exp_annotations": rule["annotations"]}]
        expected.append({"eval_time": AFTER, "alertname": name, "exp_alerts": fires})
    return {
        "name": f"{case.alert} {list(case.series)}" if case else "healthy",
        "interval": "1m",
        "input_series": [
            {"series": name, "values": values + FULL}
            for name, values in series.items()
            if values is not None
        ],
        "alert_rule_test": expected,
    }


def run_rules(folder: Path, *units: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """JSON is YAML."""
    file = folder / "alerts.test.yml"
    value = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": units}
    file.write_text(json.dumps(value))
    return promtool("test", "rules", file)


def test_each_alert_fires_on_what_it_is_for_alone(
    rules: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    assert {case.alert for case in CASES} == rules.keys()
    done = run_rules(tmp_path, unit(rules, None), *(unit(rules, case) for case in CASES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_case_that_is_wrong_is_found(rules: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """Else the test above could say yes to anything."""
    for case in (Case("BrokerLost", {}), Case("BrokerLost", CASES[0].series)):
        done = run_rules(tmp_path, unit(rules, case))
        assert done.returncode == 1 and "BrokerLost" in done.stderr + done.stdout


def test_promtool_takes_settings_and_rules() -> None:
    done = promtool("check", "config", PROMETHEUS / "prometheus.yml")
    assert done.returncode == 0, done.stderr
    assert "19 rules found" in promtool("check", "rules", RULES).stdout


def test_what_promtool_would_mend_is_told() -> None:
    assert lint("# HELP a_seconds A.\n# TYPE a_seconds gauge\na_seconds 1\n") == ""
    assert "help text" in lint("# TYPE a_seconds gauge\na_seconds 1\n")
