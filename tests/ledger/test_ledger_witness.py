"""The rules and the memory of a witness: every answer, what is remembered, and when."""

import shutil
import sqlite3
import threading
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_tools import ORIGIN, SIGNER, entries_of
from witness_tools import (
    HONEST,
    MemoryLog,
    ask,
    cosigners,
    fork,
    make_witness,
    remembered,
    reopened,
)

from fleet_backend.ledger.addcheckpoint import Request, encode_request
from fleet_backend.ledger.errors import (
    ConfigError,
    LogCorruptError,
    OperationError,
    WitnessStoppedError,
)
from fleet_backend.ledger.evidence import verify_evidence
from fleet_backend.ledger.note import Signer, add_signatures, open_note, sign_note
from fleet_backend.ledger.witness import TEXT, TREE_SIZE
from fleet_backend.ledger.witnessdb import MAX_SUSPICIONS, Cosigned, WitnessDatabase

KEYS = cosigners()
VERIFIERS = [key.verifier for key in KEYS]
LOG_KEYS = (SIGNER.verifier,)


@pytest.fixture
def witness(tmp_path):
    made = make_witness(tmp_path)
    yield made
    made.database.close()


def signers_of(answer, note: bytes):
    """Who signed, if the answer is stuck to the note that was sent."""
    return open_note(add_signatures(note, answer.body.decode().splitlines()), VERIFIERS).signers


def test_it_cosigns_with_both_keys_what_continues_the_last(witness):
    for old, new in ((0, 7), (7, 8), (8, 40)):
        answer = ask(witness, old, new)
        assert (answer.status, answer.content_type) == (200, TEXT)
        assert answer.body.endswith(b"\n")
        assert signers_of(answer, HONEST.note(new)) == dict.fromkeys(VERIFIERS, 1_700_000_000)
        assert remembered(witness) == new
    kept = witness.database.newest(ORIGIN)
    assert set(open_note(kept.note, [*LOG_KEYS, *VERIFIERS]).signers) == {*LOG_KEYS, *VERIFIERS}


def test_old_size_0_with_an_empty_proof_succeeds_also_from_and_to_the_empty_log(witness):
    assert ask(witness, 0, 0).status == 200
    assert remembered(witness) == 0
    assert ask(witness, 0, 0).status == 200
    assert ask(witness, 0, 5).status == 200
    assert remembered(witness) == 5


def test_the_same_checkpoint_again_is_cosigned_again(witness):
    ask(witness, 0, 7)
    again = ask(witness, 7, 7)
    assert again.status == 200
    assert set(signers_of(again, HONEST.note(7))) == set(VERIFIERS)


@pytest.mark.parametrize(("old", "new"), [(0, 7), (0, 9), (0, 5), (3, 9), (9, 12), (4, 4)])
def test_409_says_which_size_was_cosigned_last(witness, old, new):
    ask(witness, 0, 7)
    answer = ask(witness, old, new)
    assert (answer.status, answer.content_type, answer.body) == (409, TREE_SIZE, b"7\n")
    assert remembered(witness) == 7


def test_409_says_0_before_anything_was_cosigned(witness):
    answer = ask(witness, 3, 9)
    assert (answer.status, answer.body) == (409, b"0\n")
    assert remembered(witness) == -1


def test_400_for_what_is_malformed_or_begins_beyond_the_end(witness):
    ask(witness, 0, 7)
    beyond = encode_request(Request(8, (), HONEST.note(7)))
    for body in (b"", b"old 0\n", HONEST.note(7), HONEST.body(7, 9)[:-1], beyond):
        answer = witness.add_checkpoint(body)
        assert (answer.status, answer.content_type) == (400, TEXT)
    assert remembered(witness) == 7


def test_404_for_a_log_that_it_does_not_know(witness):
    stranger = Signer("other.example", Ed25519PrivateKey.generate())
    assert ask(witness, 0, 7, MemoryLog(entries_of(9), stranger)).status == 404
    assert witness.database.newest("other.example") is None


def test_403_without_a_good_signature_of_the_log(witness):
    impostor = Signer(ORIGIN, Ed25519PrivateKey.generate())
    log = MemoryLog(entries_of(9), impostor)
    assert ask(witness, 0, 7, log).status == 403
    good, bad = HONEST.note(7), HONEST.note(8).rpartition(b"\n\n")[2].decode().strip()
    also_bad = add_signatures(good, [bad])
    assert witness.add_checkpoint(HONEST.body(0, 7, also_bad)).status == 403
    cosigned = add_signatures(HONEST.signed(7).text + b"\n" + log.note(7).rpartition(b"\n\n")[2],
                              [KEYS[0].cosign(HONEST.signed(7).text, 5)])  # fmt: skip
    assert witness.add_checkpoint(HONEST.body(0, 7, cosigned)).status == 403
    assert remembered(witness) == -1


def test_strangers_lines_are_ignored_and_not_kept(witness):
    lines = [f"— w{n}.example AAAAAAAA" for n in range(60)]
    note = add_signatures(HONEST.note(7), lines)
    assert witness.add_checkpoint(HONEST.body(0, 7, note)).status == 200
    assert b"w5.example" not in witness.database.newest(ORIGIN).note


def test_422_for_a_proof_that_is_wrong_missing_or_too_much(witness):
    ask(witness, 0, 7)
    good = HONEST.proof(7, 12)
    wrong = (good[0][:-1] + bytes([good[0][-1] ^ 1]), *good[1:])
    for proof in ((), good[:-1], (*good, good[0]), wrong, good[::-1]):
        body = encode_request(Request(7, proof, HONEST.note(12)))
        assert witness.add_checkpoint(body).status == 422
    same = encode_request(Request(7, good, HONEST.note(7)))
    assert witness.add_checkpoint(same).status == 422
    assert remembered(witness) == 7


def test_422_for_a_proof_where_there_was_nothing(witness):
    body = encode_request(Request(0, (bytes(32),), HONEST.note(7)))
    assert witness.add_checkpoint(body).status == 422
    assert remembered(witness) == -1


def test_a_second_root_for_one_size_is_refused_and_the_evidence_kept(witness):
    ask(witness, 0, 7)
    assert ask(witness, 7, 7, fork(3)).status == 422
    [kept] = witness.database.evidence()
    assert kept.is_complete
    split = verify_evidence(kept.file, LOG_KEYS, tuple(VERIFIERS))
    assert {split.first.root, split.second.root} == {HONEST.root(7), fork(3).root(7)}
    assert remembered(witness) == 7
    assert ask(witness, 7, 12).status == 200  # the history that it knows goes on


def test_a_second_root_is_evidence_whatever_size_the_request_begins_at(witness):
    ask(witness, 0, 7)
    assert ask(witness, 0, 7, fork(3)).status == 409
    assert [kept.is_complete for kept in witness.database.evidence()] == [True]


def test_a_fork_with_its_own_proof_is_refused_and_proved(witness):
    ask(witness, 0, 7)
    assert ask(witness, 7, 12, fork(3)).status == 422
    [kept] = witness.database.evidence()
    assert verify_evidence(kept.file, LOG_KEYS).other_root == fork(3).root(7)


def test_a_bad_proof_is_a_suspicion_once_a_pair_and_bounded(witness):
    ask(witness, 0, 7)
    for _ in range(2):
        for new in range(8, 8 + 20):
            body = encode_request(Request(7, (bytes(32),), HONEST.note(new)))
            assert witness.add_checkpoint(body).status == 422
    kept = witness.database.evidence()
    assert len(kept) == 20
    assert not any(one.is_complete for one in kept)
    more = MemoryLog(entries_of(80))
    for new in range(28, 78):
        body = encode_request(Request(7, (bytes(32),), more.note(new)))
        assert witness.add_checkpoint(body).status == 422
    left = witness.database.evidence()
    assert len(left) == MAX_SUSPICIONS
    assert left[-1].number > kept[-1].number
    assert ask(witness, 7, 40).status == 200


def test_a_suspicion_becomes_evidence_and_is_not_doubled(witness):
    ask(witness, 0, 7)
    lying = fork(3)
    body = encode_request(Request(7, (), lying.note(12)))
    assert witness.add_checkpoint(body).status == 422
    assert [one.is_complete for one in witness.database.evidence()] == [False]
    assert ask(witness, 7, 12, lying).status == 422
    assert witness.add_checkpoint(body).status == 422
    assert [one.is_complete for one in witness.database.evidence()] == [True]


def test_stale_requests_leave_no_suspicion(witness):
    ask(witness, 0, 12)
    assert ask(witness, 7, 9).status == 409
    assert ask(witness, 7, 20).status == 409
    assert not witness.database.evidence()


def test_old_and_new_key_of_a_log_are_both_accepted_while_it_changes(witness):
    new = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([77]) * 32))
    ask(witness, 0, 7)
    assert ask(witness, 7, 8, MemoryLog(entries_of(40), new)).status == 403
    assert witness.database.trust(new.verifier)
    assert not witness.database.trust(new.verifier)
    both = sign_note(HONEST.signed(9).text, [SIGNER, new])
    assert witness.add_checkpoint(HONEST.body(7, 9, both)).status == 200
    assert witness.database.distrust(SIGNER.verifier)
    assert not witness.database.distrust(SIGNER.verifier)
    assert ask(witness, 9, 12).status == 403
    assert ask(witness, 9, 12, MemoryLog(entries_of(40), new)).status == 200


def test_two_logs_do_not_disturb_each_other(witness):
    signer = Signer("other.example", Ed25519PrivateKey.from_private_bytes(bytes([78]) * 32))
    other = MemoryLog(entries_of(9), signer)
    witness.database.trust(signer.verifier)
    ask(witness, 0, 7)
    assert ask(witness, 0, 5, other).status == 200
    assert remembered(witness) == 7
    assert witness.database.origins() == [ORIGIN, "other.example"]


def test_what_was_cosigned_is_remembered_by_the_next_start(tmp_path):
    first = make_witness(tmp_path)
    ask(first, 0, 7)
    first.database.close()
    with reopened(tmp_path) as second:
        assert ask(second, 0, 5).status == 409
        assert ask(second, 7, 9).status == 200


def test_two_witness_processes_share_one_memory(witness, tmp_path):
    with reopened(tmp_path) as second:
        ask(witness, 0, 7)
        assert ask(second, 0, 5).body == b"7\n"
        assert ask(second, 7, 9).status == 200
        assert ask(witness, 7, 8).body == b"9\n"


def test_the_memory_itself_refuses_to_go_back(witness):
    ask(witness, 0, 7)
    for size in (6, 7):
        signed = HONEST.signed(size)
        going_back = Cosigned(ORIGIN, size, signed.root, signed.note)
        with pytest.raises(LogCorruptError, match="go back"), witness.database.exclusive():
            witness.database.keep(going_back)
    signed = HONEST.signed(8)
    with pytest.raises(LogCorruptError, match="one step"):
        witness.database.keep(Cosigned(ORIGIN, 8, signed.root, signed.note))
    assert remembered(witness) == 7


def test_a_signature_of_its_own_that_it_does_not_remember_ends_its_work_for_the_log(tmp_path):
    witness = make_witness(tmp_path)
    ask(witness, 0, 7)
    witness.database.close()
    shutil.copytree(tmp_path, tmp_path / "copy")
    with reopened(tmp_path) as newer:
        lines = ask(newer, 7, 12).body.decode().splitlines()
    for line in lines:
        with reopened(tmp_path / "copy") as older:
            note = add_signatures(HONEST.note(12), [line])
            with pytest.raises(LogCorruptError, match="older than what was cosigned"):
                older.add_checkpoint(HONEST.body(7, 12, note))
    with reopened(tmp_path / "copy") as older:
        with pytest.raises(LogCorruptError, match="needs new keys"):
            ask(older, 7, 9)
        assert remembered(older) == 7


def test_a_forged_signature_of_its_own_changes_nothing(witness):
    ask(witness, 0, 7)
    line = KEYS[0].cosign(HONEST.signed(9).text, 5)
    note = add_signatures(HONEST.note(12), [line])
    assert witness.add_checkpoint(HONEST.body(7, 12, note)).status == 200
    ours = add_signatures(HONEST.note(12), [KEYS[0].cosign(HONEST.signed(12).text, 5)])
    assert witness.add_checkpoint(HONEST.body(12, 12, ours)).status == 200


def test_a_database_is_made_once_and_belongs_to_its_keys(witness, tmp_path):
    with pytest.raises(ConfigError, match="File exists"):
        WitnessDatabase.create(tmp_path / "witness.db", VERIFIERS)
    assert (tmp_path / "witness.db").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="new keys"):
        WitnessDatabase(tmp_path / "absent.db")
    with pytest.raises(LogCorruptError, match="other keys"), reopened(tmp_path, cosigners(2)):
        pass


def test_a_database_that_contradicts_itself_signs_nothing(witness, tmp_path):
    ask(witness, 0, 7)
    with sqlite3.connect(tmp_path / "witness.db") as connection:
        connection.execute("UPDATE log SET size = 3")
    connection.close()
    with pytest.raises(LogCorruptError, match="contradicts itself"):
        ask(witness, 3, 9)


def test_a_busy_database_signs_nothing_and_recovers(witness, tmp_path, monkeypatch):
    other = sqlite3.connect(tmp_path / "witness.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    witness.database._connection.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(OperationError, match="busy"):
        ask(witness, 0, 7)
    other.execute("ROLLBACK")
    other.close()
    assert ask(witness, 0, 7).status == 200


def test_a_disk_that_fails_ends_the_witness(witness, tmp_path):
    ask(witness, 0, 7)
    witness.database._connection.execute("PRAGMA max_page_count = 1")
    big = Signer("o" * 200, Ed25519PrivateKey.generate())
    with pytest.raises(OperationError):
        for number in range(400):
            witness.database.trust(replace(big, name=f"{number}" * 60).verifier)
    with pytest.raises(WitnessStoppedError, match="start the witness again"):
        ask(witness, 7, 9)


def test_threads_never_roll_it_back(witness):
    ask(witness, 0, 7)
    sizes = (9, 14) * 25
    answers = []
    barrier = threading.Barrier(len(sizes))

    def run(size):
        body = HONEST.body(7, size)
        barrier.wait()
        answers.append((size, witness.add_checkpoint(body)))

    threads = [threading.Thread(target=run, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 50
    signed = [size for size, answer in answers if answer.status == 200]
    assert len(signed) == 1
    assert remembered(witness) == signed[0]
    assert {answer.status for _, answer in answers} == {200, 409}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.sampled_from([0, 3, 11]))))
def test_whatever_is_asked_only_one_growing_history_is_cosigned(tmp_path_factory, requests):
    """Two histories under one key, any requests, honest proofs of either: one of them is signed."""
    witness = make_witness(tmp_path_factory.mktemp("witness"))
    cosigned: list[tuple[int, bytes]] = []
    for old, new, at in requests:
        log = fork(at) if at else HONEST
        body = encode_request(Request(old, log.proof(min(old, new), new), log.note(new)))
        if witness.add_checkpoint(body).status == 200:
            cosigned.append((new, log.root(new)))
    witness.database.close()
    assert [size for size, _ in cosigned] == sorted(size for size, _ in cosigned)
    histories = [HONEST, fork(3), fork(11)]
    assert any(all(log.root(size) == root for size, root in cosigned) for log in histories)
