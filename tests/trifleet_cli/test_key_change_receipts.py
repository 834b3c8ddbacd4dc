"""Receipts of both eras of a gateway's key, from a real ingest and log, before both verifiers."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import trifleet_bytes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.fleet import receipts, statements
from fleet_backend.fleet.keys import public_bytes
from fleet_backend.ingest.worker import Worker, WorkerSettings
from fleet_backend.ledger.keys import generate_log_key, log_signer
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.writer import LedgerWriter, create_ledger
from tests.ingest.ingest_fleet import NOW, FakeGateway, FakeVehicle, open_fleet
from tests.ingest.memory_adapter import MemoryAdapter

ORIGIN = "log.example/fleet"
VERIFIER = Path(__file__).resolve().parents[2] / "trifleet_verify.py"


class Stage:
    """Seven statements of gw-1: 0, change 1, 2, change 3, 4; then gw-2's 0 and its change 1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        one, other, trike = FakeGateway("gw-1"), FakeGateway("gw-2"), FakeVehicle("trike-1")
        database = open_fleet(folder, (one, [trike]), (other, []))
        self.keys = [public_bytes(one.key).hex()]
        made = []
        for _ in range(2):
            made.append(("gw-1", one.message([trike.sample()])))
            made.append(("gw-1", one.change_key()))
            self.keys.append(public_bytes(one.key).hex())
        made.append(("gw-1", one.message([trike.sample()])))
        made += [("gw-2", other.message([b"x"])), ("gw-2", other.change_key())]
        adapter = MemoryAdapter()
        ack = Ed25519PrivateKey.generate()
        worker = Worker(database, adapter, ack, WorkerSettings(threads=1), now=lambda: NOW)
        for name, message in made:
            adapter.put(name, message)
        worker.handle(adapter.receive(100, 0.0, 0.0))
        worker.close()
        key = generate_log_key(folder / "log.key")
        create_ledger(folder / "log", ORIGIN, key)
        with database.begin() as connection:
            waiting = statements.unlogged(connection, 100)
            with LedgerWriter.open(folder / "log", ORIGIN, key) as writer:
                writer.append([row.statement for row in waiting])
            statements.assign_leaves(connection, [(one.id, n) for n, one in enumerate(waiting)])
        log = log_signer(ORIGIN, key).verifier
        (folder / "policy").write_text(f"log {log.vkey}\nquorum none\n")
        reader = LedgerReader(FolderFetch(folder / "log/public"), log)
        with database.read() as connection:
            for leaf in range(len(waiting)):
                text = receipts.build(connection, leaf, reader)
                (folder / f"r{leaf}").write_text(text)
        database.close()

    def verify(self, leaf: int, key: int, *changes: int) -> "subprocess.CompletedProcess[bytes]":
        """`trifleet ledger verify` of that receipt, from that key and by these changes."""
        named = [word for n in changes for word in ("--key-change", self.folder / f"r{n}")]
        return trifleet_bytes(
            "ledger", "verify", self.folder / f"r{leaf}", "--policy", self.folder / "policy",
            "--gateway-key", self.keys[key], *named, "--json",
        )  # fmt: skip


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    return Stage(tmp_path_factory.mktemp("stage"))


@pytest.mark.parametrize(
    ("leaf", "key", "changes", "told"),
    [
        (0, 0, (), ""),
        (0, 0, (1, 3), ""),
        (1, 0, (1,), ""),  # the change itself is the old key's last word
        (2, 0, (1,), ""),
        (4, 0, (3, 1), ""),  # in any order
        (4, 1, (3,), ""),
        (4, 2, (), ""),
        (4, 0, (), "--key-change"),
        (4, 0, (1,), "another key"),
        (2, 1, (3,), ""),
        (4, 0, (3,), "begins with another key"),
        (2, 0, (6,), "another gateway"),
        (2, 0, (0,), "something else"),
    ],
)
def test_from_a_known_key_to_the_one_that_signs(
    stage: Stage, leaf: int, key: int, changes: tuple[int, ...], told: str
) -> None:
    done = stage.verify(leaf, key, *changes)
    assert done.returncode == int(bool(told)), done.stderr
    if told:
        assert told in done.stderr.decode()
        return
    answer = json.loads(done.stdout)
    assert answer["gateway_key_is_known"] and answer["gateway_key"] in stage.keys
    assert answer["gateway_key_changes"] == len(changes)


def test_changes_without_a_key_to_begin_with(stage: Stage) -> None:
    done = trifleet_bytes(
        "ledger", "verify", stage.folder / "r2", "--policy", stage.folder / "policy",
        "--key-change", stage.folder / "r1",
    )  # fmt: skip
    assert done.returncode == 2 and b"--gateway-key" in done.stderr


def test_the_one_file_leads_from_key_to_key(stage: Stage) -> None:
    """By hand: the receipt of each change shows the key for the next one."""
    key = stage.keys[0]
    for leaf in (1, 3):
        key = re.findall(rb"([0-9a-f]{64}) [0-9a-f]{128}'", alone(stage, leaf, key))[0].decode()
    assert key == stage.keys[2]
    assert b"Proved: that this is the gateway's key." in alone(stage, 4, key)
    assert alone(stage, 4, stage.keys[0]).startswith(b"REFUSED: ")


def alone(stage: Stage, leaf: int, key: str) -> bytes:
    return subprocess.run(
        [sys.executable, "-I", VERIFIER, stage.folder / f"r{leaf}", stage.folder / "policy", key],
        capture_output=True,
        timeout=60,
        check=False,
    ).stdout
