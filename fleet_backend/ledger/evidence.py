"""Evidence of a split view: two checkpoints, signed by one log, that no single tree can have.

A file that convinces a stranger who has nothing but the log's verifier key. Equal sizes with
different roots do so by themselves. Between different sizes the file must also say which root the
larger tree has at the smaller size, with a consistency proof that leads from there to the larger
checkpoint: hashes cannot be bent, so a log that did nothing wrong cannot be accused. Without such
a proof two checkpoints are a suspicion, which the log's own tiles can complete.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .checkpoint import SignedCheckpoint, open_checkpoint
from .encoding import decode_base64, encode_base64
from .errors import EvidenceError, NoteError, ProofError
from .merkle import (
    HASH_SIZE,
    MAX_PROOF_HASHES,
    consistency_proof,
    roots_from_consistency,
    verify_consistency,
)
from .note import MAX_NOTE_BYTES, Verifier
from .tree import ProvedTree
from .treefiles import Fetch

HEADER = "split-view/v1"
UNPROVED = "unproved"
_ROOT = "root "
MAX_EVIDENCE_BYTES = 2 * MAX_NOTE_BYTES + 8_192


@dataclass(frozen=True)
class Evidence:
    """A well-formed file; nothing in it was checked.

    `first` and `second` are notes, the smaller tree first. `other_root` is what the second tree is
    said to have at the first's size, None where the sizes are equal or nothing is known.
    """

    first: bytes
    second: bytes
    other_root: bytes | None = None
    proof: tuple[bytes, ...] = ()
    is_complete: bool = True

    def __bytes__(self) -> bytes:
        """The file."""
        lines = [HEADER]
        if not self.is_complete:
            lines.append(UNPROVED)
        elif self.other_root is not None:
            lines.append(_ROOT + encode_base64(self.other_root))
        head = "\n".join([*lines, *map(encode_base64, self.proof), "", ""])
        return head.encode() + self.first + b"\n" + self.second


@dataclass(frozen=True)
class SplitView:
    """What was proved: the log signed both, and both cannot be true."""

    first: SignedCheckpoint
    second: SignedCheckpoint
    other_root: bytes

    @property
    def cosigned_both(self) -> frozenset[Verifier]:
        """Witnesses that cosigned both: they lied, too."""
        return self.first.cosigners & self.second.cosigners

    def __str__(self) -> str:
        first, second = self.first, self.second
        if first.size == second.size:
            return f"log {first.origin!r} signed two roots for size {first.size}"
        return (
            f"log {first.origin!r} signed size {first.size} with one root, and size {second.size}"
            f" of a tree that has another root at {first.size}"
        )


def find_contradiction(
    one: SignedCheckpoint, other: SignedCheckpoint, proof: Sequence[bytes] = ()
) -> Evidence | None:
    """Evidence, or the suspicion, that two checkpoints of a log do not agree.

    `proof` is the consistency proof that was offered between them. None where it shows that they
    agree. A proof that leads to the newer root from another old root is evidence, whoever offered
    it; one that leads nowhere, or none, is a suspicion only: anybody may offer a bad proof.
    """
    first, second = sorted((one, other), key=lambda signed: (signed.size, signed.root))
    evidence = Evidence(first.note, second.note)
    if first.size == second.size:
        return evidence if first.root != second.root else None
    suspicion = replace(evidence, proof=tuple(proof[:MAX_PROOF_HASHES]), is_complete=False)
    if first.size == 0:  # the empty tree goes before every other one
        return None
    try:
        old, new = roots_from_consistency(first.size, second.size, first.root, proof)
    except ProofError:
        return suspicion
    if new != second.root:
        return suspicion
    return replace(evidence, other_root=old, proof=tuple(proof)) if old != first.root else None


def complete_evidence(evidence: Evidence, fetch: Fetch, logs: tuple[Verifier, ...]) -> Evidence:
    """Complete a suspicion with the tiles behind the second checkpoint (`fetch` as for a reader).

    Raises EvidenceError where the two agree after all, TileError or MissingError where the tiles
    are not those of the second checkpoint.
    """
    first, second = _open_both(evidence, logs, ())
    if first.size == second.size:
        raise EvidenceError("two checkpoints of one size need no proof")
    tree = ProvedTree(fetch, second)
    root = tree.root_at(first.size)
    if root == first.root:
        raise EvidenceError("the second checkpoint continues the first: nothing is wrong")
    proof = consistency_proof(first.size, second.size, tree.range_hash)
    return replace(evidence, other_root=root, proof=tuple(proof), is_complete=True)


def parse_evidence(data: bytes) -> Evidence:
    """Parts of a file. Raises EvidenceError."""
    if len(data) > MAX_EVIDENCE_BYTES:
        raise EvidenceError(f"evidence of {len(data)} bytes; at most {MAX_EVIDENCE_BYTES} are read")
    # A checkpoint's text has no empty line, so each note has one, and there is one before each.
    parts = data.split(b"\n\n")
    if len(parts) != 5:
        raise EvidenceError("evidence is a head and two notes, with an empty line before each")
    head, *notes = parts
    first = notes[0] + b"\n\n" + notes[1] + b"\n"
    second = notes[2] + b"\n\n" + notes[3]
    try:
        lines = head.decode("ascii").split("\n")
        evidence = _read_head(lines, Evidence(first, second))
    except UnicodeDecodeError as error:
        raise EvidenceError("the head of evidence is ASCII") from error
    except NoteError as error:
        raise EvidenceError(f"evidence: {error}") from error
    if bytes(evidence) != data:
        raise EvidenceError("evidence is not written in its one form")
    return evidence


def _read_head(lines: list[str], evidence: Evidence) -> Evidence:
    if lines.pop(0) != HEADER:
        raise EvidenceError(f"not a file of evidence: it does not begin with {HEADER}")
    if not lines:
        return evidence
    claim, *hashes = lines
    if len(hashes) > MAX_PROOF_HASHES:
        raise EvidenceError(f"proof of {len(hashes)} hashes; at most {MAX_PROOF_HASHES} are read")
    proof = tuple(map(_hash, hashes))
    if claim == UNPROVED:
        return replace(evidence, proof=proof, is_complete=False)
    if not claim.startswith(_ROOT):
        raise EvidenceError(f"not a claim: {claim[:32]!r}")
    return replace(evidence, other_root=_hash(claim.removeprefix(_ROOT)), proof=proof)


def _hash(text: str) -> bytes:
    found = decode_base64(text, "hash")
    if len(found) != HASH_SIZE:
        raise EvidenceError(f"hash of {len(found)} bytes")
    return found


def verify_evidence(
    data: bytes, logs: tuple[Verifier, ...], witnesses: tuple[Verifier, ...] = ()
) -> SplitView:
    """Verify a file with the log's key, or with all keys that the log had.

    Raises EvidenceError, or NoteError and CheckpointError for what is not signed by the log.
    """
    evidence = parse_evidence(data)
    first, second = _open_both(evidence, logs, witnesses)
    if not evidence.is_complete:
        raise EvidenceError(
            "a suspicion, no evidence: the proof that was offered leads nowhere, and anybody may"
            " offer a bad proof; the log's tiles tell whether the second checkpoint continues the"
            " first"
        )
    if evidence.other_root is None:
        if first.size != second.size or evidence.proof:
            raise EvidenceError("checkpoints of different sizes may both be true")
        if first.root == second.root:
            raise EvidenceError("the two checkpoints agree")
        return SplitView(first, second, second.root)
    if evidence.other_root == first.root:
        raise EvidenceError("the two checkpoints agree")
    if not 0 < first.size < second.size:
        raise EvidenceError("a proof goes from a smaller tree to a larger one")
    try:
        verify_consistency(
            first.size, second.size, evidence.other_root, second.root, evidence.proof
        )
    except ProofError as error:
        raise EvidenceError(f"evidence does not prove its claim: {error}") from error
    return SplitView(first, second, evidence.other_root)


def _open_both(
    evidence: Evidence, logs: tuple[Verifier, ...], witnesses: tuple[Verifier, ...]
) -> tuple[SignedCheckpoint, SignedCheckpoint]:
    first = open_checkpoint(evidence.first, logs, witnesses)
    second = open_checkpoint(evidence.second, logs, witnesses)
    if first.origin != second.origin:
        raise EvidenceError("the two checkpoints are of different logs")
    if (first.size, first.root) > (second.size, second.root):
        raise EvidenceError("evidence has its checkpoints in the wrong order")
    return first, second
