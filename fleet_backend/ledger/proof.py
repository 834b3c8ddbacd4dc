"""Proofs that leave the house (C2SP tlog-proof): made from a reader, verified offline.

Refuses a file that is not written exactly as specified, and one whose checkpoint, quorum or path
does not hold. `extra` is carried, not authenticated: whoever uses it must tie it to the entry.
"""

from dataclasses import dataclass

from .checkpoint import parse_number
from .errors import CheckpointError, NoteError, ProofError
from .merkle import HASH_SIZE, MAX_PROOF_HASHES, leaf_hash, verify_inclusion
from .note import decode_base64, encode_base64
from .policy import Policy
from .reader import LedgerReader

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PROOF_BYTES = 1_048_576


@dataclass(frozen=True)
class UnverifiedProof:
    """A well-formed proof file; nothing in it was checked."""

    index: int
    path: tuple[bytes, ...]
    note: bytes
    extra: bytes

    def __str__(self) -> str:
        """The file's text."""
        extra = [f"extra {encode_base64(self.extra)}"] if self.extra else []
        lines = [HEADER, *extra, f"index {self.index}", *map(encode_base64, self.path), "", ""]
        return "\n".join(lines) + self.note.decode()


@dataclass(frozen=True)
class VerifiedProof:
    """The entry is at `index` of the log `origin`, whose checkpoint satisfied the policy.

    `extra` is the file's own word: no signature covers it.
    """

    index: int
    size: int
    origin: str
    root: bytes
    extra: bytes


def make_proof(reader: LedgerReader, index: int, extra: bytes = b"") -> str:
    """Proof file of entry `index` at the reader's checkpoint."""
    signed = reader.checkpoint
    path = reader.inclusion_proof(index)
    verify_inclusion(index, signed.size, reader.leaf(index), path, signed.root)
    return str(UnverifiedProof(index, tuple(path), signed.note, extra))


def parse_proof(text: str | bytes) -> UnverifiedProof:
    """Parts of a proof file. Raises ProofError."""
    head, note = _split(text)
    lines = head.split("\n")
    if lines.pop(0) != HEADER:
        raise ProofError(f"not a proof file: it does not begin with {HEADER}")
    try:
        extra = _take_extra(lines)
        index = _take_index(lines)
        path = tuple(_parse_hash(line) for line in lines)
    except (NoteError, CheckpointError) as error:
        raise ProofError(f"proof file: {error}") from error
    return UnverifiedProof(index, path, note, extra)


def verify_proof(text: str | bytes, entry: bytes, policy: Policy) -> VerifiedProof:
    """Verify that `entry` is in the log. Offline: needs the file and the policy, nothing else.

    Raises ProofError, NoteError, CheckpointError or PolicyError.
    """
    return verify_proof_of_leaf(text, leaf_hash(entry), policy)


def verify_proof_of_leaf(text: str | bytes, leaf: bytes, policy: Policy) -> VerifiedProof:
    """As `verify_proof`, for an entry of which only the leaf hash is known."""
    proof = parse_proof(text)
    signed = policy.open_checkpoint(proof.note)
    verify_inclusion(proof.index, signed.size, leaf, proof.path, signed.root)
    return VerifiedProof(proof.index, signed.size, signed.origin, signed.root, proof.extra)


def _split(text: str | bytes) -> tuple[str, bytes]:
    try:
        data = text.encode() if isinstance(text, str) else text
        if len(data) > MAX_PROOF_BYTES:
            raise ProofError(f"proof file of {len(data)} bytes; at most {MAX_PROOF_BYTES} are read")
        head, separator, note = data.partition(b"\n\n")
        if not separator:
            raise ProofError("proof file has no empty line before its checkpoint")
        return head.decode(), note
    except UnicodeError as error:
        raise ProofError("proof file is not UTF-8") from error


def _take_extra(lines: list[str]) -> bytes:
    if not lines or not lines[0].startswith("extra "):
        return b""
    extra = decode_base64(lines.pop(0).removeprefix("extra "), "extra")
    if not extra:
        raise ProofError("proof file has an empty extra line")
    return extra


def _take_index(lines: list[str]) -> int:
    if not lines or not lines[0].startswith("index "):
        raise ProofError("proof file has no index line")
    index = parse_number(lines.pop(0).removeprefix("index "))
    if len(lines) > MAX_PROOF_HASHES:
        raise ProofError(f"proof file of {len(lines)} hashes; at most {MAX_PROOF_HASHES} are read")
    return index


def _parse_hash(line: str) -> bytes:
    found = decode_base64(line, "hash")
    if len(found) != HASH_SIZE:
        raise ProofError(f"hash of {len(found)} bytes")
    return found
