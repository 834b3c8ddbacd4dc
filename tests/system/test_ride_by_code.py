"""`trifleet ride --by-code`: opened and ended on the keypad, and proved like any other ride.

On the common stack; `make faults` runs the command as it is, which starts a stack of its own.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from running import RunningStack

from tests.command_line import trifleet
from trifleet import offline
from trifleet.commands.ride import _make

Told = list[dict[str, str]]
TOLD = ("registered", "granted", "deposited", "typed", "unlocked", "rode", "locked", "receipts")


@pytest.fixture(scope="module")
def ridden(
    stack: RunningStack, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Told, offline.ReceiptFiles]:
    """(what was told, the receipts)."""
    told: Told = []
    made = _make(stack, True, lambda step, text: told.append({"step": step, "text": text}))
    return told, offline.write_files(
        tmp_path_factory.mktemp("ride") / "kept", made, stack.layout.policy
    )


def tells_no_code(told: Told, *steps: str) -> None:
    at = [[one["step"] for one in told].index(name) for name in steps]
    assert at == sorted(at)
    words = [word for one in told for word in one["text"].split()]
    assert max((len(word) for word in words if word.isdigit()), default=0) < 16


def test_the_ride_tells_its_steps_and_no_code(
    ridden: tuple[Told, offline.ReceiptFiles],
) -> None:
    tells_no_code(ridden[0], *TOLD)


@pytest.mark.faults
def test_the_command_starts_a_stack_and_verifies_the_receipts() -> None:
    words = [sys.executable, "-m", "trifleet.cli", "ride", "--by-code", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    tells_no_code(told, *TOLD, "stopped", "verified", "done")


def test_the_receipts_name_the_code_and_the_standstill(
    ridden: tuple[Told, offline.ReceiptFiles],
) -> None:
    files = ridden[1]
    answers = [body for kind, body in records_of(files, files.unlock) if kind == "ANSWER"]
    assert [(body["action"], body["outcome"]) for body in answers] == [("UNLOCK", "DONE")]
    locked = [body for kind, body in records_of(files, files.lock) if kind == "LOCK"]
    assert ("LOCKED", "STANDSTILL") in [(body["state"], body["reason"]) for body in locked]


def records_of(files: offline.ReceiptFiles, receipt: Path) -> list[tuple[str, dict[str, object]]]:
    done = trifleet("ledger", "verify", receipt, "--policy", files.policy, "--json")
    assert done.returncode == 0, done.stderr
    return [(item["kind"], item["body"]) for item in json.loads(done.stdout)["records"]]
