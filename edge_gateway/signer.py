"""Which key the chain is signed with now, as the outbox knows it: one row, which is written in the
transaction of the statement that brings another key in.

No row: the key was never changed here. So key file and chain cannot come apart unseen.
"""

import sqlite3

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_gateway.errors import OutboxError, ReplacedKeyError
from protocol import keychange

_READ = "SELECT public_key, changed_by, is_over FROM signer"
_Row = tuple[bytes, int, int]


class Signer:
    """Of an open outbox. One thread only; the caller names the errors of SQLite."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._row = self._read()
        # The number of the change that the backend has not acknowledged yet.
        self.change: int | None = None
        if self._row is not None and self._waits(self._row[1]):
            self.change = self._row[1]

    @property
    def public_key(self) -> bytes | None:
        """None where it was never changed."""
        return None if self._row is None else self._row[0]

    def check(self, public_key: bytes) -> None:
        """Raises ReplacedKeyError for a key that is over, OutboxError for another one."""
        if not public_key or self._row is None:
            return
        if self._row[0] != public_key:
            raise OutboxError(
                "the key file does not hold the key that the chain is signed with since statement"
                f" {self._row[1] + 1}: it is an old copy"
            )
        if self._row[2]:
            raise replaced_key()

    def check_unchanged(self) -> None:
        """Before whatever is signed. Raises OutboxError: another process has changed the key."""
        if self._read() != self._row:
            raise OutboxError("the key of the statements was changed: starting again with the new")

    def write(self, public_key: bytes, changed_by: int) -> None:
        """In the transaction of the statement with that number."""
        self._db.execute(
            "INSERT OR REPLACE INTO signer VALUES (1, ?, ?, 0)", (public_key, changed_by)
        )

    def settled(self) -> None:
        """After an acknowledgement."""
        if self.change is not None and not self._waits(self.change):
            self.change = None

    def end(self, public_key: bytes) -> None:
        """Remember that the backend said that this key is over."""
        changed_by = -1 if self._row is None else self._row[1]
        self._db.execute(
            "INSERT OR REPLACE INTO signer VALUES (1, ?, ?, 1)", (public_key, changed_by)
        )

    def _read(self) -> _Row | None:
        row: _Row | None = self._db.execute(_READ).fetchone()
        return row

    def _waits(self, seq: int) -> bool:
        found = self._db.execute("SELECT 1 FROM statements WHERE seq = ?", (seq,)).fetchone()
        return found is not None


def replaced_key() -> ReplacedKeyError:
    """In words for who looks after the gateway."""
    return ReplacedKeyError(
        "the backend knows this gateway by another key: this folder is an old copy, or its change"
        " of key was refused, and nothing that it signs is taken. Revoke it at the backend, and"
        " enrol it under a new name"
    )


def change_text(place: keychange.Place, old: bytes, new: Ed25519PrivateKey) -> str:
    """What the event says."""
    public = new.public_key().public_bytes_raw()
    proof = new.sign(keychange.proof_message(place, old, public))
    return keychange.encode(public, proof)
