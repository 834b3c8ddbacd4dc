"""A log changes its key: readers of either key go on while both sign, and nothing is skipped."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_tools import (
    COSIGNED,
    COSIGNER,
    KEY,
    ORIGIN,
    SIGNER,
    cosign_and_publish,
    entries_of,
    new_log,
    open_log,
)

from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.errors import ConfigError, LogCorruptError, NoteError
from fleet_backend.ledger.keys import log_signer
from fleet_backend.ledger.note import add_signatures, parse_note
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.rotation import begin_rotation, finish_rotation
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.writer import LedgerWriter, WriterSettings

NEW = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
NEW_VERIFIER = log_signer(ORIGIN, NEW).verifier
OLD_VERIFIER = SIGNER.verifier


def reader_with(directory, *keys) -> LedgerReader:
    return LedgerReader(FolderFetch(directory / "public"), *keys)


def test_both_keys_sign_then_the_new_one_alone(tmp_path):
    new_log(tmp_path, entries_of(300)).close()
    follower = reader_with(tmp_path, OLD_VERIFIER)
    assert follower.checkpoint.size == 300
    both = begin_rotation(tmp_path, ORIGIN, KEY, NEW)
    assert both.note.count("\n— ".encode()) == 2
    assert follower.update().size == reader_with(tmp_path, NEW_VERIFIER).checkpoint.size == 300
    with LedgerWriter.open(tmp_path, ORIGIN, [NEW, KEY]) as writer:
        writer.append(entries_of(9, 300))
    for known in ((OLD_VERIFIER,), (NEW_VERIFIER,), (OLD_VERIFIER, NEW_VERIFIER)):
        assert reader_with(tmp_path, *known).audit().checkpoint.size == 309
    alone = finish_rotation(tmp_path, ORIGIN, NEW)
    assert alone.note.count("\n— ".encode()) == 1
    with LedgerWriter.open(tmp_path, ORIGIN, NEW) as writer:
        assert writer.append(entries_of(1, 309)) == 309
    assert reader_with(tmp_path, NEW_VERIFIER).audit().checkpoint.size == 310
    with pytest.raises(NoteError):
        follower.update()
    with pytest.raises(LogCorruptError):
        open_log(tmp_path)


def test_the_new_key_alone_is_refused_before_it_has_signed(tmp_path):
    new_log(tmp_path, entries_of(3)).close()
    with pytest.raises(ConfigError, match="let both keys sign first"):
        finish_rotation(tmp_path, ORIGIN, NEW)
    with pytest.raises(LogCorruptError, match="not of this log and key"):
        LedgerWriter.open(tmp_path, ORIGIN, NEW)
    with pytest.raises(ConfigError, match="the new key is the old one"):
        begin_rotation(tmp_path, ORIGIN, KEY, KEY)
    with pytest.raises(ConfigError, match="opened with a key"):
        LedgerWriter.open(tmp_path, ORIGIN, [])
    open_log(tmp_path).close()


def test_a_rotation_that_was_begun_can_be_taken_back(tmp_path):
    new_log(tmp_path, entries_of(3)).close()
    begin_rotation(tmp_path, ORIGIN, KEY, NEW)
    begin_rotation(tmp_path, ORIGIN, KEY, NEW)
    with open_log(tmp_path) as writer:
        assert writer.checkpoint.note.count("\n— ".encode()) == 1
        assert writer.append([b"x"]) == 3


def test_a_cosigned_log_changes_its_key_only_with_its_witness(tmp_path):
    """The published checkpoint keeps its cosignatures; the new key alone has to wait for it."""
    new_log(tmp_path).close()
    with open_log(tmp_path, COSIGNED) as writer:
        writer.append(entries_of(5))
        cosign_and_publish(writer)
    both = parse_policy(
        f"log {NEW_VERIFIER.vkey}\nlog {OLD_VERIFIER.vkey}\n"
        f"witness one {COSIGNER.verifier.vkey}\nquorum one\n".encode()
    )
    begin_rotation(tmp_path, ORIGIN, KEY, NEW, both)
    assert COSIGNED.open_checkpoint((tmp_path / "public/checkpoint").read_bytes()).size == 5
    with pytest.raises(ConfigError, match="let both keys sign first"):
        finish_rotation(tmp_path, ORIGIN, NEW, both)
    with LedgerWriter.open(tmp_path, ORIGIN, [NEW, KEY], WriterSettings(policy=both)) as writer:
        assert not writer.is_published
        cosign_and_publish(writer)
        assert writer.is_published
    seen = (tmp_path / "public/checkpoint").read_bytes()
    assert COSIGNED.open_checkpoint(seen).size == both.open_checkpoint(seen).size == 5
    finish_rotation(tmp_path, ORIGIN, NEW, both)
    # The cosigned one stays until the witness has signed again.
    assert (tmp_path / "public/checkpoint").read_bytes() == seen
    with LedgerWriter.open(tmp_path, ORIGIN, NEW, WriterSettings(policy=both)) as writer:
        writer.append(entries_of(1, 5))
        cosign_and_publish(writer)
    assert both.open_checkpoint((tmp_path / "public/checkpoint").read_bytes()).size == 6


def test_a_checkpoint_that_is_cosigned_again_loses_no_cosignature(tmp_path):
    """A log at rest changes its key and its witnesses: who believes the former ones can go on."""
    other = Cosigner("witness.example/two", Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32))
    new_log(tmp_path).close()
    with open_log(tmp_path, COSIGNED) as writer:
        writer.append(entries_of(5))
        cosign_and_publish(writer)
    logs = f"log {NEW_VERIFIER.vkey}\nlog {OLD_VERIFIER.vkey}\n"
    moved = parse_policy(f"{logs}witness two {other.verifier.vkey}\nquorum two\n".encode())
    with LedgerWriter.open(tmp_path, ORIGIN, [NEW, KEY], WriterSettings(policy=moved)) as writer:
        note = add_signatures(writer.checkpoint.note, [other.cosign(writer.checkpoint.text, 7)])
        writer.publish(note)
        writer.publish(note)
        assert writer.is_published
        seen = (tmp_path / "public/checkpoint").read_bytes()
        names = [line.name for line in parse_note(seen).signatures]
        assert names == [ORIGIN, ORIGIN, other.name, COSIGNER.name]
        assert COSIGNED.open_checkpoint(seen).size == moved.open_checkpoint(seen).size == 5
        writer.append([b"next"])
        newest = writer.checkpoint
        writer.publish(add_signatures(newest.note, [other.cosign(newest.text, 8)]))
        assert COSIGNER.name.encode() not in (tmp_path / "public/checkpoint").read_bytes()
