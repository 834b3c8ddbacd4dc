"""The issuer's transactions on the fleet's database. Each may be repeated: it works once."""

import zlib
from dataclasses import dataclass

from sqlalchemy import Connection

from fleet_backend.fleet import chains, delegations, events, grants, riders, statements, vehicles
from fleet_backend.fleet.chains import Chain
from fleet_backend.fleet.database import Database
from fleet_backend.fleet.errors import DatabaseError, UnknownError
from fleet_backend.fleet.grants import GrantRow
from protocol import statement as wire
from protocol.errors import DecodeError

from . import rules
from .journal import Signed

# The statement that continues the issuer's chain, before it is signed.
FIRST = statements.Link(-1, wire.FIRST_PREV_HASH, wire.FIRST_PREV_HASH)


@dataclass(frozen=True)
class Request:
    """A row of the queue with everything that the rules look at."""

    row: GrantRow
    case: rules.Case | None  # None where the rider or the vehicle is gone
    head: statements.Link


class Store:
    """What the issuer reads and writes, in whole transactions."""

    def __init__(self, database: Database, issuer: str, modulus: bytes) -> None:
        self._database = database
        self._issuer = issuer
        self._modulus = modulus
        self._changes = database.changes()

    def changed(self) -> bool:
        """Was anything committed since this was last asked?"""
        return self._changes.any()

    def close(self) -> None:
        self._changes.close()

    def is_known(self, grant: str) -> bool:
        """False where the rider was erased since."""
        with self._database.read() as connection:
            try:
                grants.get(connection, grant)
            except UnknownError:
                return False
        return True

    def unfinished(self, limit: int) -> list[GrantRow]:
        """Rows of the queue without an answer, oldest first."""
        with self._database.read() as connection:
            return grants.unfinished(connection, limit)

    def open_request(self, row: GrantRow, now: int, grant_id: bytes) -> Request:
        """Gather what a decision needs, seen at one moment."""
        with self._database.read() as connection:
            rider = riders.find(connection, row.holder)
            vehicle = vehicles.find(connection, row.vehicle)
            head = statements.head(connection, self._issuer) or FIRST
            if rider is None or vehicle is None:
                return Request(row, None, head)
            case = rules.Case(
                rider.public_key,
                vehicle.owner_thumbprint,
                _delegation(connection, row.vehicle),
                self._modulus,
                _other_nonces(connection, row, now),
                now,
                grant_id,
            )
            return Request(row, case, head)

    def refuse(self, grant: str, reason: str, now: int) -> None:
        with self._database.begin() as connection:
            if grants.get(connection, grant).state == grants.REQUESTED:
                grants.claim(connection, grant, now)
            _tell(connection, grants.refuse(connection, grant, reason, now), now)

    def expire(self, grant: str, now: int) -> None:
        with self._database.begin() as connection:
            # What was handed out stays handed out.
            if grants.get(connection, grant).state in (grants.REQUESTED, grants.CLAIMED):
                _tell(connection, grants.expire(connection, grant, now), now)

    def note(self, grant: str, reason: str, now: int) -> None:
        """Say why it still waits."""
        with self._database.begin() as connection:
            grants.note(connection, grant, reason, now)
            if (row := grants.get(connection, grant)).reason == reason:
                _tell(connection, row, now)

    def seal(self, signed: Signed, now: int) -> None:
        """Claim the request and queue its statement for the ledger: both or neither."""
        with self._database.begin() as connection:
            if grants.get(connection, signed.grant).state != grants.REQUESTED:
                return
            grants.claim(connection, signed.grant, now)
            statements.insert_sealed(connection, _new_statement(signed), now)

    def leaf_index(self, signed: Signed) -> int | None:
        """Where the ledger's writer says that the statement is; to be proved."""
        with self._database.read() as connection:
            try:
                row = statements.by_hash(connection, wire.statement_hash(signed.statement))
            except UnknownError:
                return None
            return row.leaf_index

    def issue(self, signed: Signed, now: int) -> None:
        """Hand out, and show what the statement commits to: both or neither."""
        name = wire.statement_hash(signed.statement)
        with self._database.begin() as connection:
            if grants.get(connection, signed.grant).state != grants.CLAIMED:
                return
            logged = statements.by_hash(connection, name)
            shown = statements.Body(signed.salt, zlib.compress(signed.body))
            statements.keep_body(connection, logged.id, shown)
            chain = chains.decode(signed.chain)
            _tell(connection, grants.issue(connection, signed.grant, chain, name, now), now)


def _new_statement(signed: Signed) -> statements.NewStatement:
    read = wire.decode_unverified(signed.statement)
    return statements.NewStatement(
        read.gateway,
        read.seq,
        wire.statement_hash(signed.statement),
        read.prev_hash,
        read.kind,
        read.time,
        signed.statement,
        b"",
        b"",
    )


def _delegation(connection: Connection, vehicle: str) -> Chain | None:
    try:
        return delegations.find(connection, vehicle)
    except DatabaseError:
        return Chain((), ())  # the rules call it malformed; one bad row stops nobody else


def _other_nonces(connection: Connection, row: GrantRow, now: int) -> frozenset[bytes]:
    """Nonces of this rider's earlier requests, as far back as any of them could still be fresh."""
    nonces = set()
    for other in grants.recent(connection, row.holder, now - 4 * rules.FRESH_S):
        if other.id >= row.id:
            continue
        try:
            nonces.add(rules.read_request(other.request)[0].nonce)
        except DecodeError:
            continue
    return frozenset(nonces)


def _tell(connection: Connection, row: GrantRow, now: int) -> None:
    data = {"id": row.public_id, "state": row.state, "reason": row.reason, "vehicle": row.vehicle}
    events.append(connection, [events.NewEvent(events.GRANT, row.public_id, data)], now)
