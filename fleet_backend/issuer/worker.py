"""Signs, logs, and only then hands out.

Order of writes for one grant, and what is true if the process dies after each step:
1. the signed grant and its statement are in the journal: nobody else has seen them;
2. the request is claimed and the statement queued for the ledger, in one transaction: the grant
   will be seen by everybody, and nobody can use it yet;
3. the ledger's published checkpoint proves the statement; then the chain is handed out, in one
   transaction;
4. the journal forgets it.
A start repeats from whichever step the journal and the database say, by the same code.
"""

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from fleet_backend.fleet import chains, grants
from fleet_backend.fleet.errors import DatabaseRefusedError, UnknownError
from fleet_backend.fleet.grants import GrantRow
from protocol import cbor, cose, grant
from protocol import statement as wire

from . import rules
from .errors import JournalError
from .journal import Journal, Signed
from .ledgerview import LedgerView
from .store import Request, Store

log = logging.getLogger(__name__)
# More than these wait for the ledger only while it is stopped; the rest stays in the queue.
MAX_SIGNED = 64
MAX_ROWS = 512
CANNOT_LOG = "cannot-log"
Sign = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Signers:
    """The two private keys, as functions from message to signature."""

    issuer: str
    ps256: Sign
    ed25519: Sign


class Worker:
    """One issuer. `step` does all that can be done now; call it again and again."""

    def __init__(
        self,
        store: Store,
        journal: Journal,
        ledger: LedgerView,
        signers: Signers,
        cannot_log_s: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._journal = journal
        self._ledger = ledger
        self._signers = signers
        self._cannot_log_s = cannot_log_s
        self._clock = clock
        self._signed = journal.load()
        self._unsealed = list(self._signed)  # step 2 is not known to be done
        self._busy = True  # something may be left to do that no commit will tell

    def step(self) -> None:
        """One round. What the database or the disk refuses now is tried again in the next."""
        if not self._store.changed() and not self._busy:
            return
        self._busy = True
        try:
            rows = self._store.unfinished(MAX_ROWS)
            if rows or self._signed:
                self._round(rows)
            self._busy = bool(rows or self._signed)
        except DatabaseRefusedError as error:
            log.warning("database: %s", error)
        except UnknownError:
            # Its rider was erased meanwhile; the next round drops what was signed for it.
            log.info("a request is gone")
        except JournalError as error:
            log.error("%s", error)

    def _round(self, rows: list[GrantRow]) -> None:
        self._drop_ended(rows)
        self._seal()
        self._hand_out()
        self._take(rows)
        self._note(rows)

    def _seal(self) -> None:
        for signed in list(self._unsealed):
            self._store.seal(signed, self._now())
            self._unsealed.remove(signed)

    def _hand_out(self) -> None:
        if not self._signed:
            return
        size = self._ledger.refresh()
        for signed in list(self._signed):
            index = self._store.leaf_index(signed)
            if index is None or index >= size or self._now() > signed.expires:
                continue
            if self._ledger.holds(index, signed.statement):
                self._store.issue(signed, self._now())
                self._forget(signed)
                log.info("grant issued", extra={"grant": str(signed.grant), "leaf": index})

    def _drop_ended(self, rows: list[GrantRow]) -> None:
        """Nothing is handed out for a request that is not fresh any more."""
        waiting = {row.public_id: row for row in rows}
        for signed in list(self._signed):
            # It has no row any more where its rider was erased.
            if signed.grant not in waiting and not self._store.is_known(signed.grant):
                self._forget(signed)
            elif self._now() > signed.expires:
                self._store.expire(signed.grant, self._now())
                self._forget(signed)
            elif signed.grant not in waiting and len(rows) < MAX_ROWS:
                self._forget(signed)  # handed out before the process died
        known = {signed.grant for signed in self._signed}
        for row in rows:
            # Claimed, and the journal does not know it: what was signed is gone for good.
            if row.state == grants.CLAIMED and row.public_id not in known:
                self._store.expire(row.public_id, self._now())

    def _forget(self, signed: Signed) -> None:
        self._journal.drop(signed.grant)
        self._signed.remove(signed)
        if signed in self._unsealed:
            self._unsealed.remove(signed)

    def _take(self, rows: list[GrantRow]) -> None:
        known = {signed.grant for signed in self._signed}
        for row in rows:
            # One statement at a time is signed and not sealed, or the chain would have two heads.
            if self._unsealed or len(self._signed) >= MAX_SIGNED:
                return
            if row.state == grants.REQUESTED and row.public_id not in known:
                self._decide(row)

    def _decide(self, row: GrantRow) -> None:
        now = self._now()
        asked = self._store.open_request(row, now, secrets.token_bytes(16))
        if asked.case is None:
            self._store.refuse(row.public_id, "unknown-rider-or-vehicle", now)
            return
        decision = rules.decide(row.request, asked.case)
        if isinstance(decision, rules.Refusal):
            log.info("grant refused", extra={"grant": row.public_id, "reason": decision.reason})
            self._end(row, decision.reason, now)
            return
        if decision.grant.vehicle != row.vehicle:
            self._store.refuse(row.public_id, "vehicle", now)
            return
        signed = self._sign(asked, decision)
        self._journal.add(signed)
        self._signed.append(signed)
        self._unsealed.append(signed)
        self._seal()

    def _end(self, row: GrantRow, reason: str, now: int) -> None:
        """A request that was fresh when it came and waited too long has expired."""
        if reason == "stale" and rules.is_fresh(_signed_at(row), row.created):
            self._store.expire(row.public_id, now)
        else:
            self._store.refuse(row.public_id, reason, now)

    def _sign(self, asked: Request, decision: rules.Decision) -> Signed:
        payload = grant.encode(decision.grant)
        signature = self._signers.ps256(grant.signed_message(payload))
        sign1 = cose.assemble(cose.PS256, payload, signature)
        salt, body = secrets.token_bytes(wire.SALT_BYTES), cbor.encode(sign1)
        statement = wire.Statement(
            self._signers.issuer,
            asked.head.seq + 1,
            asked.head.hash,
            self._now(),
            wire.GRANT,
            wire.commit(salt, body),
        )
        return Signed(
            asked.row.public_id,
            wire.encode(statement, self._signers.ed25519),
            salt,
            body,
            chains.encode(decision.delegation.chain_with(sign1)),
            _signed_at(asked.row) + rules.FRESH_S,
        )

    def _note(self, rows: list[GrantRow]) -> None:
        late = self._now() - self._cannot_log_s
        for row in rows:
            if row.created <= late and row.reason != CANNOT_LOG:
                self._store.note(row.public_id, CANNOT_LOG, self._now())

    def _now(self) -> int:
        return int(self._clock())


def _signed_at(row: GrantRow) -> int:
    return rules.read_request(row.request)[0].time
