"""COSE receipts (RFC 9942): made from a root that the log signed, and verified offline.

A COSE_Sign1 (RFC 9052) over a root, with a proof in its unprotected header. The verifier writes the
one protected header that it accepts out of its own key, and compares: what the message says of
algorithms is never followed. Refuses what cannot be a receipt, such as one of a single entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from . import cbor
from .checkpoint import Checkpoint
from .errors import PolicyError, ProofError
from .merkle import (
    HASH_SIZE,
    MAX_PROOF_HASHES,
    leaf_hash,
    root_from_inclusion,
    roots_from_consistency,
    verify_inclusion,
)
from .note import Signer, Verifier
from .policy import NO_QUORUM, Policy
from .proof import VerifiedProof
from .reader import LedgerReader
from .tile import MAX_SIZE

SIGN1_TAG = 18
EDDSA = -8  # RFC 9053 section 2.2; with an Ed25519 key there is one signature that this can be
ALGORITHM, KEY_ID = 1, 4  # RFC 9052 section 3.1
STRUCTURE, RFC9162_SHA256 = 395, 1  # RFC 9942 sections 4 and 5
PROOFS, INCLUSION, CONSISTENCY = 396, -1, -2
# Of private use (RFC 9052 section 11.1). A root alone does not tell how many leaves are below it:
# the last leaf of three and the last of two have the same path. So the size is signed with it.
TREE_SIZE = -65_538
EXTRA = -65_539  # beside the proofs: what the application needs, under no signature
MAX_EXTRA_BYTES = 61_440  # leaves room for the longest path in what a decoder reads


@dataclass(frozen=True)
class UnverifiedSign1:
    """A well-formed COSE_Sign1 over a detached root, of which nothing was checked."""

    protected: bytes
    unprotected: dict[int, object]
    signature: bytes
    key_id: bytes
    size: int

    def with_header(self, unprotected: dict[int, object]) -> bytes:
        """The message with another unprotected header, which no signature covers."""
        message = [self.protected, unprotected, None, self.signature]
        return cbor.encode(cbor.Tagged(SIGN1_TAG, message))


def key_id_of(log: Verifier) -> bytes:
    """How a receipt names the log and its key: the vkey without its last part."""
    return f"{log.name}+{log.key_id:08x}".encode()


def sign_root(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """COSE_Sign1 over a root without a proof in it: receipts are made from it without the key."""
    protected = _protected(key_id_of(signer.verifier), checkpoint.size)
    signature = signer.private_key.sign(_signed_bytes(protected, checkpoint.root))
    return cbor.encode(cbor.Tagged(SIGN1_TAG, [protected, {}, None, signature]))


def parse_sign1(data: bytes) -> UnverifiedSign1:
    """Parts of a receipt or signed root. Raises ProofError."""
    message = cbor.decode(data)
    if not isinstance(message, cbor.Tagged) or message.tag != SIGN1_TAG:
        raise ProofError("not a COSE_Sign1 (tag 18)")
    if not isinstance(message.value, list) or len(message.value) != 4:
        raise ProofError("a COSE_Sign1 has four parts")
    protected, unprotected, payload, signature = message.value
    if payload is not None:
        raise ProofError("the payload of a receipt is detached: the verifier computes it")
    if not isinstance(unprotected, dict) or not isinstance(signature, bytes):
        raise ProofError("not the parts of a COSE_Sign1")
    key_id, size = _read_protected(protected)
    return UnverifiedSign1(protected, unprotected, signature, key_id, size)


def make_receipt(
    signed_root: bytes,
    reader: LedgerReader,
    logs: Sequence[Verifier],
    index: int,
    extra: bytes = b"",
) -> bytes:
    """Receipt of inclusion of entry `index`, by one of the log's keys `logs`.

    Raises ProofError, also where there can be none.
    """
    if len(extra) > MAX_EXTRA_BYTES:
        raise ProofError(f"extra of {len(extra)} bytes; at most {MAX_EXTRA_BYTES} fit")
    root = open_root(signed_root, reader, logs)
    if root.size == 1:
        raise ProofError("a log of one entry has no COSE receipt: its path would be empty")
    path = reader.inclusion_proof(index, root.size)
    verify_inclusion(index, root.size, reader.leaf(index), path, reader.root_at(root.size))
    proof = cbor.encode([root.size, index, path])
    more: dict[int, object] = {EXTRA: extra} if extra else {}
    return root.with_header({PROOFS: {INCLUSION: [proof]}, **more})


def make_consistency_receipt(
    signed_root: bytes, reader: LedgerReader, logs: Sequence[Verifier], old_size: int
) -> bytes:
    """Receipt that the signed root continues the tree of `old_size`. Raises ProofError."""
    root = open_root(signed_root, reader, logs)
    if not 0 < old_size < root.size:
        raise ProofError(f"from size {old_size} to {root.size} there is no receipt of consistency")
    path = reader.consistency_proof(old_size, root.size)
    proof = cbor.encode([old_size, root.size, path])
    return root.with_header({PROOFS: {CONSISTENCY: [proof]}})


def verify_receipt(
    data: bytes, entry: bytes, policy: Policy, checkpoint: bytes | None = None
) -> VerifiedProof:
    """Verify that `entry` is in the log. Offline.

    A receipt carries no cosignatures: under a policy with a quorum it holds together with the
    `checkpoint` note of the same size and root. Raises ProofError, NoteError, CheckpointError or
    PolicyError.
    """
    return verify_receipt_of_leaf(data, leaf_hash(entry), policy, checkpoint)


def verify_receipt_of_leaf(
    data: bytes, leaf: bytes, policy: Policy, checkpoint: bytes | None = None
) -> VerifiedProof:
    """As `verify_receipt`, for an entry of which only the leaf hash is known."""
    receipt = parse_sign1(data)
    size, index, path = _read_proof(receipt, INCLUSION)
    if size != receipt.size:
        raise ProofError("the proof is of another size than the log signed")
    root = root_from_inclusion(index, size, leaf, path)
    signed = _verify(receipt, root, policy, checkpoint)
    return VerifiedProof(index, size, signed.origin, root, extra_of(receipt))


def verify_consistency_receipt(
    data: bytes, old: Checkpoint, policy: Policy, checkpoint: bytes | None = None
) -> Checkpoint:
    """The newer checkpoint of the log, which continues `old`. Raises as `verify_receipt`.

    `old` is what the caller knows already, from a checkpoint that was verified.
    """
    receipt = parse_sign1(data)
    old_size, size, path = _read_proof(receipt, CONSISTENCY)
    if (old_size, size) != (old.size, receipt.size):
        raise ProofError(f"the proof does not lead from size {old.size} to the signed one")
    old_root, root = roots_from_consistency(old_size, size, old.root, path)
    if old_root != old.root:
        raise ProofError("the proof does not begin at the root that is known")
    signed = _verify(receipt, root, policy, checkpoint)
    if signed.origin != old.origin:
        raise ProofError(f"the receipt is of the log {signed.origin!r}, not of {old.origin!r}")
    return signed


def extra_of(receipt: UnverifiedSign1) -> bytes:
    """What the application put beside the proof; empty where there is nothing."""
    extra = receipt.unprotected.get(EXTRA, b"")
    if not isinstance(extra, bytes) or (EXTRA in receipt.unprotected and not extra):
        raise ProofError("the extra part of the receipt is not a byte string, or empty")
    return extra


def _protected(key_id: bytes, size: int) -> bytes:
    header = {ALGORITHM: EDDSA, KEY_ID: key_id, STRUCTURE: RFC9162_SHA256, TREE_SIZE: size}
    return cbor.encode(header)


def _read_protected(protected: object) -> tuple[bytes, int]:
    """Key id and size. An empty header, spelled h'' or h'A0', names no tree and is refused."""
    if not isinstance(protected, bytes) or not protected:
        raise ProofError("the protected header of a receipt is not empty")
    header = cbor.decode(protected)
    if not isinstance(header, dict):
        raise ProofError("the protected header is not a map")
    key_id, size = header.get(KEY_ID), header.get(TREE_SIZE)
    if not isinstance(key_id, bytes) or not isinstance(size, int) or not 0 <= size <= MAX_SIZE:
        raise ProofError("the protected header names no key or no size")
    if protected != _protected(key_id, size):
        raise ProofError("the protected header is not that of an Ed25519 log of RFC 9162 trees")
    return key_id, size


def _signed_bytes(protected: bytes, root: bytes) -> bytes:
    """Sig_structure, RFC 9052 section 4.4."""
    return cbor.encode(["Signature1", protected, b"", root])


def _verify(
    receipt: UnverifiedSign1, root: bytes, policy: Policy, note: bytes | None
) -> Checkpoint:
    log = _verify_signature(receipt, root, policy.logs)
    if note is None:
        if policy.quorum != NO_QUORUM:
            raise PolicyError(
                f"a COSE receipt carries no cosignatures, and the policy asks for the quorum"
                f" {policy.quorum!r}: give the checkpoint of the same size, or the tlog-proof"
            )
        return Checkpoint(log.name, receipt.size, root)
    signed = policy.open_checkpoint(note)
    if (signed.origin, signed.size, signed.root) != (log.name, receipt.size, root):
        raise ProofError("the checkpoint is not the one that the receipt was made from")
    return signed


def _verify_signature(sign1: UnverifiedSign1, root: bytes, logs: Sequence[Verifier]) -> Verifier:
    """The one of `logs` that signed the root."""
    log = next((log for log in logs if key_id_of(log) == sign1.key_id), None)
    if log is None:
        raise ProofError("the receipt is of a log or key that the policy does not name")
    key = Ed25519PublicKey.from_public_bytes(log.public_key)
    try:
        key.verify(sign1.signature, _signed_bytes(sign1.protected, root))
    except InvalidSignature as error:
        raise ProofError("the log's signature does not cover the root of the proof") from error
    return log


def open_root(
    signed_root: bytes, reader: LedgerReader, logs: Sequence[Verifier]
) -> UnverifiedSign1:
    """A signed root that is one of the reader's log. Raises ProofError, CheckpointError."""
    root = parse_sign1(signed_root)
    if root.unprotected:
        raise ProofError("a signed root has an empty unprotected header")
    if root.size > reader.checkpoint.size:
        reader.update()
    _verify_signature(root, reader.root_at(root.size), logs)
    return root


def _read_proof(receipt: UnverifiedSign1, kind: int) -> tuple[int, int, list[bytes]]:
    """The two numbers and the path of the one proof that a receipt holds."""
    if not set(receipt.unprotected) <= {PROOFS, EXTRA}:
        raise ProofError("the unprotected header holds what is not a proof")
    proofs = receipt.unprotected.get(PROOFS)
    if not isinstance(proofs, dict) or set(proofs) != {kind}:
        raise ProofError("the receipt holds no proof of this kind, or others beside it")
    found = proofs[kind]
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], bytes):
        raise ProofError("the receipt does not hold exactly one proof")
    parts = cbor.decode(found[0])
    if not isinstance(parts, list) or len(parts) != 3:
        raise ProofError("a proof is two numbers and a path")
    first, second, path = parts
    if not (_is_size(first) and _is_size(second)):
        raise ProofError("a proof begins with two numbers below 2^63")
    if not isinstance(path, list) or not 1 <= len(path) <= MAX_PROOF_HASHES:
        raise ProofError(f"a path has 1 to {MAX_PROOF_HASHES} hashes")
    if not all(isinstance(item, bytes) and len(item) == HASH_SIZE for item in path):
        raise ProofError(f"a hash has {HASH_SIZE} bytes")
    return first, second, path


def _is_size(value: object) -> bool:
    return isinstance(value, int) and 0 <= value <= MAX_SIZE
