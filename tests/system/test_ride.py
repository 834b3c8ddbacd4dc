"""`trifleet ride` from end to end, and what its receipts are worth afterwards."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from running import processes_of

from tests.command_line import trifleet


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the ride makes its folder: other rides may run at the same time, elsewhere."""
    return tmp_path_factory.mktemp("room")


@dataclasses.dataclass(frozen=True)
class Ridden:
    """What one ride told, and kept; every server is stopped."""

    steps: list[dict[str, object]]
    kept: Path
    processes: list[str]  # that named its folder while it was under way


@pytest.fixture(scope="module")
def ridden(tmp_path_factory: pytest.TempPathFactory, room: Path) -> Ridden:
    folder = tmp_path_factory.mktemp("ride")
    kept, errors = folder / "kept", folder / "errors"
    steps: list[dict[str, object]] = []
    processes: list[str] = []
    with (
        errors.open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "trifleet.cli", "ride", "--json", "--keep", str(kept)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, "TMPDIR": str(room)},
        ) as ride,
        contextlib.closing(Timer(180, ride.terminate)),
    ):
        assert ride.stdout is not None
        for line in ride.stdout:
            steps.append(json.loads(line))
            if steps[-1]["step"] == "registered":
                processes = processes_of(room)
    assert ride.returncode == 0, f"{steps} {errors.read_text()}"
    return Ridden(steps, kept, processes)


class Timer(threading.Timer):
    """Ends what takes too long; `close` before that, and nothing happens."""

    def __init__(self, seconds: float, act: Callable[[], None]) -> None:
        super().__init__(seconds, act)
        self.start()

    def close(self) -> None:
        self.cancel()
        self.join()


def verify(kept: Path, receipt: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return trifleet("ledger", "verify", receipt, "--policy", kept / "policy.txt", "--json", *more)


def test_the_ride_tells_its_steps_in_order(
    ridden: Ridden,
) -> None:
    steps = [step["step"] for step in ridden.steps]
    told = ["registered", "granted", "unlocked", "rode", "locked", "receipts", "stopped"]
    told += ["verified", "done"]
    at = [steps.index(name) for name in told]
    assert at == sorted(at)
    times = [step["t_s"] for step in ridden.steps]
    assert times == sorted(times)  # type: ignore[type-var]


def test_the_receipts_say_what_the_vehicle_did(
    ridden: Ridden,
) -> None:
    unlocked = records_of(ridden.kept, "unlock")
    assert ("ANSWER", "UNLOCK", "DONE") in [
        (kind, body.get("action"), body.get("outcome")) for kind, body in unlocked
    ]
    # A lock that had to wait is done when the vehicle says that it locked at standstill.
    locked = records_of(ridden.kept, "lock")
    assert ("LOCK", "LOCKED", "STANDSTILL") in [
        (kind, body.get("state"), body.get("reason")) for kind, body in locked
    ]


def records_of(kept: Path, name: str) -> list[tuple[str, dict[str, object]]]:
    done = verify(kept, kept / f"{name}.receipt")
    assert done.returncode == 0, done.stderr
    return [(item["kind"], item["body"]) for item in json.loads(done.stdout)["records"]]


@pytest.mark.parametrize("where", range(12))
def test_a_receipt_with_one_byte_changed_is_refused(
    ridden: Ridden, tmp_path: Path, where: int
) -> None:
    good = (ridden.kept / "unlock.receipt").read_bytes()
    at = len(good) * where // 12 + 7
    letter = b"A" if good[at : at + 1] != b"A" else b"B"
    spoiled = tmp_path / "spoiled.receipt"
    spoiled.write_bytes(good[:at] + letter + good[at + 1 :])
    done = verify(ridden.kept, spoiled)
    assert done.returncode == 1
    assert done.stderr.startswith("trifleet: ")
    assert "Traceback" not in done.stderr


def test_a_receipt_of_another_log_is_refused(ridden: Ridden, tmp_path: Path) -> None:
    from fleet_backend.ledger.keys import generate_log_key, log_vkey

    key = generate_log_key(tmp_path / "log.key")
    (tmp_path / "policy.txt").write_text(f"log {log_vkey('other.local/l', key)}\nquorum none\n")
    done = verify(tmp_path, ridden.kept / "unlock.receipt")
    assert done.returncode == 1


def test_a_gateway_key_from_elsewhere_must_agree(
    ridden: Ridden,
) -> None:
    receipt = ridden.kept / "unlock.receipt"
    stated = json.loads(verify(ridden.kept, receipt).stdout)["gateway_key"]
    assert verify(ridden.kept, receipt, "--gateway-key", stated).returncode == 0
    assert verify(ridden.kept, receipt, "--gateway-key", "00" * 32).returncode == 1


def test_nothing_of_the_ride_is_left(ridden: Ridden, room: Path) -> None:
    # Where a ride is while it is under way: else nothing would be shown by finding nothing.
    assert len(ridden.processes) >= 5, ridden.processes
    assert processes_of(room) == []
    assert list(room.iterdir()) == []
