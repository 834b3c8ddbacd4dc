"""The health page: on loopback, for programs and for mechanics, and for nobody from the web."""

import contextlib
import dataclasses
import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_gateway import health, health_page
from edge_gateway.clock import steady_s
from edge_gateway.errors import SettingsError
from edge_gateway.health import Picture, Reason
from edge_gateway.health_server import HealthServer
from protocol import statement
from tests.trifleet_cli.prometheus_tools import lint

WELL = Picture(
    gateway="gw-7",
    made_s=100.0,
    uptime_s=3_725,
    buses={"trike-7": True, "trike-8": True},
    broker=True,
    statements=12,
    in_flight=3,
    outbox_permille=455,
    is_full=False,
    refused=2,
    samples_thinned=150,
    clock=statement.NETWORK,
    error_ms=30,
    counts={"records stored": 40, 'a "b"\n\\c': 1},
)
CASES = {
    health.BUS_DOWN: {"buses": {"trike-7": True, "trike-8": False}},
    health.BROKER_DOWN: {"broker": False},
    health.DISK_FULL: {"is_full": True},
    health.CLOCK_UNSET: {"clock": statement.UNSET, "error_ms": statement.UNKNOWN_ERROR},
    health.STUCK: {"made_s": 80.0},
}


@pytest.mark.parametrize("code", CASES)
def test_each_trouble_has_a_name_and_a_sentence_in_both_languages(code: str) -> None:
    picture = dataclasses.replace(WELL, **CASES[code])
    (reason,) = health.reasons(picture, 100.0)
    assert reason == Reason(code, "trike-8" if code == health.BUS_DOWN else "")
    texts = {health_page.page(picture, 100.0, name) for name in health_page.LANGUAGES}
    assert len(texts) == 2
    for name, words in health_page.LANGUAGES.items():
        sentence = words[code].format(vehicle="trike-8").replace("'", "&#x27;")
        assert sentence in health_page.page(picture, 100.0, name)


def test_all_is_well_or_it_has_only_begun() -> None:
    assert health.as_json(WELL, 100.0)["healthy"] is True
    assert health.as_json(None, 100.0) == {"healthy": False, "reasons": [{"code": "starting"}]}
    assert health.as_metrics(None, 1.0).splitlines()[-1] == "trifleet_gateway_healthy 0"
    assert "starting" in health_page.page(None, 1.0, "en")


def test_numbers_are_written_as_the_language_does() -> None:
    english, french = (health_page.page(WELL, 100.0, name) for name in ("en", "fr"))
    assert "45.5\u00a0%" in english and "at most 0.03\u00a0s" in english
    assert "45,5\u00a0%" in french and "au plus 0,03\u00a0s" in french


def test_both_languages_have_the_same_words() -> None:
    english, french = health_page.LANGUAGES.values()
    assert english.keys() == french.keys()
    for key in english:
        assert re.findall(r"{\w+}", english[key]) == re.findall(r"{\w+}", french[key])


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("de, FR", "fr"),
        ("en-GB", "en"),
        ("de", "en"),
        ("", "en"),
    ],
)
def test_the_browser_s_language_is_taken(accept: str, name: str) -> None:
    assert health_page.language(accept) == name


HEAD = re.compile(r"# (HELP|TYPE) trifleet_gateway_[a-z_]+ [ -~]+")
METRIC = re.compile(r'trifleet_gateway_[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\[\\"n])*"\})? -?[0-9.e+-]+')


@given(st.dictionaries(st.text(max_size=20), st.integers(0, 1 << 60), max_size=5), st.booleans())
def test_metrics_are_lines_that_prometheus_reads(counts: dict[str, int], broker: bool) -> None:
    text = health.as_metrics(dataclasses.replace(WELL, counts=counts, broker=broker), 101.5)
    lines = text.split("\n")
    assert lines.pop() == ""
    for line in lines:
        assert HEAD.fullmatch(line) or METRIC.fullmatch(line), line
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values["trifleet_gateway_clock_error_seconds"] == "0.03"
    assert values["trifleet_gateway_outbox_used_ratio"] == "0.455"
    assert values["trifleet_gateway_broker_connected"] == str(int(broker))
    assert len(lines) == len(set(lines))


def test_promtool_finds_nothing_to_mend_in_the_metrics() -> None:
    counts = {"a 'b' \"c\"\n\\": 3}
    assert lint(health.as_metrics(dataclasses.replace(WELL, counts=counts), 101.5)) == ""
    assert lint(health.as_metrics(None, 101.5)) == ""


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_fetches_nothing() -> None:
    hostile = dataclasses.replace(WELL, gateway="<script>x</script>", buses={"<b>": False})
    for name in health_page.LANGUAGES:
        tags = Tags()
        text = health_page.page(hostile, 100.0, name)
        tags.feed(text)
        assert tags.open == []
        assert not {"script", "link", "img", "b", "iframe"} & set(tags.seen)
        assert "width=device-width" in text and f'lang="{name}"' in text


class Shown:
    """What the server shows; a test changes it."""

    picture: Picture | None = None


@pytest.fixture
def server() -> Iterator[tuple[HealthServer, Shown]]:
    shown = Shown()
    made = HealthServer(0, lambda: shown.picture)
    made.start()
    yield made, shown
    made.stop()


def ask(
    port: int, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    line.request(method, path, headers=headers)
    answer = line.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    line.close()
    return found


def test_programs_and_people_get_what_they_ask_for(server: tuple[HealthServer, Shown]) -> None:
    made, shown = server
    assert ask(made.port, "/health")[0] == 503
    shown.picture = dataclasses.replace(WELL, made_s=steady_s())
    status, headers, body = ask(made.port, "/health")
    assert status == 200 and json.loads(body)["outbox_statements"] == 12
    assert headers["Cache-Control"] == "no-store"
    status, headers, body = ask(made.port, "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    status, headers, body = ask(made.port, "/", **{"Accept-Language": "fr"})
    assert status == 200 and b"Tout va bien" in body
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert ask(made.port, "/", "HEAD")[2] == b""
    assert ask(made.port, "/gateway.key")[0] == 404
    assert ask(made.port, "/../../etc/passwd")[0] == 404
    assert ask(made.port, "/health", "POST")[0] == 501
    shown.picture = dataclasses.replace(WELL, made_s=steady_s(), is_full=True)
    status, _, body = ask(made.port, "/health?x=1")
    assert status == 503 and json.loads(body)["reasons"] == [{"code": "disk-full"}]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", ""]
)
def test_a_name_that_is_not_ours_reads_nothing(
    server: tuple[HealthServer, Shown], host: str
) -> None:
    made, shown = server
    shown.picture = dataclasses.replace(WELL, made_s=steady_s())
    for path in ("/", "/health", "/metrics"):
        status, _, body = ask(made.port, path, Host=host.format(port=made.port))
        assert status == 421 and b"gw-7" not in body
    assert ask(made.port, "/health", Host=f"localhost:{made.port}")[0] == 200


def raw(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(data)
        out = b""
        try:
            while more := line.recv(4096):
                out += more
        except ConnectionError:
            pass
        return out


def test_nonsense_gets_a_refusal_or_nothing(server: tuple[HealthServer, Shown]) -> None:
    made, shown = server
    shown.picture = dataclasses.replace(WELL, made_s=steady_s())
    for data in (
        b"\x16\x03\x01\x02\x00\n\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n",
    ):
        assert b"gw-7" not in raw(made.port, data)
    assert ask(made.port, "/health")[0] == 200


def test_who_says_nothing_takes_no_place_for_long(server: tuple[HealthServer, Shown]) -> None:
    """Twenty connections that say nothing, or a byte now and then: later ones are answered."""
    made, shown = server
    shown.picture = dataclasses.replace(WELL, made_s=steady_s())
    lines = [socket.create_connection(("127.0.0.1", made.port), timeout=20) for _ in range(20)]
    try:
        before = threading.active_count()
        assert before < 20
        statuses = []
        while 200 not in statuses:
            for line in lines:
                with contextlib.suppress(OSError):
                    line.send(b"G")
            try:
                statuses.append(ask(made.port, "/health")[0])
            except (OSError, http.client.HTTPException):
                statuses.append(0)
            threading.Event().wait(0.2)
            assert len(statuses) < 200
    finally:
        for line in lines:
            line.close()


def test_a_port_that_is_taken_is_said_to_be() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SettingsError) as caught:
        HealthServer(taken.getsockname()[1], lambda: None)
    assert caught.value.key == "health.port"
