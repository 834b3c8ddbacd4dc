"""Signed checkpoints (C2SP tlog-checkpoint): the text of `treehead.py` as a signed note."""

from dataclasses import dataclass

from .encoding import parse_number
from .errors import CheckpointError
from .note import ED25519, Signer, Verifier, open_note
from .treehead import Checkpoint, parse_checkpoint

__all__ = [
    "Checkpoint",
    "SignedCheckpoint",
    "open_checkpoint",
    "parse_checkpoint",
    "parse_number",
    "sign_checkpoint",
]


@dataclass(frozen=True)
class SignedCheckpoint(Checkpoint):
    """A checkpoint whose log signature was verified, with the note as it was published."""

    note: bytes
    cosigners: frozenset[Verifier] = frozenset()


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> SignedCheckpoint:
    """Sign with the log's key, whose name is the origin."""
    if signer.name != checkpoint.origin:
        raise CheckpointError(f"key {signer.name!r} is not the key of log {checkpoint.origin!r}")
    note = signer.sign(checkpoint.text)
    return SignedCheckpoint(checkpoint.origin, checkpoint.size, checkpoint.root, note)


def open_checkpoint(
    note: bytes, logs: tuple[Verifier, ...], witnesses: tuple[Verifier, ...] = ()
) -> SignedCheckpoint:
    """Verify a published checkpoint. Raises NoteError or CheckpointError.

    One of `logs` must have signed it and be named as its origin; cosignatures of `witnesses` are
    reported. Whether they are enough is the policy's business.
    """
    opened = open_note(note, (*logs, *witnesses))
    checkpoint = parse_checkpoint(opened.text)
    if not any(log in opened.signers and log.name == checkpoint.origin for log in logs):
        raise CheckpointError(f"no known key of log {checkpoint.origin!r} signed the checkpoint")
    cosigners = frozenset(key for key in opened.signers if key.kind != ED25519)
    return SignedCheckpoint(checkpoint.origin, checkpoint.size, checkpoint.root, note, cosigners)
