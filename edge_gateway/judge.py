"""Does a checkpoint continue the one that is held? Pure: bytes and keys in, a verdict out.

Trusts nobody on the way: the log's key signs the note, the proof ties it to what is held.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from edge_gateway.checkpoints import Disagreement, Kind
from fleet_backend.ledger.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from fleet_backend.ledger.errors import CheckpointError, ProofError
from fleet_backend.ledger.merkle import verify_consistency
from fleet_backend.ledger.note import Verifier


class Verdict(Enum):
    """What to do with a checkpoint that is neither refused nor a disagreement."""

    ACCEPTED = "accepted"  # it continues what is held, or is the first
    SAME = "the same"
    STALE = "stale"  # the answer to an older question: it says nothing about what is held


@dataclass(frozen=True)
class Shown:
    """A checkpoint as it came down: nothing in it is verified."""

    origin: str
    note: bytes
    old_size: int
    proof: Sequence[bytes]


def read(shown: Shown, keys: tuple[Verifier, ...]) -> SignedCheckpoint:
    """The checkpoint, its log's signature verified. Raises NoteError or CheckpointError."""
    signed = open_checkpoint(shown.note, keys)
    if signed.origin != shown.origin:
        raise CheckpointError(f"a checkpoint of {signed.origin!r}, sent as {shown.origin!r}")
    return signed


def judge(
    held: tuple[bytes, Checkpoint] | None, signed: SignedCheckpoint, shown: Shown
) -> Verdict | Disagreement:
    """Compare with what is held: the note, and what it says.

    A smaller size is a roll-back only where the log answers for what is held now. An answer to an
    earlier question may come late, or twice, and is honest then.
    """
    if held is None:
        # Without anything to begin from a proof proves nothing.
        return Verdict.ACCEPTED if not (shown.old_size or shown.proof) else Verdict.STALE
    note, known = held
    if signed.size == known.size:
        return Verdict.SAME if signed.root == known.root else _found(Kind.FORKED, note, shown)
    if shown.old_size != known.size:
        return Verdict.STALE
    if signed.size < known.size:
        return _found(Kind.ROLLED_BACK, note, shown)
    try:
        verify_consistency(known.size, signed.size, known.root, signed.root, shown.proof)
    except ProofError:
        return _found(Kind.NOT_CONTINUED, note, shown)
    return Verdict.ACCEPTED


def _found(kind: Kind, held: bytes, shown: Shown) -> Disagreement:
    proof = tuple(shown.proof) if kind is Kind.NOT_CONTINUED else ()
    return Disagreement(kind, shown.origin, held, shown.note, proof)
