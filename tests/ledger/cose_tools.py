"""What the tests of COSE receipts share: a log of a few entries and receipts from it."""

from pathlib import Path

from ledger_tools import KEY, ORIGIN, SIGNER, entries_of, new_log, reader_of

from fleet_backend.ledger import cbor, cose
from fleet_backend.ledger.checkpoint import Checkpoint
from fleet_backend.ledger.edge import RightEdge
from fleet_backend.ledger.merkle import inclusion_proof, leaf_hash, root_of
from fleet_backend.ledger.policy import Policy, parse_policy
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.signedroot import SignedRootFile
from fleet_backend.ledger.storage import SIGNED_ROOT

LOG = SIGNER.verifier
POLICY: Policy = parse_policy(f"log {LOG.vkey}\nquorum none\n".encode())


def log_with_root(directory: Path, size: int) -> tuple[LedgerReader, bytes]:
    """A reader of a real log of `size` entries, and its signed root."""
    new_log(directory, entries_of(size)).close()
    SignedRootFile(directory / "public", SIGNER).update()
    return reader_of(directory), (directory / "public" / SIGNED_ROOT).read_bytes()


def receipt_of(index: int, size: int, extra: bytes = b"") -> bytes:
    """A receipt computed in memory; any size in no time."""
    leaves = list(map(leaf_hash, entries_of(size)))
    edge = RightEdge()
    assert list(edge.extend(leaves))
    root = cose.parse_sign1(cose.sign_root(Checkpoint(ORIGIN, size, edge.root()), SIGNER))
    path = inclusion_proof(index, size, lambda low, high: root_of(leaves[low:high]))
    proof = cbor.encode([size, index, path])
    more = {cose.EXTRA: extra} if extra else {}
    return root.with_header({cose.PROOFS: {cose.INCLUSION: [proof]}, **more})


def signed_by_hand(protected: bytes, unprotected: object, root: bytes, signed: bytes) -> bytes:
    """A COSE_Sign1 with any header at all: `signed` is the header that the signature covers."""
    signature = KEY.sign(cbor.encode(["Signature1", signed, b"", root]))
    return cbor.encode(cbor.Tagged(18, [protected, unprotected, None, signature]))
