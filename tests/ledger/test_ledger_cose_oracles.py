"""COSE receipts against two other implementations: `cwt` (COSE) and `scitt-cose` (receipts)."""

import cbor2
import pytest
from cose_tools import LOG, POLICY, log_with_root, receipt_of
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cwt import COSE, COSEKey
from cwt import exceptions as cwt_errors
from ledger_tools import KEY, ORIGIN, SIGNER, entries_of
from scitt_cose import merkle, receipt

from fleet_backend.ledger import cbor, cose
from fleet_backend.ledger.checkpoint import Checkpoint
from fleet_backend.ledger.errors import ProofError
from fleet_backend.ledger.merkle import leaf_hash, root_of

PUBLIC_PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PRIVATE_PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PLACES = [(0, 2), (1, 2), (2, 3), (4, 5), (3, 7), (6, 7), (255, 256), (0, 257), (256, 257)]
each_place = pytest.mark.parametrize(("index", "size"), PLACES)


def oracle_root(size: int) -> bytes:
    return root_of(list(map(leaf_hash, entries_of(size))))


@each_place
def test_cwt_verifies_the_signature_over_the_root(index, size):
    data = receipt_of(index, size)
    key = COSEKey.from_pem(PUBLIC_PEM, alg="EdDSA", kid=cose.key_id_of(LOG))
    reader = COSE.new()
    assert reader.decode(data, key, detached_payload=oracle_root(size)) == oracle_root(size)
    with pytest.raises(cwt_errors.VerifyError):
        reader.decode(data, key, detached_payload=bytes(32))


@each_place
def test_scitt_cose_verifies_the_whole_receipt(index, size):
    entry = entries_of(size)[index]
    found = receipt.verify_receipt(
        receipt_of(index, size, b"extra"), leaf_entry_hex=entry.hex(), log_public_key_pem=PUBLIC_PEM
    )
    assert found.ok, found.errors
    assert (found.tree_size, found.leaf_index) == (size, index)
    assert found.root == oracle_root(size).hex()
    wrong = receipt.verify_receipt(
        receipt_of(index, size), leaf_entry_hex=b"other".hex(), log_public_key_pem=PUBLIC_PEM
    )
    assert not wrong.ok


def test_scitt_cose_verifies_receipts_of_a_real_log(tmp_path):
    reader, root = log_with_root(tmp_path, 300)
    for index in (0, 255, 256, 299):
        data = cose.make_receipt(root, reader, [LOG], index)
        entry = entries_of(1, index)[0]
        found = receipt.verify_receipt(
            data, leaf_entry_hex=entry.hex(), log_public_key_pem=PUBLIC_PEM
        )
        assert found.ok and found.leaf_index == index, found.errors


def test_scitt_cose_verifies_a_path_of_consistency(tmp_path):
    reader, root = log_with_root(tmp_path, 300)
    for old_size in (1, 2, 255, 256, 257, 299):
        data = cose.make_consistency_receipt(root, reader, [LOG], old_size)
        proof = cbor2.loads(cbor2.loads(data).value[1][396][-2][0])
        roots = reader.root_at(old_size).hex(), reader.checkpoint.root.hex()
        path = [item.hex() for item in proof[2]]
        assert merkle.verify_consistency(*roots, old_size, 300, path)
        assert not merkle.verify_consistency(bytes(32).hex(), roots[1], old_size, 300, path)


def test_a_receipt_of_scitt_cose_differs_by_the_signed_size_alone():
    """Theirs is refused: nobody signed its size, and its header is in no order. The rest agrees."""
    entries = [entry.hex() for entry in entries_of(7)]
    data = receipt.build_receipt(
        leaf_entry_hex=entries[3],
        tree_entries_hex=entries,
        leaf_index=3,
        alg="EdDSA",
        log_private_key_pem=PRIVATE_PEM,
        kid=cose.key_id_of(LOG),
    )
    with pytest.raises(ProofError, match="out of order"):
        cose.verify_receipt(data, entries_of(7)[3], POLICY)
    theirs, ours = cbor2.loads(data).value, cbor2.loads(receipt_of(3, 7)).value
    assert theirs[1] == ours[1]
    assert cbor2.loads(ours[0]) == {**cbor2.loads(theirs[0]), cose.TREE_SIZE: 7}


def test_our_bytes_are_what_cwt_writes():
    """The same header, root and key through another writer of COSE."""
    header = {1: -8, 4: cose.key_id_of(LOG), 395: 1, cose.TREE_SIZE: 7}
    key = COSEKey.from_pem(PRIVATE_PEM, alg="EdDSA", kid=cose.key_id_of(LOG))
    made = COSE.new().encode_and_sign(oracle_root(7), key, protected=header)
    protected, _, payload, signature = cbor2.loads(made).value
    signed = cbor2.loads(cose.sign_root(Checkpoint(ORIGIN, 7, oracle_root(7)), SIGNER)).value
    assert payload == oracle_root(7)
    assert (protected, signature) == (signed[0], signed[3])
    assert cbor.decode(protected) == header
