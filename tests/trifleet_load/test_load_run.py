"""`trifleet load`, whole: a broker, an ingest, real connections, and the log at the end."""

import json
import sys
from pathlib import Path

import pytest
from command_line import trifleet

from trifleet.commands.load import load
from trifleet.errors import UsageError
from trifleet.load.journal import read


@pytest.mark.slow
def test_every_statement_of_a_stormy_run_is_in_the_log_once(tmp_path: Path) -> None:
    done = trifleet(
        "load",
        *("--vehicles", "40", "--gateways", "16", "--seconds", "6", "--pace", "riding"),
        *("--storms", "1", "--offline", "0.5", "--offline-seconds", "2", "--processes", "2"),
        *("--data", tmp_path / "stand", "--json"),
    )
    assert done.returncode == 0, done.stderr
    *steps, last = [json.loads(line) for line in done.stdout.splitlines()]
    log, counts = last["log"], last["counts"]
    assert log["sent"] == log["logged"] == counts["statements"] == counts["acknowledged"] > 50
    assert log["lost"] == log["doubled"] == log["altered"] == last["waiting"] == 0
    assert counts["lines cut"] >= 16
    assert counts["lines opened"] > 16
    assert counts["records"] >= counts["statements"]
    assert last["latency_s"]["p50"] <= last["latency_s"]["p99"]
    # All of them could be read in the log, each some time after it was made.
    to_log = last["to_log_s"]
    assert to_log["count"] == log["logged"] and 0 < to_log["p50"] <= to_log["p99"]
    assert {"broker", "ingest"} <= last["used"].keys()
    assert len(last["used_by_load"]) == 2
    listed = [row for path in (tmp_path / "stand").glob("sent-*") for row in read(path)]
    assert len(listed) == log["sent"]
    assert any(step["step"] == "running" for step in steps)
    assert not list((tmp_path / "stand/broker").glob("store"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--vehicles", "3"), "vehicles: 10 to 100,000, not 3"),
        (("--vehicles", "1000", "--gateways", "1"), "vehicles of a gateway"),
        (("--pace", "fast"), "pace is day, riding, idle, not fast"),
    ],
    ids=["few", "crowded", "pace"],
)
def test_what_cannot_be_is_told_in_one_line(arguments: tuple[str, ...], told: str) -> None:
    done = trifleet("load", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("trifleet: ") and told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_package_is_told_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "hdrh.histogram", None)
    with pytest.raises(UsageError, match=r"pip install -r requirements-scale\.txt"):
        load(vehicles=10, data=tmp_path / "stand")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    done = trifleet("load", "--vehicles", "10", "--data", tmp_path)
    assert done.returncode == 1
    assert "was not made by trifleet" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]
