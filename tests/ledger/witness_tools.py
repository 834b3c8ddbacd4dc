"""What the tests of witnesses share: a log in memory that can lie, and a witness in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from ledger_tools import ORIGIN, SIGNER, entries_of

from fleet_backend.ledger.addcheckpoint import Request, encode_request
from fleet_backend.ledger.checkpoint import Checkpoint, SignedCheckpoint, sign_checkpoint
from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.merkle import consistency_proof, leaf_hash, root_of
from fleet_backend.ledger.note import Signer
from fleet_backend.ledger.witness import Answer, Witness
from fleet_backend.ledger.witnessdb import WitnessDatabase

NAME = "witness.example/w"


class MemoryLog:
    """A log of `entries`; two of them with one signer are a log that lies."""

    def __init__(self, entries: list[bytes], signer: Signer = SIGNER) -> None:
        self.signer = signer
        self._leaves = list(map(leaf_hash, entries))

    def root(self, size: int) -> bytes:
        return root_of(self._leaves[:size])

    def signed(self, size: int) -> SignedCheckpoint:
        return sign_checkpoint(Checkpoint(self.signer.name, size, self.root(size)), self.signer)

    def note(self, size: int) -> bytes:
        return self.signed(size).note

    def proof(self, old: int, new: int) -> tuple[bytes, ...]:
        hashes = consistency_proof(old, new, lambda low, high: root_of(self._leaves[low:high]))
        return tuple(hashes)

    def body(self, old: int, new: int, note: bytes = b"") -> bytes:
        return encode_request(Request(old, self.proof(old, new), note or self.note(new)))


def fork(at: int, size: int = 40, signer: Signer = SIGNER) -> MemoryLog:
    """The log of `HONEST` with another entry at `at`."""
    entries = entries_of(size)
    entries[at] = b"another entry"
    return MemoryLog(entries, signer)


HONEST = MemoryLog(entries_of(40))


def cosigners(seed: int = 1, name: str = NAME) -> tuple[Cosigner, Cosigner]:
    """An Ed25519 and an ML-DSA-44 cosigner."""
    return (
        Cosigner(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)),
        Cosigner(name, MLDSA44PrivateKey.from_seed_bytes(bytes([seed]) * 32)),
    )


def make_witness(folder: Path, keys: tuple[Cosigner, ...] = cosigners()) -> Witness:
    """A new witness that knows the log of `SIGNER`."""
    path = folder / "witness.db"
    WitnessDatabase.create(path, [key.verifier for key in keys])
    witness = Witness(WitnessDatabase(path), keys, lambda: 1_700_000_000.0)
    witness.database.trust(SIGNER.verifier)
    return witness


@contextmanager
def reopened(folder: Path, keys: tuple[Cosigner, ...] = cosigners()) -> Iterator[Witness]:
    database = WitnessDatabase(folder / "witness.db")
    try:
        yield Witness(database, keys, lambda: 1_700_000_001.0)
    finally:
        database.close()


def ask(witness: Witness, old: int, new: int, log: MemoryLog = HONEST) -> Answer:
    return witness.add_checkpoint(log.body(old, new))


def remembered(witness: Witness) -> int:
    newest = witness.database.newest(ORIGIN)
    return newest.size if newest else -1
