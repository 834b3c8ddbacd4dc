"""COSE receipts: what verifies, the listed traps, and nonsense in every place."""

import pytest
from cose_tools import LOG, POLICY, log_with_root, receipt_of, signed_by_hand
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_tools import ORIGIN, SIGNER, entries_of, new_log, open_log, reader_of
from test_ledger_policy import NESTED

from fleet_backend.ledger import cbor, cose
from fleet_backend.ledger.checkpoint import Checkpoint, sign_checkpoint
from fleet_backend.ledger.errors import CheckpointError, LedgerError, PolicyError, ProofError
from fleet_backend.ledger.merkle import leaf_hash, root_of
from fleet_backend.ledger.note import Signer
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.signedroot import SignedRootFile
from fleet_backend.ledger.storage import SIGNED_ROOT

ENTRIES = entries_of(7)
LEAVES = list(map(leaf_hash, ENTRIES))
RECEIPT = receipt_of(3, 7, b"extra")
HEADER = {1: -8, 4: cose.key_id_of(LOG), 395: 1, cose.TREE_SIZE: 7}
PROOF = cose.parse_sign1(RECEIPT).unprotected[cose.PROOFS][cose.INCLUSION][0]  # type: ignore[index]


def parts_of(receipt: bytes) -> tuple[bytes, dict, bytes]:
    sign1 = cose.parse_sign1(receipt)
    return sign1.protected, dict(sign1.unprotected), sign1.signature


@pytest.mark.parametrize("size", [2, 3, 255, 256, 257, 300])
def test_receipts_from_a_log_verify(tmp_path, size):
    reader, root = log_with_root(tmp_path, size)
    for index in {0, 1, size // 2, size - 1}:
        receipt = cose.make_receipt(root, reader, [LOG], index, b"more")
        found = cose.verify_receipt(receipt, entries_of(size)[index], POLICY)
        assert (found.index, found.size, found.origin) == (index, size, ORIGIN)
        assert (found.root, found.extra) == (reader.checkpoint.root, b"more")
        with pytest.raises(ProofError):
            cose.verify_receipt(receipt, b"another entry", POLICY)


@pytest.mark.parametrize("size", [2, 3, 256, 300])
def test_receipts_of_consistency_from_a_log_verify(tmp_path, size):
    reader, root = log_with_root(tmp_path, size)
    for old_size in {1, size // 2, size - 1}:
        receipt = cose.make_consistency_receipt(root, reader, [LOG], old_size)
        old = Checkpoint(ORIGIN, old_size, reader.root_at(old_size))
        new = cose.verify_consistency_receipt(receipt, old, POLICY)
        assert (new.origin, new.size, new.root) == (ORIGIN, size, reader.checkpoint.root)
        for wrong in (
            Checkpoint(ORIGIN, old_size, bytes(32)),
            Checkpoint(ORIGIN, old_size + 1, old.root),
            Checkpoint("other.example", old_size, old.root),
        ):
            with pytest.raises(ProofError):
                cose.verify_consistency_receipt(receipt, wrong, POLICY)
        with pytest.raises(ProofError):
            cose.verify_receipt(receipt, entries_of(size)[0], POLICY)


def test_a_receipt_at_two_to_the_twenty_is_small():
    path = [bytes([number]) * 32 for number in range(20)]
    signed = cose.sign_root(Checkpoint(ORIGIN, 1 << 20, bytes(32)), SIGNER)
    proof = cbor.encode([1 << 20, 12_345, path])
    receipt = cose.parse_sign1(signed).with_header({cose.PROOFS: {cose.INCLUSION: [proof]}})
    assert len(receipt) < 850


def test_a_log_of_one_entry_has_no_receipt(tmp_path):
    reader, root = log_with_root(tmp_path, 1)
    with pytest.raises(ProofError, match="one entry has no COSE receipt"):
        cose.make_receipt(root, reader, [LOG], 0)
    proof = cbor.encode([1, 0, []])
    made = cose.parse_sign1(root).with_header({cose.PROOFS: {cose.INCLUSION: [proof]}})
    with pytest.raises(ProofError, match="1 to 64 hashes"):
        cose.verify_receipt(made, entries_of(1)[0], POLICY)


def test_no_receipt_where_there_is_nothing_to_prove(tmp_path):
    reader, root = log_with_root(tmp_path, 5)
    for index in (-1, 5):
        with pytest.raises(ProofError, match="no leaf"):
            cose.make_receipt(root, reader, [LOG], index)
    for old_size in (-1, 0, 5, 6):
        with pytest.raises(ProofError, match="no receipt of consistency"):
            cose.make_consistency_receipt(root, reader, [LOG], old_size)


def test_the_size_is_signed_because_a_root_does_not_tell_it():
    """The last of three leaves and the last of two have one path: only the header tells them."""
    sign1 = cose.parse_sign1(receipt_of(2, 3))
    path = cbor.decode(sign1.unprotected[cose.PROOFS][cose.INCLUSION][0])[2]  # type: ignore[index]
    claim = cbor.encode([2, 1, path])
    with pytest.raises(ProofError, match="another size"):
        forged = sign1.with_header({cose.PROOFS: {cose.INCLUSION: [claim]}})
        cose.verify_receipt(forged, entries_of(3)[2], POLICY)


def test_the_protected_header_of_no_bytes_and_of_an_empty_map():
    """RFC 9052 section 3: sent as h'A0' or h'', signed as h''. Neither names an algorithm."""
    unprotected = {cose.PROOFS: {cose.INCLUSION: [PROOF]}}
    for sent in (b"", b"\xa0"):
        for signed in (b"", b"\xa0"):
            receipt = signed_by_hand(sent, unprotected, root_of(LEAVES), signed)
            with pytest.raises(ProofError, match="protected header"):
                cose.verify_receipt(receipt, ENTRIES[3], POLICY)


HEADERS = {
    "another algorithm": {**HEADER, 1: -7},
    "the newer number of Ed25519": {**HEADER, 1: -19},
    "no algorithm": {key: value for key, value in HEADER.items() if key != 1},
    "another structure": {**HEADER, 395: 2},
    "no structure": {key: value for key, value in HEADER.items() if key != 395},
    "no size": {key: value for key, value in HEADER.items() if key != cose.TREE_SIZE},
    "no key": {key: value for key, value in HEADER.items() if key != 4},
    "another key": {**HEADER, 4: b"other.example+00000000"},
    "another size": {**HEADER, cose.TREE_SIZE: 8},
    "a negative size": {**HEADER, cose.TREE_SIZE: -1},
    "a size of 2^63": {**HEADER, cose.TREE_SIZE: 1 << 63},
    "critical": {**HEADER, 2: [395]},
    "more": {**HEADER, 16: b"type"},
    "not a map": [1, -8],
}


@pytest.mark.parametrize("case", HEADERS)
def test_other_protected_headers_are_refused_though_well_signed(case):
    protected = cbor.encode(HEADERS[case])
    unprotected = {cose.PROOFS: {cose.INCLUSION: [PROOF]}}
    receipt = signed_by_hand(protected, unprotected, root_of(LEAVES), protected)
    with pytest.raises(ProofError):
        cose.verify_receipt(receipt, ENTRIES[3], POLICY)


def test_the_header_of_these_tests_is_the_right_one():
    protected = cbor.encode(HEADER)
    unprotected = {cose.PROOFS: {cose.INCLUSION: [PROOF]}, cose.EXTRA: b"extra"}
    assert signed_by_hand(protected, unprotected, root_of(LEAVES), protected) == RECEIPT


UNPROTECTED = {
    "nothing": {},
    "no proofs": {396: {}},
    "an empty list": {396: {-1: []}},
    "two proofs": {396: {-1: [PROOF, PROOF]}},
    "a consistency proof beside it": {396: {-1: [PROOF], -2: [PROOF]}},
    "of consistency": {396: {-2: [PROOF]}},
    "proofs as a list": {396: [PROOF]},
    "not in bytes": {396: {-1: [[7, 3, []]]}},
    "another header": {396: {-1: [PROOF]}, 4: b"key"},
    "empty extra": {396: {-1: [PROOF]}, cose.EXTRA: b""},
    "extra of another kind": {396: {-1: [PROOF]}, cose.EXTRA: 7},
    "proof of two parts": {396: {-1: [cbor.encode([7, 3])]}},
    "proof as a number": {396: {-1: [cbor.encode(7)]}},
    "path as bytes": {396: {-1: [cbor.encode([7, 3, b"x"])]}},
    "path of numbers": {396: {-1: [cbor.encode([7, 3, [1, 2, 3]])]}},
    "short hash": {396: {-1: [cbor.encode([7, 3, [bytes(31)] * 3])]}},
    "no path": {396: {-1: [cbor.encode([7, 3, []])]}},
    "65 hashes": {396: {-1: [cbor.encode([7, 3, [bytes(32)] * 65])]}},
    "index behind the end": {396: {-1: [cbor.encode([7, 7, [bytes(32)] * 3])]}},
    "negative index": {396: {-1: [cbor.encode([7, -1, [bytes(32)] * 3])]}},
    "index in bytes": {396: {-1: [cbor.encode([7, b"3", [bytes(32)] * 3])]}},
    "more behind the proof": {396: {-1: [PROOF + b"\0"]}},
}


@pytest.mark.parametrize("case", UNPROTECTED)
def test_other_unprotected_headers_are_refused(case):
    receipt = cose.parse_sign1(RECEIPT).with_header(UNPROTECTED[case])
    with pytest.raises(ProofError):
        cose.verify_receipt(receipt, ENTRIES[3], POLICY)


def messages() -> dict[str, object]:
    protected, unprotected, signature = parts_of(RECEIPT)
    good = [protected, unprotected, None, signature]
    return {
        "no tag": good,
        "another tag": cbor.Tagged(17, good),
        "two tags": cbor.Tagged(18, cbor.Tagged(18, good)),
        "three parts": cbor.Tagged(18, good[:3]),
        "five parts": cbor.Tagged(18, [*good, None]),
        "payload attached": cbor.Tagged(18, [*good[:2], root_of(LEAVES), signature]),
        "empty payload": cbor.Tagged(18, [*good[:2], b"", signature]),
        "header as a map": cbor.Tagged(18, [HEADER, *good[1:]]),
        "no signature": cbor.Tagged(18, [*good[:3], None]),
        "short signature": cbor.Tagged(18, [*good[:3], signature[:-1]]),
        "long signature": cbor.Tagged(18, [*good[:3], signature + b"\0"]),
        "zero signature": cbor.Tagged(18, [*good[:3], bytes(64)]),
        "unprotected in bytes": cbor.Tagged(18, [protected, b"", None, signature]),
    }


@pytest.mark.parametrize("case", messages())
def test_other_messages_are_refused(case):
    with pytest.raises(ProofError):
        cose.verify_receipt(cbor.encode(messages()[case]), ENTRIES[3], POLICY)


SPELLINGS = {
    "trailing byte": RECEIPT + b"\0",
    "twice": RECEIPT * 2,
    "longer tag": b"\xd8\x12" + RECEIPT[1:],
    "longer array": RECEIPT[:1] + b"\x98\x04" + RECEIPT[2:],
    "indefinite array": RECEIPT[:1] + b"\x9f" + RECEIPT[2:] + b"\xff",
    "undefined payload": RECEIPT.replace(b"\xf6\x58\x40", b"\xf7\x58\x40"),
    "null in two bytes": RECEIPT.replace(b"\xf6\x58\x40", b"\xf8\x16\x58\x40"),
    "nothing": b"",
    "tag alone": b"\xd2",
    "deep": b"\xd2" + b"\x81" * 200,
    "large count": b"\xd2\x9b" + b"\xff" * 8,
    "too large": RECEIPT + bytes(cbor.MAX_BYTES),
}


@pytest.mark.parametrize("case", SPELLINGS)
def test_other_spellings_are_refused(case):
    assert SPELLINGS[case] != RECEIPT
    with pytest.raises(ProofError):
        cose.verify_receipt(SPELLINGS[case], ENTRIES[3], POLICY)


def test_a_key_that_is_there_twice_is_refused():
    _, unprotected, signature = parts_of(RECEIPT)
    pairs = cbor.encode(HEADER)[1:]
    twice = bytes([0xA5]) + b"\x01\x27" + pairs
    old_order = bytes([0xA4]) + pairs[2:] + pairs[:2]
    for protected in (twice, old_order):
        with pytest.raises(ProofError, match="twice there or out of order"):
            cose.parse_sign1(
                cbor.encode(cbor.Tagged(18, [protected, unprotected, None, signature]))
            )


def test_another_log_of_the_policy_does_not_stand_in():
    other = Signer("other.example", Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32))
    both = parse_policy(f"log {other.verifier.vkey}\nlog {LOG.vkey}\nquorum none\n".encode())
    assert cose.verify_receipt(RECEIPT, ENTRIES[3], both).origin == ORIGIN
    alone = parse_policy(f"log {other.verifier.vkey}\nquorum none\n".encode())
    with pytest.raises(ProofError, match="does not name"):
        cose.verify_receipt(RECEIPT, ENTRIES[3], alone)
    with pytest.raises(ProofError, match="does not name"):
        cose.verify_receipt(RECEIPT, ENTRIES[3], parse_policy(b"quorum none\n"))


def test_a_quorum_needs_the_checkpoint_of_the_same_size_and_root():
    from test_ledger_policy import SIGNED, cosigned

    policy = parse_policy(NESTED.encode())
    with pytest.raises(PolicyError, match="carries no cosignatures"):
        cose.verify_receipt(RECEIPT, ENTRIES[3], policy)
    with pytest.raises(ProofError, match="not the one that the receipt"):
        cose.verify_receipt(RECEIPT, ENTRIES[3], policy, cosigned(0, 1, 3))
    right = sign_checkpoint(Checkpoint(ORIGIN, 7, root_of(LEAVES)), SIGNER).note
    assert cose.verify_receipt(RECEIPT, ENTRIES[3], POLICY, right).index == 3
    with pytest.raises(PolicyError, match="not cosigned"):
        cose.verify_receipt(RECEIPT, ENTRIES[3], policy, right)
    assert SIGNED.size == 7


def test_a_receipt_is_made_only_from_a_root_of_this_log(tmp_path):
    reader, root = log_with_root(tmp_path, 5)
    other = Signer("other.example", Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32))
    foreign = cose.sign_root(Checkpoint(ORIGIN, 5, bytes(32)), SIGNER)
    receipt = cose.make_receipt(root, reader, [LOG], 2)
    beyond = cose.sign_root(Checkpoint(ORIGIN, 6, bytes(32)), SIGNER)
    for data, key in ((root, other.verifier), (foreign, LOG), (receipt, LOG), (beyond, LOG)):
        with pytest.raises(ProofError):
            cose.make_receipt(data, reader, [key], 2)


def test_the_signed_root_follows_the_published_checkpoint(tmp_path):
    reader, first = log_with_root(tmp_path, 3)
    file = SignedRootFile(tmp_path / "public", SIGNER)
    assert file.update() and not file.update()
    with open_log(tmp_path) as writer:
        writer.append(entries_of(2, 3))
    receipt = cose.make_receipt(first, reader, [LOG], 2)  # an older root serves as long as it lies
    assert cose.verify_receipt(receipt, entries_of(3)[2], POLICY).size == 3
    assert file.update()
    second = (tmp_path / "public" / SIGNED_ROOT).read_bytes()
    # The reader has not looked since: a root from beyond its checkpoint makes it look.
    receipt = cose.make_receipt(second, reader, [LOG], 4)
    assert cose.verify_receipt(receipt, entries_of(5)[4], POLICY).size == 5
    assert not list((tmp_path / "tmp").glob(SIGNED_ROOT + "*"))


def test_a_foreign_checkpoint_is_not_signed(tmp_path):
    new_log(tmp_path, entries_of(3)).close()
    other = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32))
    with pytest.raises(LedgerError, match="no signature of a known key"):
        SignedRootFile(tmp_path / "public", other).update()
    assert not (tmp_path / "public" / SIGNED_ROOT).exists()
    renamed = Signer("other.example", SIGNER.private_key)
    with pytest.raises((CheckpointError, LedgerError)):
        SignedRootFile(tmp_path / "public", renamed).update()
    assert reader_of(tmp_path).checkpoint.size == 3


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_changed_byte_passes(data):
    """Whatever verifies says what the true receipt says: `extra` alone is free."""
    changed = bytearray(RECEIPT)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        found = cose.verify_receipt(bytes(changed), ENTRIES[3], POLICY)
    except LedgerError:
        return
    assert (found.index, found.size, found.root) == (3, 7, root_of(LEAVES))
    assert cose.parse_sign1(bytes(changed)).signature == cose.parse_sign1(RECEIPT).signature
