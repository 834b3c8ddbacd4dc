"""A mirror cosigns what it holds, by the memory of a witness: never two histories."""

import shutil
from pathlib import Path

import pytest
from ledger_tools import KEY, ORIGIN, SIGNER, entries_of, new_log
from witness_tools import cosigners, make_witness, remembered

from fleet_backend.ledger.checkpoint import open_checkpoint
from fleet_backend.ledger.errors import MissingError, WitnessError
from fleet_backend.ledger.evidence import verify_evidence
from fleet_backend.ledger.mirror import Mirror
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.writer import LedgerWriter, create_ledger

POLICY = parse_policy(f"log {SIGNER.verifier.vkey}\nquorum none\n".encode())
KEYS = tuple(one.verifier for one in cosigners())


@pytest.fixture
def witness(tmp_path):
    made = make_witness(tmp_path)
    yield made
    made.database.close()


def source(directory: Path) -> FolderFetch:
    return FolderFetch(directory / "public")


def pulled(log: Path, folder: Path) -> Mirror:
    mirror = Mirror(folder, POLICY)
    mirror.pull(source(log))
    return mirror


def cosigned(folder: Path) -> tuple[int, int]:
    """Size, and how many keys of the witness are on it."""
    signed = open_checkpoint(source(folder)("checkpoint"), POLICY.logs, KEYS)
    return signed.size, len(signed.cosigners)


def test_a_mirror_cosigns_what_it_holds_and_nothing_else(tmp_path, witness):
    log, folder = tmp_path / "log", tmp_path / "mirror"
    with new_log(log, entries_of(300)) as writer, Mirror(folder, POLICY) as mirror:
        with pytest.raises(MissingError):
            mirror.cosign(witness)
        mirror.pull(source(log))
        for _ in range(2):
            mirror.cosign(witness)
        assert cosigned(folder) == (300, 2)
        note = source(folder)("checkpoint")
        assert len(note.rstrip(b"\n").split(b"\n\n")[1].split(b"\n")) == 3
        mirror.pull(source(log))  # nothing new: the cosignatures stay
        assert source(folder)("checkpoint") == note
        writer.append(entries_of(1, 300))
        mirror.pull(source(log))
        assert cosigned(folder) == (301, 0)
        mirror.cosign(witness)
        assert cosigned(folder) == (301, 2)
    assert remembered(witness) == 301


def test_a_mirror_that_was_begun_anew_gets_no_second_history_cosigned(tmp_path, witness):
    new_log(tmp_path / "log", entries_of(300)).close()
    with pulled(tmp_path / "log", tmp_path / "mirror") as mirror:
        mirror.cosign(witness)
    create_ledger(tmp_path / "forked", ORIGIN, KEY)
    with LedgerWriter.open(tmp_path / "forked", ORIGIN, KEY) as writer:
        writer.append([b"another", *entries_of(310)])
    shutil.rmtree(tmp_path / "mirror")
    mirror = pulled(tmp_path / "forked", tmp_path / "mirror")
    with mirror, pytest.raises(WitnessError, match="refused"):
        mirror.cosign(witness)
    assert cosigned(tmp_path / "mirror") == (311, 0)
    (kept,) = witness.database.evidence()
    assert verify_evidence(kept.file, POLICY.logs).second.size == 311


def test_a_mirror_restored_from_an_older_copy_signs_nothing_older(tmp_path, witness):
    with new_log(tmp_path / "log", entries_of(20)) as writer:
        with pulled(tmp_path / "log", tmp_path / "mirror") as mirror:
            mirror.cosign(witness)
        shutil.copytree(tmp_path / "mirror", tmp_path / "older")
        writer.append(entries_of(5, 20))
    with pulled(tmp_path / "log", tmp_path / "mirror") as mirror:
        mirror.cosign(witness)
    with Mirror(tmp_path / "older", POLICY) as older:
        with pytest.raises(WitnessError, match="has cosigned 25 entries, the mirror has 20"):
            older.cosign(witness)
        older.pull(source(tmp_path / "log"))
        assert older.cosign(witness).size == 25


def test_witness_and_mirror_share_one_memory(tmp_path, witness):
    """The witness goes on after it was shown what it signed for the mirror."""
    writer = new_log(tmp_path / "log", entries_of(20))
    with writer, pulled(tmp_path / "log", tmp_path / "mirror") as mirror:
        mirror.cosign(witness)
        writer.append(entries_of(7, 20))
        mirror.pull(source(tmp_path / "log"))
        mirror.cosign(witness)
    assert not witness.database.is_doubted(ORIGIN)
    assert remembered(witness) == 27
