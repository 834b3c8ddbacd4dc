"""A small log, and a notary's statements of releases in it, with receipts that hold."""

import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.fleet.keys import public_bytes
from fleet_backend.ledger.keys import log_signer, log_vkey
from fleet_backend.ledger.policy import Policy
from fleet_backend.ledger.proof import make_proof
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.writer import LedgerWriter, create_ledger
from fleet_backend.receipts.logged import trusting
from protocol import cbor, statement

ORIGIN = "log.example/releases"


class ReleaseLog:
    """`log` is what `publish` asks for a receipt; `swap` is logged in the place of what it gets."""

    def __init__(self, folder: Path) -> None:
        self.logged: list[bytes] = []
        self.swap: bytes | None = None
        self._folder = folder
        self._key = Ed25519PrivateKey.generate()
        self._notary = Ed25519PrivateKey.generate()
        create_ledger(folder, ORIGIN, self._key)
        self._append(b"another's entry")  # a tree of one has no proof

    @property
    def policy(self) -> Policy:
        return trusting([log_vkey(ORIGIN, self._key)])

    def log(self, head: bytes) -> bytes:
        """The receipt."""
        body = head if self.swap is None else self.swap
        salt = secrets.token_bytes(16)
        made = statement.Statement(
            "releases-1",
            0,
            statement.FIRST_PREV_HASH,
            1_790_000_000,
            statement.RELEASE,
            statement.commit(salt, body),
        )
        sign1 = statement.encode(made, self._notary.sign)
        self._append(sign1)
        self.logged.append(body)
        extra = cbor.encode([1, sign1, salt, body, public_bytes(self._notary)])
        verifier = log_signer(ORIGIN, self._key).verifier
        reader = LedgerReader(FolderFetch(self._folder / "public"), verifier)
        return make_proof(reader, len(self.logged), extra).encode()

    def _append(self, entry: bytes) -> None:
        with LedgerWriter.open(self._folder, ORIGIN, self._key) as writer:
            writer.append([entry])
