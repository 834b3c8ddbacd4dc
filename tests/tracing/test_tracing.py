"""Traces: one a command, named without a message that carries names; off costs nothing."""

import hashlib
import logging
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_backend.tracing import ids, tracer
from fleet_backend.tracing.tracer import OFF, VARIABLE, ExportingTracer, from_environment
from tests.tracing.collector import Collector, collecting

ROOT = Path(__file__).resolve().parents[2]
COMMAND = bytes(range(16))


def test_ids_are_as_the_docs_say() -> None:
    whole = hashlib.sha256(b"trifleet/trace/v1" + COMMAND).digest()
    assert ids.trace_id(COMMAND) == int.from_bytes(whole[:16], "big")
    whole = hashlib.sha256(b"trifleet/span/v1" + b"command.accept\0" + COMMAND).digest()
    assert ids.span_id(COMMAND, ids.ACCEPT) == int.from_bytes(whole[:8], "big")


@given(st.binary(min_size=16, max_size=16))
def test_steps_of_a_command_have_different_names_and_one_root(command: bytes) -> None:
    names = {ids.span_id(command, step) for step in ids.PARENTS}
    assert len(names) == len(ids.PARENTS) and 0 not in names and ids.trace_id(command)
    assert command.hex() not in f"{ids.trace_id(command):032x}"
    assert [step for step, parent in ids.PARENTS.items() if parent is None] == [ids.ACCEPT]
    for step in ids.PARENTS:
        seen = {step}
        while (step := ids.PARENTS[step] or "") and step not in seen:
            seen.add(step)
        assert not step


def test_steps_arrive_with_their_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        monkeypatch.setenv(VARIABLE, collector.url + "/")
        made = from_environment("api")
        assert made.is_on
        made.begin(ids.ACCEPT, COMMAND)
        made.end(ids.ACCEPT, COMMAND)
        made.end(ids.ACCEPT, COMMAND)  # told once
        made.end(ids.PUBLISH, COMMAND)  # never begun here
        made.tell(ids.ANSWER, COMMAND, time.time_ns() + 10**12, "answered")
        made.close()
        accept, answer = collector.wait_for(2, 10)
        assert len(collector.spans()) == 2
    assert (accept.program, accept.name, accept.parent) == ("trifleet-api", ids.ACCEPT, b"")
    assert accept.trace == answer.trace == ids.trace_id(COMMAND).to_bytes(16, "big")
    assert answer.parent == ids.span_id(COMMAND, ids.DELIVER).to_bytes(8, "big")
    assert answer.begun_ns == answer.ended_ns  # a clock that was set back
    assert answer.attributes == {"trifleet.outcome": "answered"} and accept.attributes == {}


class Kept:
    """Takes steps."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, bytes]] = []

    def __call__(self, step: str, command_id: bytes, *_: object) -> None:
        self.steps.append((step, command_id))

    def close(self) -> None:
        pass


def test_what_never_ends_is_forgotten() -> None:
    kept = Kept()
    made = ExportingTracer(kept)
    for number in range(5_000):
        made.begin(ids.PUBLISH, number.to_bytes(16, "big"))
    assert len(made._open) == 4_096
    made.end(ids.PUBLISH, bytes(16))
    made.end(ids.PUBLISH, (4_999).to_bytes(16, "big"))
    assert kept.steps == [(ids.PUBLISH, (4_999).to_bytes(16, "big"))]


@pytest.mark.parametrize("collector", [None, Collector(status=503), Collector(delay_s=60.0)])
def test_a_collector_that_is_away_broken_or_slow_makes_nobody_wait(
    collector: Collector | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """More steps than the queue has room for: one that blocked would block for ever."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        if collector is None:
            flood(url, monkeypatch)
        else:
            with collecting(Collector(collector.status, min(collector.delay_s, 3.0))) as made:
                flood(made.url, monkeypatch)
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


def flood(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, url)
    made = from_environment("api")
    for number in range(10_000):
        made.tell(ids.ACCEPT, number.to_bytes(16, "big"), time.time_ns())
    made.close()


@pytest.mark.parametrize("url", ["ftp://x", "http://", "nonsense", "http://[broken", "http://x:0"])
def test_a_url_that_is_none_is_told_and_stops_nobody(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, url)
    assert from_environment("api") is OFF
    assert "no traces" in caplog.text


def test_without_its_packages_it_is_off_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "fleet_backend.tracing.otlp", None)
    assert from_environment("api") is OFF
    assert "pip install -r requirements-scale.txt" in caplog.text


PROGRAMS = ("fleet_backend.api.app", "fleet_backend.ingest.main", "edge_gateway.main")


@pytest.mark.parametrize("module", PROGRAMS)
def test_off_not_one_module_is_imported(module: str) -> None:
    """FastAPI looks for the bare interface by itself where it is installed; that does nothing."""
    code = (
        f"import sys, {module}, fleet_backend.tracing.tracer as t;"
        "assert t.from_environment('x') is t.OFF;"
        "print([m for m in sys.modules if m.startswith(('opentelemetry.sdk',"
        " 'opentelemetry.exporter', 'opentelemetry.proto', 'google',"
        " 'fleet_backend.tracing.otlp'))])"
    )
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_off_nothing_is_remembered() -> None:
    for step in ids.PARENTS:
        OFF.begin(step, COMMAND)
        OFF.end(step, COMMAND)
        OFF.tell(step, COMMAND, 0)
    OFF.close()
    assert (not OFF.is_on and not hasattr(OFF, "__dict__")) or OFF.__dict__ == {}
    assert tracer.OFF is OFF
