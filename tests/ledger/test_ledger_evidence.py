"""Evidence of a split view: what convinces a stranger, and every forgery that must not."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_tools import ORIGIN, SIGNER, entries_of, new_log
from witness_tools import HONEST, MemoryLog, cosigners, fork

from fleet_backend.ledger.checkpoint import SignedCheckpoint
from fleet_backend.ledger.errors import EvidenceError, LedgerError, NoteError, ProofError, TileError
from fleet_backend.ledger.evidence import (
    MAX_EVIDENCE_BYTES,
    Evidence,
    complete_evidence,
    find_contradiction,
    parse_evidence,
    verify_evidence,
)
from fleet_backend.ledger.merkle import roots_from_consistency
from fleet_backend.ledger.note import Signer, add_signatures, encode_base64
from fleet_backend.ledger.storage import FolderFetch

LOG = (SIGNER.verifier,)
LYING = fork(3)


def found(first, second, proof=()) -> Evidence:
    evidence = find_contradiction(first, second, proof)
    assert evidence is not None
    return evidence


SAME_SIZE = found(HONEST.signed(7), LYING.signed(7))
FORKED = found(HONEST.signed(7), LYING.signed(12), LYING.proof(7, 12))
SUSPICION = found(HONEST.signed(8), LYING.signed(12), LYING.proof(8, 12))


def test_two_roots_for_one_size_convince_with_the_vkey_alone():
    split = verify_evidence(bytes(SAME_SIZE), LOG)
    assert {split.first.root, split.second.root} == {HONEST.root(7), LYING.root(7)}
    assert str(split) == f"log {ORIGIN!r} signed two roots for size 7"
    assert find_contradiction(LYING.signed(7), HONEST.signed(7)) == SAME_SIZE


def test_a_proof_that_comes_from_another_tree_convinces():
    split = verify_evidence(bytes(FORKED), LOG)
    assert (split.first.size, split.second.size) == (7, 12)
    assert split.other_root == LYING.root(7)
    assert "another root at 7" in str(split)


def test_where_the_smaller_tree_is_complete_the_proof_leaves_its_root_out():
    """Sizes that are powers of two: a suspicion at first, which the log's tiles complete."""
    assert not SUSPICION.is_complete
    with pytest.raises(EvidenceError, match="a suspicion"):
        verify_evidence(bytes(SUSPICION), LOG)


@pytest.mark.parametrize("size", [1, 7, 8, 11, 255, 256, 257, 299])
def test_the_tiles_of_the_log_complete_a_suspicion(tmp_path, size):
    entries = entries_of(300)
    entries[0] = b"another first entry"
    new_log(tmp_path / "lying", entries).close()
    fetch = FolderFetch(tmp_path / "lying/public")
    honest = MemoryLog(entries_of(300))
    second = MemoryLog(entries).signed(300)
    suspicion = found(honest.signed(size), second)
    complete = complete_evidence(suspicion, fetch, LOG)
    assert verify_evidence(bytes(complete), LOG).other_root == MemoryLog(entries).root(size)
    innocent = found(MemoryLog(entries).signed(size), second)
    with pytest.raises(EvidenceError, match="nothing is wrong"):
        complete_evidence(innocent, fetch, LOG)
    with pytest.raises(EvidenceError, match="no proof"):
        complete_evidence(found(second, honest.signed(300)), fetch, LOG)
    with pytest.raises(TileError):  # the tiles are of another tree than the second checkpoint
        complete_evidence(found(MemoryLog(entries).signed(298), honest.signed(300)), fetch, LOG)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 39))
def test_every_fork_is_found_and_no_honest_log_is_accused(one, two, at):
    first, second = sorted((one, two))
    assert find_contradiction(HONEST.signed(one), HONEST.signed(two), HONEST.proof(first, second)) \
        is None  # fmt: skip
    lying = fork(at)
    evidence = find_contradiction(HONEST.signed(first), lying.signed(second),
                                  lying.proof(first, second))  # fmt: skip
    if first <= at:  # the lie is behind what was seen, or the two trees are one
        agree = evidence is None
        assert agree or first == second or not evidence.is_complete
        if first < second:
            assert agree
    elif evidence is None:
        raise AssertionError("a fork was not seen")
    elif evidence.is_complete:
        assert verify_evidence(bytes(evidence), LOG).first.size == first
    else:
        assert first & (first - 1) == 0  # a power of two


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_nobody_can_accuse_an_honest_log(data):
    """Two true checkpoints, any claim with true hashes in any order: never evidence."""
    first, second = sorted((data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))))
    pool = [*HONEST.proof(first, second), HONEST.root(first), HONEST.root(second), bytes(32),
            LYING.root(first), *LYING.proof(first, second)]  # fmt: skip
    proof = tuple(data.draw(st.lists(st.sampled_from(pool), max_size=9)))
    claim = data.draw(st.sampled_from([None, *pool]))
    forged = Evidence(HONEST.note(first), HONEST.note(second), claim, proof)
    with pytest.raises(LedgerError):
        verify_evidence(bytes(forged), LOG)
    by_rule = find_contradiction(HONEST.signed(first), HONEST.signed(second), proof)
    assert by_rule is None or not by_rule.is_complete


STRANGER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32))
OTHER_LOG = Signer("other.example", Ed25519PrivateKey.from_private_bytes(bytes([6]) * 32))
FORGED = {
    "one checkpoint twice": replace(SAME_SIZE, second=SAME_SIZE.first),
    "different sizes without a proof": replace(SAME_SIZE, first=HONEST.note(6)),
    "honest log": Evidence(HONEST.note(7), HONEST.note(12), HONEST.root(7), HONEST.proof(7, 12)),
    "honest log, another claim": Evidence(
        HONEST.note(7), HONEST.note(12), LYING.root(7), HONEST.proof(7, 12)
    ),
    "power of two, another claim": Evidence(
        HONEST.note(8), HONEST.note(12), LYING.root(8), HONEST.proof(8, 12)
    ),
    "proof of the other tree": Evidence(
        HONEST.note(7), HONEST.note(12), LYING.root(7), LYING.proof(7, 12)
    ),
    "another root": replace(FORKED, other_root=bytes(32)),
    "root of the first": replace(FORKED, other_root=HONEST.root(7)),
    "proof cut off": replace(FORKED, proof=FORKED.proof[:-1]),
    "proof too long": replace(FORKED, proof=(*FORKED.proof, bytes(32))),
    "no proof": replace(FORKED, proof=()),
    "proof with one size": replace(SAME_SIZE, proof=(bytes(32),)),
    "claim with one size": replace(SAME_SIZE, other_root=LYING.root(7)),
    "suspicion": replace(FORKED, is_complete=False, other_root=None),
    "wrong order": replace(SAME_SIZE, first=SAME_SIZE.second, second=SAME_SIZE.first),
    "larger first": replace(FORKED, first=FORKED.second, second=FORKED.first),
    "empty tree": Evidence(HONEST.note(0), LYING.note(7), LYING.root(7), ()),
    "stranger's key": replace(SAME_SIZE, second=MemoryLog([b"x"] * 7, STRANGER).note(7)),
    "other log": replace(SAME_SIZE, second=MemoryLog([b"x"] * 7, OTHER_LOG).note(7)),
}


@pytest.mark.parametrize("case", FORGED)
def test_forged_evidence_is_refused(case):
    with pytest.raises((EvidenceError, NoteError)):
        verify_evidence(bytes(FORGED[case]), LOG)


def test_checkpoints_of_two_logs_are_no_split_view():
    mixed = FORGED["other log"]
    with pytest.raises(EvidenceError, match=r"different logs|wrong order"):
        verify_evidence(bytes(mixed), (*LOG, OTHER_LOG.verifier))


def test_a_changed_signature_or_text_is_refused():
    for good in (bytes(SAME_SIZE), bytes(FORKED)):
        for bit in range(0, len(good) * 8, 7):
            changed = bytearray(good)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(LedgerError):
                verify_evidence(bytes(changed), LOG)


def test_a_log_that_changed_its_key_is_convicted_with_both_keys():
    new = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32))
    evidence = found(HONEST.signed(7), fork(3, signer=new).signed(7))
    assert verify_evidence(bytes(evidence), (*LOG, new.verifier))
    for one in (LOG, (new.verifier,)):
        with pytest.raises(NoteError):
            verify_evidence(bytes(evidence), one)


def test_a_witness_that_cosigned_both_is_named():
    liar, honest = cosigners(1)[0], cosigners(2)[1]

    def cosigned(log: MemoryLog, *keys) -> SignedCheckpoint:
        signed = log.signed(7)
        lines = [key.cosign(signed.text, 5) for key in keys]
        return replace(signed, note=add_signatures(signed.note, lines))

    evidence = found(cosigned(HONEST, liar, honest), cosigned(LYING, liar))
    witnesses = (liar.verifier, honest.verifier)
    assert verify_evidence(bytes(evidence), LOG, witnesses).cosigned_both == {liar.verifier}
    assert verify_evidence(bytes(evidence), LOG).cosigned_both == frozenset()


@pytest.mark.parametrize("evidence", [SAME_SIZE, FORKED, SUSPICION], ids=["one size", "fork", "?"])
def test_files_go_round(evidence):
    assert parse_evidence(bytes(evidence)) == evidence


HASH = encode_base64(bytes(32)).encode()
GOOD = bytes(FORKED)
BAD_FILES = {
    "empty": b"",
    "one note": b"split-view/v1\n\n" + HONEST.note(7),
    "three notes": GOOD + b"\n" + HONEST.note(7),
    "another header": GOOD.replace(b"split-view/v1", b"split-view/v2"),
    "unknown claim": GOOD.replace(b"root ", b"Root "),
    "carriage returns": GOOD.replace(b"\n", b"\r\n"),
    "no newline at the end": GOOD[:-1],
    "newline more": GOOD + b"\n",
    "empty line before": b"\n" + GOOD,
    "stray bits": GOOD.replace(b"=\n", b"A\n", 1),
    "space": GOOD.replace(b"root ", b"root  "),
    "short hash": GOOD.replace(b"\n\n", b"\nAAAA\n\n", 1),
    "65 hashes": GOOD.replace(b"\n\n", b"\n" + b"\n".join([HASH] * 65) + b"\n\n", 1),
    "not ASCII": GOOD.replace(b"split", "splité".encode()),
    "too long": GOOD + bytes(MAX_EVIDENCE_BYTES),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_malformed_files_are_refused(case):
    with pytest.raises((EvidenceError, NoteError)):
        verify_evidence(BAD_FILES[case], LOG)


def test_roots_from_consistency_refuses_what_is_no_proof():
    for sizes in ((0, 5), (5, 5), (6, 5), (-1, 5)):
        with pytest.raises(ProofError):
            roots_from_consistency(*sizes, bytes(32), [bytes(32)])
    roots = roots_from_consistency(7, 12, bytes(32), LYING.proof(7, 12))
    assert roots == (LYING.root(7), LYING.root(12))
