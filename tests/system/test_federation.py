"""Three owners witness each other; one of them lies, and is found out by files alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import processes_of

from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.keys import generate_log_key, log_signer, log_vkey
from fleet_backend.ledger.writer import LedgerWriter, create_ledger
from tests.command_line import trifleet
from trifleet.errors import FederationError
from trifleet.federation import Federation, Owner
from trifleet.ports import free_port
from trifleet.stack import Stack, StackSettings

Told = list[dict[str, object]]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("room")


@pytest.fixture(scope="module")
def told(room: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Told, Path]:
    """(steps, folder with the evidence) of one federation that has ended."""
    kept = tmp_path_factory.mktemp("federation") / "kept"
    done = subprocess.run(
        [sys.executable, "-m", "trifleet.cli", "federation", "--json", "--keep", str(kept)],
        capture_output=True,
        text=True,
        timeout=400,
        env={**os.environ, "TMPDIR": str(room)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], kept


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    return trifleet("witness", "verify-evidence", *arguments)


def texts(told: Told, step: str) -> list[str]:
    return [str(one["text"]) for one in told if one["step"] == step]


def test_every_log_is_cosigned_by_the_two_others(told: tuple[Told, Path]) -> None:
    for number in (1, 2, 3):
        mine = texts(told[0], f"owner-{number}")
        others = [f"owner-{other}" for other in (1, 2, 3) if other != number]
        assert any(f"cosigned by {' and '.join(others)}" in text for text in mine)


def test_the_second_history_is_refused_by_both(told: tuple[Told, Path]) -> None:
    refused = texts(told[0], "refused")
    assert [text.split(":")[0] for text in refused] == ["owner-1", "owner-2"]
    # Each was shown another root for the size that it knows itself.
    assert all("answered 422" in text for text in refused)
    assert texts(told[0], "worthless") != []


def test_the_liar_is_convicted_by_a_file_and_his_key(told: tuple[Told, Path]) -> None:
    kept = told[1]
    key = (kept / "log.vkey").read_text().strip()
    done = verify(str(kept / "split-view"), "--log", key)
    assert done.returncode == 0, done.stderr
    assert "PROVED" in done.stdout and "signed two roots" in done.stdout


def test_nobody_else_is_convicted_by_it(told: tuple[Told, Path], tmp_path: Path) -> None:
    kept = told[1]
    origin = (kept / "log.vkey").read_text().split("+")[0]
    innocent = log_vkey(origin, generate_log_key(tmp_path / "log.key"))
    done = verify(str(kept / "split-view"), "--log", innocent)
    assert done.returncode == 1
    assert done.stderr.startswith("trifleet: ")


def test_the_honest_history_goes_on_afterwards(told: tuple[Told, Path]) -> None:
    steps = [str(one["step"]) for one in told[0]]
    after = [one for one in told[0][steps.index("proved") :] if one["step"] == "owner-3"]
    assert "cosigned by owner-1 and owner-2" in str(after[-1]["text"])


def test_nothing_is_left(told: tuple[Told, Path], room: Path) -> None:
    assert processes_of(room) == []
    assert list(room.iterdir()) == []


def test_a_witness_that_is_not_there_has_refused_nothing(tmp_path: Path) -> None:
    """Else the demonstration would hold with no witness at all."""
    key = generate_log_key(tmp_path / "log.key")
    create_ledger(tmp_path / "second-history", "log.example/o", key)
    stack = Stack(StackSettings(data=tmp_path / "o", witness_port=free_port()))
    witness = Cosigner("witness.example/o", key).verifier
    owner = Owner("o", stack, log_signer("log.example/o", key).verifier, (witness,))
    with LedgerWriter.open(tmp_path / "second-history", "log.example/o", key) as writer:
        writer.append([b"another history"])
        with pytest.raises(FederationError, match="did not judge the second history"):
            Federation(tmp_path)._ask(owner, owner, writer.checkpoint)
