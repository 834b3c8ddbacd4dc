"""Cosigning checkpoints (C2SP tlog-cosignature) with an Ed25519 or an ML-DSA-44 key.

A cosigner signs what it is told to. Whether it may is decided in `witness.py`, and remembered there
before the signature leaves.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from .encoding import check_name
from .errors import CheckpointError, NoteError
from .note import signature_line
from .treehead import parse_checkpoint
from .verifier import COSIGNATURE, MLDSA44_COSIGNATURE, Verifier, cosigned_message

CosignerKey = Ed25519PrivateKey | MLDSA44PrivateKey


@dataclass(frozen=True)
class Cosigner:
    """A cosigner's private key with its name. Never prints the key."""

    name: str
    private_key: CosignerKey

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.name.encode()) > 255:
            raise NoteError("the name of a cosigner has at most 255 bytes")

    def __repr__(self) -> str:
        return f"Cosigner({self.name!r}, {self._kind:#04x})"

    @property
    def _kind(self) -> int:
        is_ed25519 = isinstance(self.private_key, Ed25519PrivateKey)
        return COSIGNATURE if is_ed25519 else MLDSA44_COSIGNATURE

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self._kind, self.private_key.public_key().public_bytes_raw())

    def cosign(self, text: bytes, time_s: int) -> str:
        """Signature line (no newline) over a checkpoint's text, at `time_s` (POSIX seconds).

        Raises NoteError where the text is not a checkpoint's.
        """
        try:
            parse_checkpoint(text)
        except CheckpointError as error:
            raise NoteError(f"only checkpoints are cosigned: {error}") from error
        signature = self.private_key.sign(cosigned_message(self._kind, self.name, time_s, text))
        return signature_line(
            self.name, self.verifier.key_id, time_s.to_bytes(8, "big") + signature
        )
