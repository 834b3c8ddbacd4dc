"""`trifleet ledger verify` on COSE receipts: with and without a statement, with a quorum."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.command_line import trifleet

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "verifier"))

from verifier_tools import FILE, GATEWAY_PUBLIC, ORIGIN, POLICY, QUORUM, Parts, agree, seal

from fleet_backend.ledger.checkpoint import Checkpoint
from fleet_backend.ledger.verifier import MLDSA44_COSIGNATURE, Verifier
from protocol import cbor, cose, statement

GOOD = Parts()


def verify(folder: Path, receipt: bytes, policy: bytes, *more: str):
    (folder / "receipt").write_bytes(receipt)
    (folder / "policy").write_bytes(policy)
    return trifleet("ledger", "verify", folder / "receipt", "--policy", folder / "policy", *more)


def test_both_forms_say_the_same(tmp_path):
    answers = [
        json.loads(verify(tmp_path, data, POLICY, "--json").stdout)
        for data in (GOOD.proof_file(), GOOD.cose_receipt())
    ]
    assert answers[0] == answers[1]
    assert (answers[1]["log"], answers[1]["index"], answers[1]["quorum"]) == (ORIGIN, 3, "none")
    assert not answers[1]["gateway_key_is_known"]
    known = verify(tmp_path, GOOD.cose_receipt(), POLICY, "--gateway-key", GATEWAY_PUBLIC.hex())
    assert known.returncode == 0
    assert "that signature is by the gateway key that you gave" in known.stdout
    assert "others are shown the same history" in known.stdout


def test_a_quorum_asks_for_the_checkpoint_beside_it(tmp_path):
    data = GOOD.cose_receipt()
    refused = verify(tmp_path, data, QUORUM)
    assert refused.returncode != 0
    assert "carries no cosignatures" in refused.stdout + refused.stderr
    note = tmp_path / "checkpoint"
    for cosigners, accepted in (((0, 3), True), ((0,), False)):
        note.write_bytes(replace(GOOD, cosigners=cosigners).note())
        done = verify(tmp_path, data, QUORUM, "--checkpoint", str(note), "--json")
        assert (done.returncode == 0) == accepted, done.stdout + done.stderr
    note.write_bytes(replace(GOOD, size=8, cosigners=(0, 3)).note())
    other = verify(tmp_path, data, QUORUM, "--checkpoint", str(note))
    assert "not the one that the receipt was made from" in other.stdout + other.stderr


@pytest.mark.parametrize("given", ["entry", "leaf"])
def test_a_receipt_that_carries_nothing_is_of_an_entry_that_is_given(tmp_path, given):
    from fleet_backend.ledger import cose
    from fleet_backend.ledger.merkle import leaf_hash

    parsed = cose.parse_sign1(GOOD.cose_receipt())
    bare = parsed.with_header({cose.PROOFS: parsed.unprotected[cose.PROOFS]})
    assert "carries no entry" in str(verify(tmp_path, bare, POLICY))
    (tmp_path / "entry").write_bytes(GOOD.statement)
    value = str(tmp_path / "entry") if given == "entry" else leaf_hash(GOOD.statement).hex()
    done = verify(tmp_path, bare, POLICY, f"--{given}", value, "--json")
    assert json.loads(done.stdout)["index"] == 3
    wrong = verify(tmp_path, bare, POLICY, "--leaf", "00" * 32)
    assert wrong.returncode != 0


@pytest.mark.parametrize(
    ("kind", "body", "told"),
    [
        (2, {0: 4, 1: "roll-back"}, "GATEWAY: bytes a20004, event LOG_DISAGREES, text roll-back"),
        (2, [7], "GATEWAY: bytes 8107"),
        (2, {0: [1], 1: 5}, "GATEWAY: bytes a2008101"),
        (3, b"a grant", "GRANT: bytes 47612067"),
    ],
)
def test_what_is_no_record_is_shown_and_not_called_one(tmp_path, kind, body, told):
    encoded = cbor.encode(body)
    receipt = GOOD.with_body(encoded, kind).proof_file()
    shown = verify(tmp_path, receipt, POLICY).stdout
    first, *rest = told.split(", ")
    assert first in shown
    assert all(one in shown for one in rest)
    assert encoded.hex() in shown
    assert "record" not in shown
    assert "the vehicle's own seal" not in shown


@pytest.mark.parametrize(
    ("clock", "told"),
    [
        ((9, 2, 30), "its clock followed the network, off by at most 0.03 s"),
        ((9, 3, 0), "its clock followed satellites, off by at most 0 s"),
        ((9, 1, 0xFFFFFFFF), "ran on by itself since it was last set, by how much is not known"),
        ((0, 0, 0xFFFFFFFF), "The gateway's clock was not set."),
        (None, "it does not say where its clock has that from"),
    ],
    ids=["network", "satellites", "held over", "unset", "version 1"],
)
def test_what_the_gateway_says_of_its_clock_is_shown_and_not_called_proved(tmp_path, clock, told):
    receipt = GOOD
    if clock is not None:
        time, source, error_ms = clock
        value = cbor.decode(cose.split(GOOD.statement, cose.EDDSA, "statement")[0])
        value = [2, *value[1:4], time, *value[5:7], source, error_ms]
        receipt = replace(GOOD, statement=seal(cbor.encode(value)))
    shown = verify(tmp_path, receipt.proof_file(), POLICY).stdout
    assert "Not proved: when." in shown and told in shown
    answer = json.loads(verify(tmp_path, receipt.proof_file(), POLICY, "--json").stdout)
    assert answer["gateway_clock"] == (clock and statement.CLOCKS[clock[1]])


@pytest.mark.parametrize(
    ("quorum", "safe"),
    [("W0", True), ("both", False), ("three", True), ("any", False), ("nested", True)],
)
def test_a_quorum_that_proves_little_is_not_said_to_prove_much(tmp_path, quorum, safe):
    head = QUORUM.decode().rpartition("group both")[0]
    groups = {
        "both": "group both 2 W0 W1 W2 W3\n",
        "three": "group three 3 W0 W1 W2 W3\n",
        "any": "group any any W0 W1\n",
        "nested": "group one any W0 W1\ngroup nested 2 one W3\n",
    }
    policy = f"{head}{groups.get(quorum, '')}quorum {quorum}\n".encode()
    receipt = replace(GOOD, cosigners=(0, 1, 3)).proof_file()
    done = verify(tmp_path, receipt, policy)
    assert done.returncode == 0, done.stderr
    assert f"that is the quorum {quorum} of your policy" in done.stdout
    assert ("takes a witness that lies" in done.stdout) == safe
    assert ("Not proved: that others are shown the same history" in done.stdout) == (not safe)


@pytest.mark.parametrize(
    ("receipt", "more", "told"),
    [
        (GOOD, ("--gateway-key", "00" * 32), "another key than the gateway key that you gave"),
        (replace(GOOD, gateway_key=bytes(32)), (), "signature does not cover the statement"),
        (replace(GOOD, body=b"\x81\x41x"), (), "not what the statement committed to"),
        (replace(GOOD, extra=GOOD.carried[:-1]), (), "cannot be read (truncated"),
        (replace(GOOD, checkpoint=Checkpoint(ORIGIN, 7, bytes(32)).text), (), "lead to the root"),
    ],
)
def test_a_refusal_is_a_sentence(tmp_path, receipt, more, told):
    done = verify(tmp_path, receipt.proof_file(), POLICY, *more)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("trifleet: this receipt does not hold: ")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    if not more:
        command = [sys.executable, str(FILE), str(tmp_path / "receipt"), str(tmp_path / "policy")]
        one = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert one.returncode == 1
        assert len(one.stdout.removeprefix("REFUSED: ").strip()) > 10


def test_a_gateway_key_is_not_taken_where_nothing_is_compared_with_it(tmp_path):
    more = "--leaf", "00" * 32, "--gateway-key", GATEWAY_PUBLIC.hex()
    done = verify(tmp_path, GOOD.proof_file(), POLICY, *more)
    assert done.returncode == 2
    assert "carries what the gateway signed" in done.stderr


def test_a_policy_of_many_post_quantum_witnesses_is_read(tmp_path):
    keys = [
        Verifier(f"q{n}.example", MLDSA44_COSIGNATURE, n.to_bytes(2, "big") * 656)
        for n in range(100)
    ]
    lines = "".join(f"witness q{n} {key.vkey}\n" for n, key in enumerate(keys)).encode()
    policy = POLICY.replace(b"quorum", lines + b"quorum")
    assert len(policy) > 170_000
    assert agree(GOOD.proof_file(), policy)
    done = verify(tmp_path, GOOD.proof_file(), policy, "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["not_cosigned"]) == 100


def test_a_checkpoint_beside_a_proof_file_is_a_misunderstanding(tmp_path):
    (tmp_path / "checkpoint").write_bytes(GOOD.note())
    more = "--checkpoint", str(tmp_path / "checkpoint")
    assert "brings its own" in str(verify(tmp_path, GOOD.proof_file(), POLICY, *more))
