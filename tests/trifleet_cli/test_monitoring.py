"""Names of metrics: what programs tell, the docs list, the dashboard draws and alerts watch."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from fleet_backend.fleet import commands, counters
from fleet_backend.ingest.meters import IngestMeters, LedgerMeters
from fleet_backend.registrar.worker import WRONG_CODES
from tests.api.api_stand import ApiStand
from tests.issuer.stand import VEHICLE
from tests.trifleet_cli.monitoring_files import metrics_in, read_yaml
from trifleet.hostmetrics import HostCollector, registry_of
from trifleet.layout import Layout

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs/observability.md"
MONITORING = ROOT / "deploy/monitoring"
UNITS = ("_seconds", "_bytes", "_total", "_ratio", "_entries", "_messages", "_info")
# Counts of things that are named by the metric itself.
COUNTS = {
    "trifleet_database_up", "trifleet_broker_connected", "trifleet_program_up",
    "trifleet_database_connections", "trifleet_statements_unlogged", "trifleet_commands",
    "trifleet_gateways", "trifleet_gateways_online", "trifleet_ledger_entries_signed",
    "trifleet_streams_open", "trifleet_gateway_gaps", "trifleet_gateway_statements_missing",
}  # fmt: skip


def families(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Name as it is queried -> (type, labels)."""
    out = {}
    for one in text_string_to_metric_families(text):
        if one.name.endswith("_created") or not one.name.startswith("trifleet_"):
            assert one.name.endswith("_created"), one.name
            continue
        ends = {"counter": "_total", "info": "_info"}
        # The text format has no type for information: it is a gauge with that ending.
        kind = "info" if one.name.endswith("_info") else one.type
        name = one.name.removesuffix("_info") + ends.get(kind, "")
        labels = {label for sample in one.samples for label in sample.labels}
        out[name] = (kind, frozenset(labels - {"le"}))
    return out


def counted_names() -> set[str]:
    """The counters that the backend keeps in the database, from its sources."""
    sources = [path.read_text() for path in (ROOT / "fleet_backend").rglob("*.py")]
    found = {
        name for text in sources for name in re.findall(r'"(ingest_[a-z_]+|ledger_entries)"', text)
    }
    assert len(found) > 15
    return found | {WRONG_CODES}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, frozenset[str]]]:
    """What every program tells; those with labels as far as a fleet at work has them."""
    stand = ApiStand(tmp_path_factory.mktemp("metrics"))
    stand.quarantined()
    with stand.database.begin() as connection:
        commands.create(connection, bytes(16), VEHICLE, 1, b"p", stand.now + 60, stand.now)
        counters.add(connection, dict.fromkeys(counted_names(), 1))
    stand.refused(bytes(16).hex())
    meters = stand.services.meters
    meters.requests.labels("GET", "/healthz", "2xx").observe(0.1)
    text = stand.app.state.metrics.text().decode()
    stand.close()
    registry = CollectorRegistry()
    ingest, ledger = IngestMeters(registry), LedgerMeters(registry)
    ingest._refused.labels("signature").inc()
    ledger.cosigned(0.1, True)
    text += generate_latest(registry).decode()

    class Child:
        pid, restarts = 1, 0

    children: Any = {"api": Child()}
    layout = Layout(tmp_path_factory.mktemp("data"))
    text += generate_latest(registry_of(HostCollector(layout, lambda: children))).decode()
    return families(text)


def table() -> Iterator[tuple[str, str, frozenset[str]]]:
    """(name, type, labels) of each row of the docs."""
    for line in DOCS.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `trifleet_"):
            labels = frozenset(filter(None, (one.strip() for one in cells[2].split(","))))
            yield cells[0].strip("`"), cells[1], labels
            assert len(cells) == 5 and all((cells[3], cells[4])), line


def test_every_metric_is_documented_and_every_documented_one_exists(
    told: dict[str, tuple[str, frozenset[str]]],
) -> None:
    rows = list(table())
    documented = {name: (kind, labels) for name, kind, labels in rows}
    assert len(rows) == len(documented)
    assert documented == told


def test_every_name_has_a_unit(told: dict[str, tuple[str, frozenset[str]]]) -> None:
    for name in told:
        assert name.endswith(UNITS) or name in COUNTS, name
    assert told.keys() >= COUNTS


def queried(told: dict[str, tuple[str, frozenset[str]]]) -> set[str]:
    """Names that a query may use."""
    out = set()
    for name, (kind, _) in told.items():
        ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        out |= {name + end for end in ends}
    return out


def rules() -> list[dict[str, Any]]:
    found = read_yaml((MONITORING / "prometheus/alerts.yml").read_text())
    return [rule for group in found["groups"] for rule in group["rules"]]


def anchors(path: Path) -> set[str]:
    """Of the headings of a page, as its renderer names them."""
    heads = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_alert_names_what_exists_and_says_what_to_do(
    told: dict[str, tuple[str, frozenset[str]]],
) -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names) >= 12
    for rule in rules():
        used = metrics_in(rule["expr"])
        assert used and used <= queried(told), (rule["alert"], used - queried(told))
        assert rule["labels"] == {"severity": rule["labels"]["severity"]}
        assert rule["labels"]["severity"] in ("page", "ticket")
        summary = rule["annotations"]["summary"]
        assert summary.endswith(".") and "trifleet_" not in summary and len(summary) > 20
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert anchor in anchors(ROOT / page), rule["alert"]
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))


def test_the_alerts_that_matter_are_there() -> None:
    assert {rule["alert"] for rule in rules()} >= {
        "NoStatements", "LedgerDoesNotGrow", "QuorumNotReached", "QuarantineRises",
        "GatewaysOffline", "OutboxNearlyFull", "ClocksUnset", "AnswersSlow", "DiskNearlyFull",
        "CertificateEndsSoon", "BackupTooOld", "DatabaseLost",
    }  # fmt: skip


def test_prometheus_reads_the_rules_and_the_file_of_a_stack() -> None:
    found = read_yaml((MONITORING / "prometheus/prometheus.yml").read_text())
    assert found["rule_files"] == ["alerts.yml"]
    files = found["scrape_configs"][0]["file_sd_configs"][0]["files"]
    assert [Path(one).name for one in files] == [Layout(Path("data")).metrics.name]


def test_the_dashboard_draws_what_exists(told: dict[str, tuple[str, frozenset[str]]]) -> None:
    board = json.loads((MONITORING / "grafana/fleet.json").read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    used = set()
    for panel in panels:
        assert panel["title"] and panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]
        for target in panel["targets"]:
            found = metrics_in(target["expr"])
            assert found and found <= queried(told), (panel["title"], found - queried(told))
            used |= found
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids) and len(panels) > 20
    assert board["templating"]["list"][0]["type"] == "datasource"


def test_panels_do_not_overlap() -> None:
    board = json.loads((MONITORING / "grafana/fleet.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_provisioning_can_be_read() -> None:
    for path in sorted((MONITORING / "grafana/provisioning").rglob("*.yml")):
        assert read_yaml(path.read_text())["apiVersion"] == "1"


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("up", {"up"}),
        ('sum by (a, b) (rate(x_total{job="y", a!~"z.*"}[5m])) / 2e3', {"x_total"}),
        ("a_b and on() max(c:d) > 0 or absent(e) unless f", {"a_b", "c:d", "e", "f"}),
        ("time() - max(t_seconds) > 6e2", {"t_seconds"}),
        ("histogram_quantile(0.9, sum by (le) (rate(h_bucket[$__rate_interval])))", {"h_bucket"}),
        ('x{a="unset } by"} offset 5m', {"x"}),
    ],
)
def test_names_are_found_in_expressions(expression: str, names: set[str]) -> None:
    assert metrics_in(expression) == names


@pytest.mark.parametrize("expression", ["sum(a", 'a{b="c', "a[5m", "$x"])
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="not read"):
        metrics_in(expression)


@pytest.mark.parametrize(
    "text", ["a: 'b'", "a: [1]", "a: &x b", "a:b", "a: b\na: c", "a:", "a: b: c", "a: x\n   b: c"]
)
def test_yaml_beyond_the_plainest_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_yaml(text)


def test_yaml_is_read_as_it_is_meant() -> None:
    text = "# c\na: 1\nb:\n  - c: d e\n    f:\n      g: h\n  - c: i\nj:\n  - k\n"
    assert read_yaml(text) == {
        "a": "1", "b": [{"c": "d e", "f": {"g": "h"}}, {"c": "i"}], "j": ["k"]
    }  # fmt: skip
