"""Signed notes and verifier keys (C2SP signed-note), with Ed25519 and Ed25519 cosignatures.

Refuses every note that is not written exactly as specified, notes that no known key signed, and
the whole note as soon as one known key's signature fails. Unknown keys are ignored.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import NoteError

ED25519 = 0x01
COSIGNATURE = 0x04
KIND_NAMES = {ED25519: "Ed25519", COSIGNATURE: "Ed25519 cosignature", 0x06: "ML-DSA-44 cosignature"}
KEY_BYTES = 32
MAX_NOTE_BYTES = 262_144
MAX_SIGNATURES = 64  # the specification asks for at least 16
MAX_TIMESTAMP = (1 << 63) - 1
MAX_VKEY_CHARS = 4_096
_LINE_START = "— "
_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f]")


def decode_base64(text: str, what: str) -> bytes:
    """Standard base64 with padding, in its one spelling: stray bits and spaces are refused."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise NoteError(f"{what} is not base64") from error
    if encode_base64(data) != text:
        raise NoteError(f"{what} is not canonical base64")
    return data


def encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def check_name(name: str) -> None:
    """Refuse a name that is empty or holds a Unicode space, a plus, a control or no character."""
    bad = any(char.isspace() or char < " " or "\ud800" <= char <= "\udfff" for char in name)
    if bad or not name or "+" in name:
        raise NoteError(f"not a key name: {name[:64]!r}")


def key_id(name: str, kind: int, public_key: bytes) -> int:
    """First four bytes of SHA-256(name || newline || type || public key)."""
    digest = sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()
    return int.from_bytes(digest[:4], "big")


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
        if self.kind == ED25519:
            self._verify(text, signature)
            return None
        timestamp = int.from_bytes(signature[:8], "big")
        if timestamp > MAX_TIMESTAMP:
            raise NoteError(f"cosignature of {self.name!r} has an impossible time")
        message = b"cosignature/v1\ntime %d\n" % timestamp + text
        self._verify(message, signature[8:])
        return timestamp

    def _verify(self, message: bytes, signature: bytes) -> None:
        try:
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
    if kind not in (ED25519, COSIGNATURE):
        label = KIND_NAMES.get(kind, "unknown")
        raise NoteError(f"verifier key of type 0x{kind:02x} ({label}) is not supported")
    if len(key) != 1 + KEY_BYTES:
        raise NoteError("an Ed25519 key has 32 bytes")
    verifier = Verifier(name, kind, key[1:])
    if f"{verifier.key_id:08x}" != shown_id:
        raise NoteError(f"verifier key {name!r} has another key id than it says")
    return verifier


@dataclass(frozen=True)
class Signature:
    """One signature line of a note, not verified."""

    name: str
    key_id: int
    signature: bytes


@dataclass(frozen=True)
class UnverifiedNote:
    """A well-formed note. The text means nothing before a known key's signature was checked."""

    text: bytes
    signatures: tuple[Signature, ...]


@dataclass(frozen=True)
class VerifiedNote:
    """Text that at least one known key signed, and who did (with the time, for a cosigner)."""

    text: bytes
    signers: dict[Verifier, int | None]


def parse_note(data: bytes) -> UnverifiedNote:
    """Text and signature lines of a note. Raises NoteError."""
    if len(data) > MAX_NOTE_BYTES:
        raise NoteError(f"note of {len(data)} bytes; at most {MAX_NOTE_BYTES} are read")
    try:
        decoded = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NoteError("note is not UTF-8") from error
    if _CONTROL.search(data):
        raise NoteError("note holds a control character")
    text, separator, tail = decoded.rpartition("\n\n")
    if not separator:
        raise NoteError("note has no empty line before its signatures")
    if not tail.endswith("\n"):
        raise NoteError("note does not end in a newline")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError(f"note of {len(lines)} signatures; at most {MAX_SIGNATURES} are read")
    return UnverifiedNote((text + "\n").encode(), tuple(map(_parse_signature, lines)))


def _parse_signature(line: str) -> Signature:
    name, separator, encoded = line.removeprefix(_LINE_START).partition(" ")
    if not line.startswith(_LINE_START) or not separator:
        raise NoteError(f"not a signature line: {line[:64]!r}")
    check_name(name)
    data = decode_base64(encoded, f"signature of {name!r}")
    if len(data) < 5:
        raise NoteError(f"signature of {name!r} is too short")
    return Signature(name, int.from_bytes(data[:4], "big"), data[4:])


def open_note(data: bytes, verifiers: Iterable[Verifier]) -> VerifiedNote:
    """Verify a note with the keys that are known. Raises NoteError.

    A key that signed twice counts once, and each of its lines must verify.
    """
    note = parse_note(data)
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    signers: dict[Verifier, int | None] = {}
    for line in note.signatures:
        verifier = known.get((line.name, line.key_id))
        if verifier is not None:
            signers[verifier] = verifier.verify(note.text, line.signature)
    if not signers:
        raise NoteError("note has no signature of a known key")
    return VerifiedNote(note.text, signers)


@dataclass(frozen=True)
class Signer:
    """An Ed25519 private key with the name under which it signs. Never prints the key."""

    name: str
    private_key: Ed25519PrivateKey

    def __post_init__(self) -> None:
        check_name(self.name)

    def __repr__(self) -> str:
        return f"Signer({self.name!r})"

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, ED25519, self.private_key.public_key().public_bytes_raw())

    def sign(self, text: bytes) -> bytes:
        """Note of `text` with this one signature."""
        if not text.endswith(b"\n"):
            raise NoteError("the text of a note ends in a newline")
        signature = self.private_key.sign(text)
        encoded = encode_base64(self.verifier.key_id.to_bytes(4, "big") + signature)
        return text + f"\n{_LINE_START}{self.name} {encoded}\n".encode()
