"""`trifleet ledger compare` with the file in which a gateway remembers logs."""

import json
import subprocess
from pathlib import Path

import pytest

from edge_gateway.checkpoints import Checkpoints, Disagreement, Kind
from edge_gateway.outbox import Outbox
from fleet_backend.ledger.checkpoint import open_checkpoint
from fleet_backend.ledger.evidence import verify_evidence
from fleet_backend.ledger.keys import generate_log_key, log_signer, log_vkey
from fleet_backend.ledger.writer import LedgerWriter, create_ledger
from tests.command_line import trifleet

ORIGIN = "log.example/seen"
ENTRIES = [b"entry %d" % number for number in range(300)]


class Stage:
    """A log, another history under its key, and the file of a gateway."""

    def __init__(self, folder: Path) -> None:
        self.key = generate_log_key(folder / "log.key")
        self.vkey = log_vkey(ORIGIN, self.key)
        self.log, self.file = folder / "log", folder / "checkpoints.db"
        self.first = self.write(self.log, ENTRIES)
        self.forged = self.write(folder / "forged", [b"another", *ENTRIES[1:]])
        self.kept = Checkpoints(self.file)

    def write(self, folder: Path, entries: list[bytes]) -> bytes:
        if not folder.exists():
            create_ledger(folder, ORIGIN, self.key)
        with LedgerWriter.open(folder, ORIGIN, self.key) as writer:
            writer.append(entries)
        return (folder / "public/checkpoint").read_bytes()

    def compare(self, *sources: object) -> "subprocess.CompletedProcess[str]":
        return trifleet("ledger", "compare", *sources, "--vkey", self.vkey, "--json")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_what_a_gateway_holds_is_the_beginning_of_an_honest_log(stage: Stage) -> None:
    """While the gateway has its file open."""
    stage.kept.accept(ORIGIN, stage.first)
    before = stage.file.read_bytes()
    stage.write(stage.log, [b"more"])
    done = stage.compare(stage.log, stage.file)
    assert done.returncode == 0, done.stderr
    found = {item["source"]: item["verdict"] for item in json.loads(done.stdout)["sources"]}
    assert found == {str(stage.log): "measure", f"{stage.file} (held)": "older"}
    assert stage.file.read_bytes() == before


def test_a_gateway_that_was_shown_another_history_convicts_the_log(
    stage: Stage, tmp_path: Path
) -> None:
    stage.kept.accept(ORIGIN, stage.forged)
    stage.kept.keep(Disagreement(Kind.FORKED, ORIGIN, stage.forged, stage.first))
    alone = stage.compare(stage.file)
    assert alone.returncode == 1, alone.stderr
    evidence = tmp_path / "evidence"
    done = stage.compare(stage.log, stage.file, "--evidence", evidence)
    assert done.returncode == 1, done.stderr
    found = {item["source"]: item["verdict"] for item in json.loads(done.stdout)["sources"]}
    assert found[f"{stage.file} (held)"] == "FORK"
    assert f"{stage.file} (refused 1, forked)" in found
    log = log_signer(ORIGIN, stage.key).verifier
    proved = verify_evidence(evidence.read_bytes(), (log,))
    assert {proved.first.root, proved.second.root} == {
        open_checkpoint(note, (log,)).root for note in (stage.first, stage.forged)
    }


def test_other_files_are_named(stage: Stage, tmp_path: Path) -> None:
    empty = stage.compare(stage.log, stage.file)
    assert empty.returncode == 2 and "holds nothing of this log" in empty.stderr
    other = tmp_path / "outbox.db"
    Outbox(other, "gw-1", stage.key.sign, 1 << 20).close()
    wrong = stage.compare(stage.log, other)
    assert wrong.returncode == 2 and "outbox.db: layout" in wrong.stderr
    cut = tmp_path / "cut.db"
    stage.kept.accept(ORIGIN, stage.first)
    stage.kept.close()
    cut.write_bytes(stage.file.read_bytes()[:5000])
    damaged = stage.compare(stage.log, cut)
    assert damaged.returncode == 2 and str(cut) in damaged.stderr
    assert "Traceback" not in damaged.stderr + wrong.stderr + empty.stderr
