"""The account that writes into an EVM chain: signs, sends, follows, and sends again.

Order of durable writes: sign, note it, send, follow. What was sent is always known, and sending it
again is sending the same bytes: no crash and no reorganisation of the chain writes anything twice.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric import ec

from .errors import ChainError, OperationError
from .jobs import ANCHOR, CONFIRMED, FAILED, PENDING, Job, Jobs, Signed
from .jsonrpc import Node, Receipt, RejectedError
from .transaction import Transaction, address_of

GWEI = 1_000_000_000


@dataclass(frozen=True)
class ChainSettings:
    """How much patience, and how much money: one transaction costs at most max_gas * max_fee."""

    chain_id: int
    confirmations: int = 12
    # A confirmed one is looked at again until it has this many blocks on top of it.
    final_blocks: int = 64
    max_gas: int = 500_000
    max_fee_gwei: float = 50.0
    tip_gwei: float = 1.0
    raise_after_s: int = 600


def system_clock() -> int:
    return int(time.time())


class Account:
    """One key on one chain; at most one job at a time that is not confirmed."""

    def __init__(
        self,
        node: Node,
        key: ec.EllipticCurvePrivateKey,
        settings: ChainSettings,
        jobs: Jobs,
        clock: Callable[[], int] = system_clock,
    ) -> None:
        self._node = node
        self._key = key
        self._settings = settings
        self._jobs = jobs
        self._clock = clock
        self.address = address_of(key)
        jobs.bind(settings.chain_id, self.address)

    def follow(self) -> list[Job]:
        """Look where all jobs stand that are not final, and send again what is in no block.

        Returns the jobs that are still pending. Raises UnreachableError, ChainError.
        """
        self._require_chain()
        head = self._node.head()
        for job in self._jobs.all():
            if job.state == PENDING or (job.state == CONFIRMED and not self._is_final(job, head)):
                self._follow(job, head)
        return [job for job in self._jobs.all() if job.state == PENDING]

    def begin(self, purpose: str, to: bytes, data: bytes, size: int = 0) -> Job:
        """Sign, note, send. Raises OperationError while another job is pending, RejectedError
        where the contract would refuse it (nothing is signed then)."""
        self._require_chain()
        jobs = self._jobs.all()
        if any(job.state == PENDING for job in jobs):
            raise OperationError("a transaction is pending: one at a time")
        nonce = self._node.nonce(self.address)
        if jobs and nonce <= jobs[-1].nonce:
            raise ChainError(f"{self._node.host} is behind: it does not know nonce {nonce} yet")
        gas = self._gas(to, data)
        tip, max_fee = self._fees()
        form = Transaction(self._settings.chain_id, nonce, tip, max_fee, gas, to, data)
        # Signing twice gives the same bytes, so power may go here as well as before.
        raw = form.sign(self._key)
        # Power goes before this: nothing was sent. After it: the next round sends these bytes.
        job = self._jobs.begin(purpose, size, form, raw, self._clock())
        # Power goes after this: the next round finds the transaction by its hash, or sends it anew.
        self._send(job, raw)
        return job

    def _follow(self, job: Job, head: int) -> None:
        event, form, receipt = self._look(job, head)
        found, block = (form.hash, receipt.block_number) if form and receipt else (b"", 0)
        state = self._jobs.note(job, event, found, block)
        if state == PENDING and receipt is None:
            self._push(job)

    def _look(self, job: Job, head: int) -> tuple[str, Signed | None, Receipt | None]:
        """What the chain shows of a job: an event of the table, and the form that is in a block."""
        for form in self._jobs.forms(job):
            receipt = self._node.receipt(form.hash)
            if receipt is None or not self._is_canonical(receipt):
                continue
            if head - receipt.block_number + 1 < self._settings.confirmations:
                return "shallow", form, receipt
            return ("deep" if receipt.ok else "refused"), form, receipt
        deep = head - self._settings.confirmations + 1
        if deep >= 0 and self._node.nonce(self.address, deep) > job.nonce:
            return "overtaken", None, None
        return "gone", None, None

    def _is_canonical(self, receipt: Receipt) -> bool:
        block = self._node.block(receipt.block_number)
        return block is not None and block.hash == receipt.block_hash

    def _is_final(self, job: Job, head: int) -> bool:
        final = max(self._settings.final_blocks, self._settings.confirmations)
        return head - job.block + 1 >= final

    def _push(self, job: Job) -> None:
        """Send the newest form again; with a higher fee where it has waited long."""
        newest = self._jobs.forms(job)[0]
        if self._clock() - newest.signed_s >= self._settings.raise_after_s:
            newest = self._raised(job, newest)
        self._send(job, newest.raw)

    def _raised(self, job: Job, old: Signed) -> Signed:
        """The same job with a fee that nodes take in place of the old one: at least 10 % more."""
        tip, max_fee = self._fees()
        tip = max(tip, old.tip_wei * 5 // 4)
        max_fee = max(max_fee, old.max_fee_wei * 5 // 4, tip)
        if max_fee > self._max_fee_wei:
            return old
        form = Transaction(
            self._settings.chain_id, job.nonce, tip, max_fee, job.gas, job.recipient, job.data
        )
        raw = form.sign(self._key)
        self._jobs.raise_fee(form, raw, self._clock())
        return replace(old, raw=raw)

    def _send(self, job: Job, raw: bytes) -> None:
        """A refusal is no failure: the node may have it already. What the chain shows decides."""
        try:
            self._node.send(raw)
            self._jobs.tell(job, "")
        except RejectedError as error:
            self._jobs.tell(job, str(error))

    def _gas(self, to: bytes, data: bytes) -> int:
        gas = self._node.estimate_gas(self.address, to, data) * 5 // 4
        if gas > self._settings.max_gas:
            raise OperationError(
                f"it would take {gas} gas; settings allow {self._settings.max_gas}"
            )
        return gas

    def _fees(self) -> tuple[int, int]:
        head = self._node.block(self._node.head())
        base = 0 if head is None else head.base_fee_wei
        tip = round(self._settings.tip_gwei * GWEI)
        if base + tip > self._max_fee_wei:
            raise OperationError(
                f"gas costs {(base + tip) / GWEI:.1f} gwei now; settings allow"
                f" {self._settings.max_fee_gwei}"
            )
        return tip, min(2 * base + tip, self._max_fee_wei)

    @property
    def _max_fee_wei(self) -> int:
        return round(self._settings.max_fee_gwei * GWEI)

    def _require_chain(self) -> None:
        found = self._node.chain_id()
        if found != self._settings.chain_id:
            raise ChainError(
                f"{self._node.host} is on chain {found}, settings say {self._settings.chain_id}"
            )


def anchored(jobs: list[Job], size: int) -> Job | None:
    """The job that anchors the checkpoint of `size`, unless it failed."""
    found = [job for job in jobs if job.purpose == ANCHOR and job.size == size]
    return found[-1] if found and found[-1].state != FAILED else None
