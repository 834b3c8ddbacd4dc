"""/metrics of the programs without HTTP of their own: loopback alone, off by default."""

import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from fleet_backend.fleet.metricserver import MetricsSettings, served, serving


def fetch(port: int, path: str = "/metrics", method: str = "GET") -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    Counter("trifleet_cups", "Cups", registry=made).inc(3)
    return made


def test_what_is_counted_is_told_in_the_text_format(registry: CollectorRegistry) -> None:
    with served(0, registry) as port:
        status, text = fetch(port)
        found = {one.name: one for one in text_string_to_metric_families(text)}
        assert status == 200 and found["trifleet_cups"].samples[0].value == 3
        assert fetch(port, "/metrics?x=1")[0] == 200
        assert fetch(port, "/")[0] == 404 and fetch(port, "/metrics/../x")[0] == 404
        assert fetch(port, method="POST")[0] == 501
    assert not listens(port)


def test_a_scraper_that_says_nothing_keeps_nobody_waiting(registry: CollectorRegistry) -> None:
    with served(0, registry) as port, socket.create_connection(("127.0.0.1", port)) as silent:
        silent.sendall(b"GET /metr")
        assert fetch(port)[0] == 200


def test_off_is_off_and_a_port_that_is_taken_stops_no_program(
    registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(MetricsSettings(), registry):
        pass
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serving(MetricsSettings(port), registry):
            assert f"no metrics on port {port}" in caplog.text
    with serving(MetricsSettings(port), registry):
        assert fetch(port)[0] == 200
    assert not listens(port)
