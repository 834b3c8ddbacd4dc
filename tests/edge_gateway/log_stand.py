"""Logs for the tests of gossip: real ones in folders, and what an operator may show of them."""

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.ledger.checkpoint import Checkpoint, SignedCheckpoint, sign_checkpoint
from fleet_backend.ledger.keys import log_signer
from fleet_backend.ledger.merkle import consistency_proof, leaf_hash, root_of
from fleet_backend.ledger.note import parse_note
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.treefiles import Fetch
from fleet_backend.ledger.writer import LedgerWriter, create_ledger
from protocol import courier

ORIGIN = "log.example/fleet"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class MemoryLog:
    """A log of leaf hashes, for many small steps. `roots_at` is the oracle of the tests."""

    def __init__(self, origin: str = ORIGIN, key: Ed25519PrivateKey = KEY) -> None:
        self.origin = origin
        self.signer = log_signer(origin, key)
        self.leaves: list[bytes] = []

    def grow(self, *entries: bytes) -> "MemoryLog":
        self.leaves += map(leaf_hash, entries)
        return self

    def branch(self, size: int) -> "MemoryLog":
        """Another history under the same key, the same up to `size`."""
        other = MemoryLog(self.origin, self.signer.private_key)
        other.leaves = self.leaves[:size]
        return other

    def signed(self, size: int | None = None) -> SignedCheckpoint:
        size = len(self.leaves) if size is None else size
        return sign_checkpoint(
            Checkpoint(self.origin, size, root_of(self.leaves[:size])), self.signer
        )

    def proof(self, old: int, new: int) -> list[bytes]:
        return consistency_proof(old, new, lambda low, high: root_of(self.leaves[low:high]))

    def show(self, held: int, size: int | None = None) -> bytes:
        """down/checkpoint to who holds a checkpoint of size `held`."""
        signed = self.signed(size)
        proof = self.proof(held, signed.size) if held <= signed.size else []
        return courier.encode_checkpoint(self.origin, signed.note, held, proof)


class FolderLog:
    """A log as the backend publishes it."""

    def __init__(
        self, folder: Path, origin: str = ORIGIN, key: Ed25519PrivateKey = KEY, begin: bool = True
    ) -> None:
        if begin:
            create_ledger(folder, origin, key)
        self.origin = origin
        self.verifier = log_signer(origin, key).verifier
        self.folder = folder
        self.writer = LedgerWriter.open(folder, origin, key)
        self.fetch: Fetch = FolderFetch(folder / "public")

    @property
    def vkey(self) -> str:
        return self.verifier.vkey

    def grow(self, count: int, word: str = "entry") -> None:
        first = self.writer.size
        self.writer.append([b"%s %d" % (word.encode(), first + i) for i in range(count)])

    def reader(self) -> LedgerReader:
        return LedgerReader(self.fetch, self.verifier)

    def show(self, held: bytes) -> bytes:
        """Answer a sighting, as the backend does."""
        return show(self.reader(), self.origin, held)


def size_of(note: bytes) -> int:
    """The size that a note speaks of; 0 for none."""
    return int(parse_note(note).text.split(b"\n")[1]) if note else 0


def show(reader: LedgerReader, origin: str, held: bytes) -> bytes:
    old, published = size_of(held), reader.update()
    proof = reader.consistency_proof(old) if old <= published.size else []
    return courier.encode_checkpoint(origin, published.note, old, proof)


Show = Callable[[bytes], bytes | None]
