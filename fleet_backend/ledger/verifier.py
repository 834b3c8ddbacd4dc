"""Verifier keys (C2SP signed-note): Ed25519, and the two cosignatures of C2SP tlog-cosignature.

The cosignature of type 0x04 (Ed25519) signs the note's text; that of type 0x06 (ML-DSA-44) signs
what a checkpoint says, and is refused over any other text.
"""

from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from .encoding import check_name, decode_base64, encode_base64
from .errors import CheckpointError, NoteError
from .treehead import parse_checkpoint

ED25519 = 0x01
COSIGNATURE = 0x04
MLDSA44_COSIGNATURE = 0x06
COSIGNATURE_KINDS = (COSIGNATURE, MLDSA44_COSIGNATURE)
KIND_NAMES = {
    ED25519: "Ed25519",
    COSIGNATURE: "Ed25519 cosignature",
    MLDSA44_COSIGNATURE: "ML-DSA-44 cosignature",
}
KEY_BYTES = {ED25519: 32, COSIGNATURE: 32, MLDSA44_COSIGNATURE: 1312}
SIGNATURE_BYTES = {ED25519: 64, COSIGNATURE: 8 + 64, MLDSA44_COSIGNATURE: 8 + 2420}
MAX_TIMESTAMP = (1 << 63) - 1
MAX_VKEY_CHARS = 4_096
_MAX_NAME_BYTES = 255  # of a cosigner and of an origin, where a length is one byte


def key_id(name: str, kind: int, public_key: bytes) -> int:
    """First four bytes of SHA-256(name || newline || type || public key)."""
    digest = sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()
    return int.from_bytes(digest[:4], "big")


def cosigned_message(kind: int, name: str, time_s: int, text: bytes) -> bytes:
    """What a cosigner signs at `time_s` (POSIX seconds) for a checkpoint's text. Raises NoteError.

    C2SP tlog-cosignature: two lines before the text, or the structure `cosigned_message`.
    """
    if not 0 <= time_s <= MAX_TIMESTAMP:
        raise NoteError(f"cosignature of {name!r} has an impossible time")
    if kind == COSIGNATURE:
        return b"cosignature/v1\ntime %d\n" % time_s + text
    try:
        head = parse_checkpoint(text)
    except CheckpointError as error:
        raise NoteError(f"key {name!r} cosigns checkpoints only: {error}") from error
    return b"".join(
        [
            b"subtree/v1\n\0",
            _counted(name),
            time_s.to_bytes(8, "big"),
            _counted(head.origin),
            bytes(8),  # the first leaf: a checkpoint begins at 0
            head.size.to_bytes(8, "big"),
            head.root,
        ]
    )


def _counted(name: str) -> bytes:
    data = name.encode()
    if len(data) > _MAX_NAME_BYTES:
        raise NoteError(f"name of {len(data)} bytes; at most {_MAX_NAME_BYTES} can be cosigned")
    return bytes([len(data)]) + data


@dataclass(frozen=True)
class Verifier:
    """A public key with its name: what a vkey says."""

    name: str
    kind: int
    public_key: bytes

    @property
    def key_id(self) -> int:
        return key_id(self.name, self.kind, self.public_key)

    @property
    def vkey(self) -> str:
        """`name+hex8(key id)+base64(type || public key)`."""
        key = encode_base64(bytes([self.kind]) + self.public_key)
        return f"{self.name}+{self.key_id:08x}+{key}"

    def verify(self, text: bytes, signature: bytes) -> int | None:
        """Check a signature over a note's text. Returns a cosignature's time (seconds), else None.

        Raises NoteError.
        """
        if len(signature) != SIGNATURE_BYTES[self.kind]:
            raise NoteError(f"signature of {self.name!r} does not verify: {len(signature)} bytes")
        if self.kind == ED25519:
            self._verify(text, signature)
            return None
        time_s = int.from_bytes(signature[:8], "big")
        self._verify(cosigned_message(self.kind, self.name, time_s, text), signature[8:])
        return time_s

    def _verify(self, message: bytes, signature: bytes) -> None:
        try:
            if self.kind == MLDSA44_COSIGNATURE:
                MLDSA44PublicKey.from_public_bytes(self.public_key).verify(signature, message)
            else:
                Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except InvalidSignature as error:
            raise NoteError(f"signature of {self.name!r} does not verify") from error


def parse_vkey(text: str) -> Verifier:
    """Verifier of a vkey. Raises NoteError, naming the type where it is one that is not built."""
    parts = text.split("+", 2)
    if len(parts) != 3 or len(text) > MAX_VKEY_CHARS:
        raise NoteError("a verifier key is name+id+key")
    name, shown_id, encoded = parts
    check_name(name)
    key = decode_base64(encoded, "verifier key")
    kind = key[0] if key else 0
    if kind not in KIND_NAMES:
        raise NoteError(f"verifier key of type 0x{kind:02x} is not supported")
    if len(key) != 1 + KEY_BYTES[kind]:
        raise NoteError(f"a key of type {KIND_NAMES[kind]} has {KEY_BYTES[kind]} bytes")
    verifier = Verifier(name, kind, key[1:])
    if f"{verifier.key_id:08x}" != shown_id:
        raise NoteError(f"verifier key {name!r} has another key id than it says")
    return verifier
