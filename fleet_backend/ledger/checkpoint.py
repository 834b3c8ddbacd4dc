"""Checkpoints (C2SP tlog-checkpoint): origin, size and root as the text of a signed note.

Refuses extension lines, a number that is written in another way, and sizes from 2^63 on.
"""

import re
from dataclasses import dataclass

from .errors import CheckpointError, NoteError
from .merkle import EMPTY_ROOT, HASH_SIZE
from .note import ED25519, Signer, Verifier, check_name, decode_base64, encode_base64, open_note
from .tile import MAX_SIZE

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def parse_number(text: str) -> int:
    """A size or index below 2^63 in decimal without leading zeros. Raises CheckpointError."""
    if not _NUMBER.fullmatch(text) or int(text) > MAX_SIZE:
        raise CheckpointError(f"not a number below 2^63: {text[:32]!r}")
    return int(text)


@dataclass(frozen=True)
class Checkpoint:
    """What a log says of itself: `size` leaves with this `root`."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> bytes:
        """Text that is signed."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n".encode()


@dataclass(frozen=True)
class SignedCheckpoint(Checkpoint):
    """A checkpoint whose log signature was verified, with the note as it was published."""

    note: bytes
    cosigners: frozenset[Verifier] = frozenset()


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Checkpoint of a note's text. Raises CheckpointError."""
    try:
        lines = text.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise CheckpointError("checkpoint is not UTF-8") from error
    if len(lines) != 4 or lines[3]:
        raise CheckpointError("a checkpoint is three lines: origin, size, root")
    origin, size_text, root_text, _ = lines
    try:
        check_name(origin)
        root = decode_base64(root_text, "root")
    except NoteError as error:
        raise CheckpointError(f"checkpoint: {error}") from error
    size = parse_number(size_text)
    if len(root) != HASH_SIZE:
        raise CheckpointError(f"root of {len(root)} bytes")
    if size == 0 and root != EMPTY_ROOT:
        raise CheckpointError("root of size 0 is not that of the empty tree")
    return Checkpoint(origin, size, root)


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
