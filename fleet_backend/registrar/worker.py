"""Fulfils what was asked with a code: one gateway, one certificate, one use.

Order of writes for one request, and what is true if power goes after each step:
1. the invitation's file says which request it is used for: no other one gets anything by it;
2. the gateway's statement key is registered in the database, and its vehicles with it: nobody can
   connect as it yet;
3. the authority registers and signs a certificate: the broker lets its holder in, who has none yet.
   A repetition signs another one for the same key, and nobody ever gets this one;
4. the sealed answer is in the invitation's file: the same request gets this answer from now on;
5. the answer is in the database: the gateway may fetch it.
A repetition begins at step 1 and uses the same code; each step that was done changes nothing.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.exc import DBAPIError

from fleet_backend.fleet import counters, enrolments, gateway_keys, gateways
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.enrolments import Enrolment
from fleet_backend.fleet.errors import ExistsError
from fleet_backend.registrar import admission, rules
from fleet_backend.registrar.errors import InvitationError, RefusedRequestError
from fleet_backend.registrar.invitations import Invitation, Invitations
from fleet_backend.registrar.rules import Wish, WrongCodeError
from protocol import enrolment, renewal
from protocol.errors import DecodeError

log = logging.getLogger(__name__)
MAX_ROWS = 16
WRONG_CODES = "enrolment_wrong_codes"
_SWEEP_S = 3600.0


class Authority(Protocol):
    """Who signs certificates; `trifleet` passes the installation's own."""

    def issue(self, name: str, key: ec.EllipticCurvePublicKey) -> list[bytes]:
        """A gateway's certificate and what is between it and the root, DER; it is on record, and
        the broker's to accept, when this returns. Raises RefusedRequestError where the name is
        another's."""

    def renew(self, name: str, key: ec.EllipticCurvePublicKey) -> list[bytes]:
        """As `issue`, for one who has a certificate that was not taken back. Raises
        RefusedRequestError for who has none, or asks too often."""

    def root(self) -> bytes:
        """The root certificate that signs now, DER."""

    def trust(self) -> tuple[list[bytes], bytes]:
        """Every root that is trusted now, the one that signs first, and, while one follows another
        or did, the newer one's key signed by the older one: DER, or empty."""

    def note_held(self, name: str, held: Sequence[bytes]) -> None:
        """A gateway said under its key which roots it holds: SHA-256 of each."""


@dataclass(frozen=True)
class Offer:
    """What every gateway is told."""

    ack_public_key: bytes
    broker: tuple[str, int, str]  # host, port, name in its certificate
    logs: tuple[str, ...]


class Worker:
    """One registrar. `step` does all that can be done now; call it again and again."""

    def __init__(
        self,
        database: Database,
        invitations: Invitations,
        authority: Authority,
        offer: Offer,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._invitations = invitations
        self._authority = authority
        self._offer = offer
        self._clock = clock
        self._swept = 0.0

    def step(self) -> None:
        """One round. What the database or the disk refuses now is tried again in the next."""
        try:
            self._sweep()
            with self._database.read() as connection:
                rows = enrolments.waiting(connection, MAX_ROWS)
            for row in rows:
                self._serve(row)
        except DBAPIError as error:
            log.warning("database: %s", error.orig)
        except (InvitationError, OSError) as error:
            log.error("%s", error)

    def _sweep(self) -> None:
        if self._clock() - self._swept < _SWEEP_S:
            return
        self._swept = self._clock()
        with self._database.begin() as connection:
            enrolments.sweep(connection, self._now())

    def _serve(self, row: Enrolment) -> None:
        try:
            with self._invitations.locked():
                answer = self._decide(row.request)
        except WrongCodeError:
            self._refuse(row, rules.REFUSED, {WRONG_CODES: 1})
        except RefusedRequestError as error:
            self._refuse(row, error.reason, {})
        else:
            with self._database.begin() as connection:
                enrolments.answer(connection, row.id, answer, self._now())  # step 5

    def _refuse(self, row: Enrolment, reason: str, counts: dict[str, int]) -> None:
        log.warning("enrolment refused", extra={"enrolment": row.id, "reason": reason})
        with self._database.begin() as connection:
            counters.add(connection, counts)
            enrolments.refuse(connection, row.id, reason, self._now())

    def _decide(self, data: bytes) -> bytes:
        try:
            named = enrolment.decode_unverified(data).invitation
        except DecodeError:
            return self._renew(data)
        invitation = self._invitations.find(named)
        if invitation is None:
            raise WrongCodeError
        try:
            wish = rules.check(invitation, data, self._now())
        except WrongCodeError:
            self._invitations.count_wrong(invitation)
            raise
        if invitation.answer:
            return bytes.fromhex(invitation.answer)
        self._check_name(invitation, wish)
        return self._fulfil(invitation, wish)

    def _renew(self, data: bytes) -> bytes:
        """One write, the authority's. After a crash the repetition signs another certificate for
        the same key, and nobody ever gets the first one."""
        try:
            name = renewal.decode_unverified(data).gateway
        except DecodeError as error:
            raise RefusedRequestError(rules.REFUSED) from error
        with self._database.read() as connection:
            known = gateways.find(connection, name)
            own = gateway_keys.of(connection, name)
            gone = name in gateways.revoked(connection)
        if known is None or own is None or known.kind not in gateways.ENROLLED or gone:
            raise RefusedRequestError(rules.REFUSED)
        asked = rules.check_renewal(data, own.newest, self._now())
        chain = []
        if asked.csr:
            chain = self._authority.renew(name, rules.tls_key(asked.csr))
            log.info("certificate renewed", extra={"gateway": name})
        if asked.held is None:
            return renewal.encode_answer(asked.nonce, chain)
        self._authority.note_held(name, asked.held)
        return renewal.encode_answer(asked.nonce, chain, *self._authority.trust())

    def _check_name(self, invitation: Invitation, wish: Wish) -> None:
        """Before anything is written: what is another's does not use the code up."""
        with self._database.read() as connection:
            known = gateways.find(connection, invitation.gateway)
            gone = invitation.gateway in gateways.revoked(connection)
            is_free = admission.may_attach(connection, invitation)
        wanted = (wish.request.public_key, invitation.kind)
        if not is_free:
            raise RefusedRequestError(rules.VEHICLE)
        if gone or (known is not None and (known.public_key, known.kind) != wanted):
            raise RefusedRequestError(rules.NAME)

    def _fulfil(self, invitation: Invitation, wish: Wish) -> bytes:
        used = replace(invitation, request=wish.digest)
        self._invitations.save(used)  # step 1
        self._register(used, wish)  # step 2
        chain = self._authority.issue(used.gateway, wish.tls_key)  # step 3
        answer = enrolment.encode_answer(
            enrolment.Answer(
                wish.request.nonce,
                used.gateway,
                chain,
                self._authority.root(),
                self._offer.ack_public_key,
                self._offer.broker,
                list(self._offer.logs),
                list(used.vehicles),
            ),
            bytes.fromhex(used.key),
        )
        self._invitations.save(replace(used, answer=answer.hex(), registrations=()))  # step 4
        log.info(f"{used.kind} enrolled", extra={"gateway": used.gateway})
        return answer

    def _register(self, used: Invitation, wish: Wish) -> None:
        public, now = wish.request.public_key, self._now()
        try:
            with self._database.begin() as connection:
                gateways.register(connection, used.gateway, public, used.kind, now)
                admission.attach(connection, used, now)
        except ExistsError as error:
            raise RefusedRequestError(rules.NAME) from error

    def _now(self) -> int:
        return int(self._clock())
