"""What of a log is accepted: pure, against a log in memory."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from log_stand import MemoryLog

from edge_gateway.checkpoints import Disagreement, Kind
from edge_gateway.judge import Shown, Verdict, judge, read
from fleet_backend.ledger.checkpoint import Checkpoint
from fleet_backend.ledger.errors import CheckpointError, NoteError
from protocol import courier

Held = tuple[bytes, Checkpoint] | None


def decide(log: MemoryLog, held: Held, message: bytes) -> Verdict | Disagreement:
    shown = Shown(*courier.decode_checkpoint(message))
    return judge(held, read(shown, (log.signer.verifier,)), shown)


def holding(log: MemoryLog, size: int) -> tuple[bytes, Checkpoint]:
    signed = log.signed(size)
    return signed.note, signed


def log_of(size: int, word: bytes = b"a") -> MemoryLog:
    return MemoryLog().grow(*(word + b"%d" % number for number in range(size)))


def test_the_first_checkpoint_is_accepted_without_a_proof() -> None:
    log = log_of(5)
    assert decide(log, None, log.show(0)) is Verdict.ACCEPTED
    assert decide(log, None, log.show(3)) is Verdict.STALE


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 70), st.integers(0, 70))
def test_an_honest_log_is_followed_from_every_size(old: int, more: int) -> None:
    log = log_of(old + more)
    verdict = decide(log, holding(log, old), log.show(old))
    assert verdict is (Verdict.ACCEPTED if more else Verdict.SAME)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_other_history_is_ever_accepted(data: st.DataObject) -> None:
    """Whatever the operator forks off, and whichever proof of either history goes with it."""
    held = data.draw(st.integers(1, 40))
    log = log_of(held + data.draw(st.integers(0, 20)))
    fork = log.branch(data.draw(st.integers(0, held - 1)))
    size = data.draw(st.integers(len(fork.leaves) + 1, 60))
    fork.grow(*(b"other %d" % number for number in range(size - len(fork.leaves))))
    proofs = [fork.proof(min(held, size), size), [], log.proof(held, len(log.leaves))]
    proof = data.draw(st.sampled_from(proofs))
    message = courier.encode_checkpoint(log.origin, fork.signed().note, held, proof)
    found = decide(log, holding(log, held), message)
    assert isinstance(found, Disagreement)
    due = Kind.FORKED if size == held else Kind.ROLLED_BACK if size < held else Kind.NOT_CONTINUED
    assert (found.kind, found.held, found.refused) == (
        due,
        log.signed(held).note,
        fork.signed().note,
    )


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_changed_proof_is_never_accepted(data: st.DataObject) -> None:
    old = data.draw(st.integers(1, 40))
    log = log_of(old + data.draw(st.integers(1, 40)))
    proof = log.proof(old, len(log.leaves))
    change = data.draw(st.sampled_from(["bit", "drop", "add", "swap"]))
    at = data.draw(st.integers(0, len(proof) - 1))
    bad = list(proof)
    if change == "bit":
        bad[at] = bytes([bad[at][0] ^ 1]) + bad[at][1:]
    elif change == "drop":
        del bad[at]
    elif change == "add":
        bad.insert(at, bytes(32))
    else:
        bad.reverse()
    if bad == proof:
        return
    message = courier.encode_checkpoint(log.origin, log.signed().note, old, bad)
    found = decide(log, holding(log, old), message)
    assert isinstance(found, Disagreement) and found.kind is Kind.NOT_CONTINUED


def test_an_answer_to_an_older_question_says_nothing() -> None:
    log = log_of(20)
    assert decide(log, holding(log, 20), log.show(5, 12)) is Verdict.STALE
    assert decide(log, holding(log, 12), log.show(5, 20)) is Verdict.STALE
    assert decide(log, holding(log, 12), log.show(5, 12)) is Verdict.SAME


def test_a_fork_of_the_same_size_needs_no_question() -> None:
    log, fork = log_of(8), log_of(8, b"b")
    found = decide(log, holding(log, 8), fork.show(3))
    assert isinstance(found, Disagreement) and found.kind is Kind.FORKED


def test_another_key_another_log_and_another_name_are_refused() -> None:
    log = log_of(3)
    stranger = MemoryLog(key=Ed25519PrivateKey.generate()).grow(b"x")
    with pytest.raises(NoteError):
        decide(log, None, stranger.show(0))
    other = MemoryLog("other.example/log").grow(b"x")
    with pytest.raises(NoteError):
        decide(log, None, other.show(0))
    note = log.signed().note
    shown = Shown("other.example/log", note, 0, ())
    with pytest.raises(CheckpointError, match="sent as"):
        read(shown, (log.signer.verifier, other.signer.verifier))


def test_a_bad_signature_beside_a_good_one_spoils_the_note() -> None:
    """After a change of keys a note carries both: each known one must hold."""
    log = log_of(3)
    new = MemoryLog(key=Ed25519PrivateKey.generate())
    old_line = log.signed().note.rpartition(b"\n\n")[2]
    new_line = new.signer.sign(b"another text\n").rpartition(b"\n\n")[2]
    note = log.signed().text + b"\n" + old_line + new_line
    assert read(Shown(log.origin, note, 0, ()), (log.signer.verifier,)).size == 3
    with pytest.raises(NoteError, match="does not verify"):
        read(Shown(log.origin, note, 0, ()), (log.signer.verifier, new.signer.verifier))


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300))
def test_any_note_is_the_one_error(note: bytes) -> None:
    with pytest.raises((NoteError, CheckpointError)):
        read(Shown("log.example/fleet", note, 0, ()), (MemoryLog().signer.verifier,))
