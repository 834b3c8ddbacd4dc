"""`trifleet ride` from end to end, and what its receipts are worth afterwards."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running import processes_of

from tests.command_line import trifleet


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the ride makes its folder: other rides may run at the same time, elsewhere."""
    return tmp_path_factory.mktemp("room")


@pytest.fixture(scope="module")
def ridden(
    tmp_path_factory: pytest.TempPathFactory, room: Path
) -> tuple[list[dict[str, object]], Path]:
    """(steps, folder with receipts) of one ride; every server is stopped."""
    kept = tmp_path_factory.mktemp("ride") / "kept"
    done = subprocess.run(
        [sys.executable, "-m", "trifleet.cli", "ride", "--json", "--keep", str(kept)],
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, "TMPDIR": str(room)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], kept


def verify(kept: Path, receipt: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return trifleet("ledger", "verify", receipt, "--policy", kept / "policy.txt", "--json", *more)


def test_the_ride_tells_its_steps_in_order(
    ridden: tuple[list[dict[str, object]], Path],
) -> None:
    steps = [step["step"] for step in ridden[0]]
    told = ["registered", "granted", "unlocked", "rode", "locked", "receipts", "stopped"]
    told += ["verified", "done"]
    at = [steps.index(name) for name in told]
    assert at == sorted(at)
    times = [step["t_s"] for step in ridden[0]]
    assert times == sorted(times)  # type: ignore[type-var]


def test_the_receipts_say_what_the_vehicle_did(
    ridden: tuple[list[dict[str, object]], Path],
) -> None:
    unlocked = records_of(ridden[1], "unlock")
    assert ("ANSWER", "UNLOCK", "DONE") in [
        (kind, body.get("action"), body.get("outcome")) for kind, body in unlocked
    ]
    # A lock that had to wait is done when the vehicle says that it locked at standstill.
    locked = records_of(ridden[1], "lock")
    assert ("LOCK", "LOCKED", "STANDSTILL") in [
        (kind, body.get("state"), body.get("reason")) for kind, body in locked
    ]


def records_of(kept: Path, name: str) -> list[tuple[str, dict[str, object]]]:
    done = verify(kept, kept / f"{name}.receipt")
    assert done.returncode == 0, done.stderr
    return [(item["kind"], item["body"]) for item in json.loads(done.stdout)["records"]]


@pytest.mark.parametrize("where", range(12))
def test_a_receipt_with_one_byte_changed_is_refused(
    ridden: tuple[list[dict[str, object]], Path], tmp_path: Path, where: int
) -> None:
    good = (ridden[1] / "unlock.receipt").read_bytes()
    at = len(good) * where // 12 + 7
    letter = b"A" if good[at : at + 1] != b"A" else b"B"
    spoiled = tmp_path / "spoiled.receipt"
    spoiled.write_bytes(good[:at] + letter + good[at + 1 :])
    done = verify(ridden[1], spoiled)
    assert done.returncode == 1
    assert done.stderr.startswith("trifleet: ")
    assert "Traceback" not in done.stderr


def test_a_receipt_of_another_log_is_refused(
    ridden: tuple[list[dict[str, object]], Path], tmp_path: Path
) -> None:
    from fleet_backend.ledger.keys import generate_log_key, log_vkey

    key = generate_log_key(tmp_path / "log.key")
    (tmp_path / "policy.txt").write_text(f"log {log_vkey('other.local/l', key)}\nquorum none\n")
    done = verify(tmp_path, ridden[1] / "unlock.receipt")
    assert done.returncode == 1


def test_a_gateway_key_from_elsewhere_must_agree(
    ridden: tuple[list[dict[str, object]], Path],
) -> None:
    receipt = ridden[1] / "unlock.receipt"
    stated = json.loads(verify(ridden[1], receipt).stdout)["gateway_key"]
    assert verify(ridden[1], receipt, "--gateway-key", stated).returncode == 0
    assert verify(ridden[1], receipt, "--gateway-key", "00" * 32).returncode == 1


def test_nothing_of_the_ride_is_left(
    ridden: tuple[list[dict[str, object]], Path], room: Path
) -> None:
    assert processes_of(room) == []
    assert list(room.iterdir()) == []


def test_a_ride_under_way_is_seen_where_it_runs(room: Path) -> None:
    # What the test above looks at is where a ride really is: else it could not fail.
    with subprocess.Popen(
        [sys.executable, "-m", "trifleet.cli", "ride", "--json"],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(room)},
    ) as ride:
        try:
            assert ride.stdout is not None
            for line in ride.stdout:
                if json.loads(line)["step"] == "registered":
                    break
            seen = processes_of(room)
        finally:
            ride.send_signal(signal.SIGINT)
    assert len(seen) >= 5, seen
