"""A whole cluster, struck part by part under load; and its end, by a signal and by a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from trifleet.cluster.faults.blows import BLOWS

pytestmark = pytest.mark.faults
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's folder: the account that PostgreSQL runs as may not enter it.
    with TemporaryDirectory(prefix="trifleet-cluster-") as made:
        Path(made).chmod(0o711)
        yield Path(made) / "cluster"


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "trifleet.cli", "cluster", *map(str, words)]


def left(folder: Path) -> list[str]:
    """Command lines that name the folder."""
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in found.stdout.splitlines() if str(folder) in line]


def test_after_every_blow_the_ledger_has_everything_once(folder: Path) -> None:
    done = subprocess.run(
        command("faults", "--data", folder, "--json"),
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    results = [one for one in told if "blow" in one]
    assert [one["blow"] for one in results] == [blow.name for blow in BLOWS]
    for one in results:
        log = one["log"]
        assert log["sent"] == log["logged"] > 50, one
        assert log["lost"] == log["doubled"] == log["altered"] == 0, one
    assert left(folder) == []


def wait_ready_and_hand_over(running: "subprocess.Popen[str]", folder: Path) -> None:
    assert running.stdout is not None
    for line in running.stdout:
        if json.loads(line)["step"] == "ready":
            break
    again = subprocess.run(
        command("run", "--data", folder), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert again.returncode == 1 and "another `trifleet cluster` runs" in again.stderr
    change = command("hand-over", "--data", folder)
    done = subprocess.run(change, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "gave the log over to" in done.stdout


def test_it_goes_on_after_a_kill_hands_over_and_leaves_no_process(folder: Path) -> None:
    for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        running = subprocess.Popen(
            command("run", "--data", folder, "--workers", "1", "--json"),
            cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            wait_ready_and_hand_over(running, folder)
        finally:
            os.kill(running.pid, how)
        assert running.stdout is not None
        running.stdout.read()
        assert running.wait() == (-signal.SIGKILL if how == signal.SIGKILL else 0)
        running.stdout.close()
        end = time.monotonic() + 30
        while left(folder) and time.monotonic() < end:
            time.sleep(0.1)
        assert left(folder) == []
