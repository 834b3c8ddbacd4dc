"""`trifleet ride --by-code`: opened and ended on the keypad, and proved like any other ride."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import trifleet


@pytest.fixture(scope="module")
def ridden(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """(what was printed, folder with receipts)."""
    kept = tmp_path_factory.mktemp("ride") / "kept"
    words = [sys.executable, "-m", "trifleet.cli", "ride", "--by-code", "--json"]
    done = subprocess.run(
        [*words, "--keep", str(kept)], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, kept


def test_the_ride_tells_its_steps_and_no_code(ridden: tuple[str, Path]) -> None:
    steps = [json.loads(line)["step"] for line in ridden[0].splitlines()]
    told = ["registered", "granted", "deposited", "typed", "unlocked", "rode", "locked"]
    told += ["receipts", "stopped", "verified", "done"]
    at = [steps.index(name) for name in told]
    assert at == sorted(at)
    longest = max((len(word) for word in ridden[0].split() if word.isdigit()), default=0)
    assert longest < 16


def test_the_receipts_name_the_code_and_the_standstill(ridden: tuple[str, Path]) -> None:
    answers = [body for kind, body in records_of(ridden[1], "unlock") if kind == "ANSWER"]
    assert [(body["action"], body["outcome"]) for body in answers] == [("UNLOCK", "DONE")]
    locked = [body for kind, body in records_of(ridden[1], "lock") if kind == "LOCK"]
    assert ("LOCKED", "STANDSTILL") in [(body["state"], body["reason"]) for body in locked]


def records_of(kept: Path, name: str) -> list[tuple[str, dict[str, object]]]:
    trusted = ("--policy", kept / "policy.txt")
    done = trifleet("ledger", "verify", kept / f"{name}.receipt", *trusted, "--json")
    assert done.returncode == 0, done.stderr
    return [(item["kind"], item["body"]) for item in json.loads(done.stdout)["records"]]
