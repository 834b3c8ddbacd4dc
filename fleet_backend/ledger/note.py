"""Signed notes (C2SP signed-note): text, an empty line, signature lines.

Refuses every note that is not written exactly as specified, notes that no known key signed, and
the whole note as soon as one known key's signature fails. Unknown keys are ignored.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .encoding import check_name, decode_base64, encode_base64
from .errors import NoteError
from .verifier import (
    COSIGNATURE,
    COSIGNATURE_KINDS,
    ED25519,
    KIND_NAMES,
    MLDSA44_COSIGNATURE,
    Verifier,
    key_id,
    parse_vkey,
)

__all__ = [
    "COSIGNATURE",
    "COSIGNATURE_KINDS",
    "ED25519",
    "KIND_NAMES",
    "MLDSA44_COSIGNATURE",
    "Signature",
    "Signer",
    "UnverifiedNote",
    "VerifiedNote",
    "Verifier",
    "add_signatures",
    "add_what_fits",
    "check_name",
    "decode_base64",
    "encode_base64",
    "key_id",
    "open_note",
    "parse_note",
    "parse_signature",
    "parse_vkey",
    "sign_note",
    "signature_line",
]

MAX_NOTE_BYTES = 262_144  # room for 64 ML-DSA-44 cosignatures, of about 3,300 characters each
MAX_SIGNATURES = 64  # the specification asks for at least 16
_LINE_START = "— "
_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True)
class Signature:
    """One signature line of a note, not verified."""

    name: str
    key_id: int
    signature: bytes

    def __str__(self) -> str:
        """The line, without its newline."""
        return signature_line(self.name, self.key_id, self.signature)


def signature_line(name: str, key: int, signature: bytes) -> str:
    """`— name base64(key id || signature)`, without a newline."""
    return f"{_LINE_START}{name} {encode_base64(key.to_bytes(4, 'big') + signature)}"


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
    return UnverifiedNote((text + "\n").encode(), tuple(map(parse_signature, lines)))


def parse_signature(line: str) -> Signature:
    """One signature line, without its newline. Raises NoteError."""
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
    known = _by_name_and_id(verifiers)
    signers: dict[Verifier, int | None] = {}
    for line in note.signatures:
        verifier = known.get((line.name, line.key_id))
        if verifier is not None:
            signers[verifier] = verifier.verify(note.text, line.signature)
    if not signers:
        raise NoteError("note has no signature of a known key")
    return VerifiedNote(note.text, signers)


def _by_name_and_id(verifiers: Iterable[Verifier]) -> dict[tuple[str, int], Verifier]:
    """An id has four bytes: two known keys that share name and id would hide each other."""
    known: dict[tuple[str, int], Verifier] = {}
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_id), verifier) != verifier:
            raise NoteError(f"two known keys {verifier.name!r} have one key id")
    return known


def add_signatures(note: bytes, lines: Iterable[str]) -> bytes:
    """The note with more signature lines (no newlines) behind its own; a line is there once.

    Nothing is verified. Raises NoteError where the note or a line is malformed, or there are too
    many.
    """
    there = list(map(str, parse_note(note).signatures))
    added = list(dict.fromkeys(line for line in lines if line not in there))
    for line in added:
        parse_signature(line)
    longer = note + "".join(f"{line}\n" for line in added).encode()
    parse_note(longer)
    return longer


def add_what_fits(note: bytes, lines: Iterable[str]) -> bytes:
    """As `add_signatures`, without the lines that the note has no room for."""
    for line in lines:
        with suppress(NoteError):
            note = add_signatures(note, [line])
    return note


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
        return text + f"\n{self.line(text)}\n".encode()

    def line(self, text: bytes) -> str:
        """Signature line for a note of `text`, without a newline."""
        if not text.endswith(b"\n"):
            raise NoteError("the text of a note ends in a newline")
        return signature_line(self.name, self.verifier.key_id, self.private_key.sign(text))


def sign_note(text: bytes, signers: Iterable[Signer]) -> bytes:
    """Note of `text` signed by each of `signers`: several keys while a log changes its key."""
    lines = [signer.line(text) for signer in signers]
    if not lines:
        raise NoteError("a note has at least one signature")
    return add_signatures(text + f"\n{lines[0]}\n".encode(), lines[1:])
