"""What was signed for the chain and where it stands: the states, their table, and their rows.

A job is one nonce of the account. It may have several signed forms (raised fees), of which the
chain takes one at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .errors import OperationError
from .store import Store, store_errors
from .transaction import Transaction, transaction_hash

PENDING, CONFIRMED, FAILED = "pending", "confirmed", "failed"
DEPLOY, REGISTER, ANCHOR = "deploy", "register", "anchor"

# (state, what the chain shows) -> state. `shallow`: in a block with too few on top of it; `deep`:
# enough of them; `gone`: in no block; `refused`: deep, but the contract refused it; `overtaken`:
# another transaction used the nonce, deep.
TRANSITIONS = {
    (PENDING, "shallow"): PENDING,
    (PENDING, "deep"): CONFIRMED,
    (PENDING, "gone"): PENDING,
    (PENDING, "refused"): FAILED,
    (PENDING, "overtaken"): FAILED,
    (CONFIRMED, "shallow"): PENDING,
    (CONFIRMED, "deep"): CONFIRMED,
    (CONFIRMED, "gone"): PENDING,
    (CONFIRMED, "refused"): FAILED,
    (CONFIRMED, "overtaken"): FAILED,
}


@dataclass(frozen=True)
class Job:
    """One purpose, one nonce. `hash` and `block` are of the form that is in a block, if any."""

    nonce: int
    purpose: str
    size: int
    recipient: bytes
    data: bytes
    gas: int
    state: str
    hash: bytes
    block: int
    told: str


@dataclass(frozen=True)
class Signed:
    """A transaction as it is sent. Fees in wei per gas."""

    hash: bytes
    nonce: int
    raw: bytes
    tip_wei: int
    max_fee_wei: int
    signed_s: int


class Jobs:
    """Rows of jobs and their signed forms; see Store for what is durable when."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def bind(self, chain_id: int, account: bytes) -> None:
        """These rows are of one chain and one account for ever. Raises OperationError."""
        with self._store.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO chain VALUES (1, ?, ?)", (chain_id, account))
            if connection.execute("SELECT chain_id, account FROM chain").fetchone() != (
                chain_id,
                account,
            ):
                raise OperationError(
                    f"{self._store.folder} belongs to another chain or account: its nonces would"
                    " be mixed up"
                )

    def begin(self, purpose: str, size: int, form: Transaction, raw: bytes, now_s: int) -> Job:
        """A new job with its first signed form, before any of it is sent."""
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT INTO job (nonce, purpose, size, recipient, data, gas, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (form.nonce, purpose, size, form.to, form.data, form.gas, PENDING),
            )
            self._add(form, raw, now_s)
        return next(job for job in self.all() if job.nonce == form.nonce)

    def raise_fee(self, form: Transaction, raw: bytes, now_s: int) -> None:
        """Another signed form of a job, before it is sent."""
        with self._store.transaction():
            self._add(form, raw, now_s)

    def _add(self, form: Transaction, raw: bytes, now_s: int) -> None:
        fees = (str(form.tip_wei), str(form.max_fee_wei))
        self._store.connection.execute(
            "INSERT OR IGNORE INTO signed VALUES (?, ?, ?, ?, ?, ?)",
            (transaction_hash(raw), form.nonce, raw, *fees, now_s),
        )

    def all(self) -> list[Job]:
        """All jobs in the order of their nonces."""
        with store_errors("reading the anchors' database"):
            rows = self._store.connection.execute(
                "SELECT nonce, purpose, size, recipient, data, gas, state, hash, block, told"
                " FROM job ORDER BY nonce"
            ).fetchall()
        return [Job(*row) for row in rows]

    def forms(self, job: Job) -> Sequence[Signed]:
        """Signed forms of a job, the newest first."""
        with store_errors("reading the anchors' database"):
            rows = self._store.connection.execute(
                "SELECT hash, nonce, raw, tip_wei, max_fee_wei, signed_s FROM signed"
                " WHERE nonce = ? ORDER BY rowid DESC",
                (job.nonce,),
            ).fetchall()
        return [
            Signed(found, nonce, raw, int(tip), int(max_fee), signed_s)
            for found, nonce, raw, tip, max_fee, signed_s in rows
        ]

    def note(self, job: Job, event: str, found: bytes, block: int) -> str:
        """Move a job by what the chain shows; its new state."""
        state = TRANSITIONS[(job.state, event)]
        with self._store.transaction() as connection:
            connection.execute(
                "UPDATE job SET state = ?, hash = ?, block = ? WHERE nonce = ?",
                (state, found, block, job.nonce),
            )
        return state

    def tell(self, job: Job, words: str) -> None:
        """Keep what the node said of a job, for people."""
        with self._store.transaction() as connection:
            connection.execute("UPDATE job SET told = ? WHERE nonce = ?", (words, job.nonce))
