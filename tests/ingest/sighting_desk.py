"""Sightings as gateways make them, for the tests of the ingest and of the API."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.ledger.checkpoint import Checkpoint, SignedCheckpoint, sign_checkpoint
from fleet_backend.ledger.keys import log_signer
from fleet_backend.ledger.merkle import consistency_proof, leaf_hash, root_of
from protocol import sighting

ORIGIN = "fleet.example/log"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def leaves(size: int, word: str = "entry") -> list[bytes]:
    return [leaf_hash(f"{word} {number}".encode()) for number in range(size)]


def signed(size: int, word: str = "entry", origin: str = ORIGIN) -> SignedCheckpoint:
    """A checkpoint of the log whose entries are `word` and a number."""
    checkpoint = Checkpoint(origin, size, root_of(leaves(size, word)))
    return sign_checkpoint(checkpoint, log_signer(origin, LOG_KEY))


def proof(old: int, new: int, word: str = "entry") -> list[bytes]:
    found = leaves(new, word)
    return consistency_proof(old, new, lambda low, high: root_of(found[low:high]))


def seen(
    gateway: str,
    key: Ed25519PrivateKey,
    held: bytes,
    refused: bytes = b"",
    path: list[bytes] | None = None,
    *,
    time: int,
    origin: str = ORIGIN,
) -> bytes:
    """A message on up/sighting."""
    made = sighting.Sighting(gateway, time, origin, held, refused, path or [])
    return sighting.encode(made, key.sign)
