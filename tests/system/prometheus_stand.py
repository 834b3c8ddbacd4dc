"""A real Prometheus (Debian's package) with our settings and rules, and what we ask of it."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx

from tests.trifleet_cli.monitoring_files import read_yaml
from tests.trifleet_cli.prometheus_tools import program
from trifleet.ports import free_port

MONITORING = Path(__file__).resolve().parents[2] / "deploy/monitoring"
# As between two vectors or numbers; what is between a label and its value has no blanks.
_COMPARED = re.compile(r" (==|!=|>=|<=|>|<) ")


class Prometheus:
    """Scrapes each second what `targets` (file_sd) names. A context; its end is the process's."""

    def __init__(self, folder: Path, targets: Path) -> None:
        self._address = f"127.0.0.1:{free_port()}"
        ours = MONITORING / "prometheus"
        settings = (ours / "prometheus.yml").read_text()
        for old, new in (
            ("../../../data/metrics.json", str(targets)),
            ("- alerts.yml", f"- {ours / 'alerts.yml'}"),
            ("interval: 15s", "interval: 1s"),
        ):
            assert old in settings
            settings = settings.replace(old, new)
        self._config = folder / "prometheus.yml"
        self._config.write_text(settings)
        self._folder = folder

    def __enter__(self) -> "Prometheus":
        command = [
            program("prometheus"),
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self._folder / 'series'}",
            f"--web.listen-address={self._address}",
            "--log.level=warn",
        ]
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    def has_seen(self, programs: int, scrapes: int) -> bool:
        """Each program answered so often, and every rule was evaluated. False: not yet."""
        log = (self._folder / "prometheus.log").read_text()
        assert self._process.poll() is None, log
        try:
            found = self.query("sum_over_time(up[5m])")
            evaluated = all(one["health"] != "unknown" for one in self.alerts().values())
        except httpx.HTTPError:
            return False
        seen = [float(one["value"][1]) for one in found]
        return evaluated and len(seen) == programs and min(seen) >= scrapes

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The vector that it is now; a number as a vector of one."""
        data = self._get("query", query=expression)
        found = data["result"]
        return found if data["resultType"] == "vector" else [{"value": found}]

    def alerts(self) -> dict[str, dict[str, Any]]:
        """Name of an alert -> its rule, as it stands."""
        groups = self._get("rules")["groups"]
        return {rule["name"]: rule for group in groups for rule in group["rules"]}

    def _get(self, path: str, **words: str) -> dict[str, Any]:
        address = f"http://{self._address}/api/v1/{path}"
        answer = httpx.get(address, params=words, trust_env=False, timeout=10)
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()["data"]
        return data


def dashboard_queries() -> set[str]:
    """Of all panels, with the interval that Grafana would put in."""
    panels = json.loads((MONITORING / "grafana/fleet.json").read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return {one.replace("$__rate_interval", "1m") for one in found}


def alert_questions() -> set[str]:
    """Of all alerts, so put that the answer is 0 or 1 and not silence where all is well."""
    rules = read_yaml((MONITORING / "prometheus/alerts.yml").read_text())["groups"]
    found = [rule["expr"] for group in rules for rule in group["rules"]]
    return {_COMPARED.sub(r" \1 bool ", one) for one in found}
