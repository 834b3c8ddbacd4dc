"""The queue between the API, which takes requests for grants, and the issuer, which signs.

A request is claimed by the issuer, then issued or refused; the same request is never issued twice.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from fleet_backend.fleet import chains, checks, lifecycle
from fleet_backend.fleet.chains import Chain
from fleet_backend.fleet.errors import UnknownError
from fleet_backend.fleet.schema import grants

REQUESTED = "requested"
CLAIMED = "claimed"
ISSUED = "issued"
REFUSED = "refused"
EXPIRED = "expired"

CLAIM = "claim"
ISSUE = "issue"
REFUSE = "refuse"
EXPIRE = "expire"

TRANSITIONS = {
    (REQUESTED, CLAIM): CLAIMED,
    (REQUESTED, EXPIRE): EXPIRED,
    (CLAIMED, ISSUE): ISSUED,
    (CLAIMED, REFUSE): REFUSED,
    (CLAIMED, EXPIRE): EXPIRED,  # what was signed could not be logged in time
}


@dataclass(frozen=True)
class GrantRow:
    id: int
    public_id: str
    vehicle: str
    holder: bytes
    request: bytes
    state: str
    reason: str | None
    chain: Chain | None
    leaf_hash: bytes | None
    created: int
    updated: int


def request(
    connection: Connection, public_id: str, vehicle: str, holder: bytes, signed: bytes, now: int
) -> GrantRow:
    """Put a signed request into the queue. The same bytes again give the same row."""
    checks.octets(holder, "holder", 32)
    known = connection.execute(select(grants).where(grants.c.request == signed)).first()
    if known is not None:
        return _row(known)
    connection.execute(
        insert(grants).values(
            public_id=public_id,
            vehicle=vehicle,
            holder=holder,
            request=signed,
            state=REQUESTED,
            created=now,
            updated=now,
        )
    )
    return get(connection, public_id)


def get(connection: Connection, public_id: str) -> GrantRow:
    """One grant by its public name. Raises UnknownError."""
    row = connection.execute(select(grants).where(grants.c.public_id == public_id)).first()
    if row is None:
        raise UnknownError(f"no grant {public_id[:40]!r}")
    return _row(row)


def claim(connection: Connection, public_id: str, now: int) -> GrantRow:
    """Take this request in hand. Raises UnknownError, LifecycleError."""
    return _step(connection, public_id, CLAIM, now)


def note(connection: Connection, public_id: str, reason: str | None, now: int) -> None:
    """Say why it still waits; one that has its answer keeps it."""
    waits = grants.c.state.in_((REQUESTED, CLAIMED))
    query = update(grants).where(grants.c.public_id == public_id, waits)
    connection.execute(query.values(reason=reason, updated=now))


def unfinished(connection: Connection, limit: int) -> list[GrantRow]:
    """Requests that have no answer yet, oldest first."""
    query = select(grants).where(grants.c.state.in_((REQUESTED, CLAIMED)))
    return [_row(row) for row in connection.execute(query.order_by(grants.c.id).limit(limit))]


def recent(connection: Connection, holder: bytes, since: int) -> list[GrantRow]:
    """What one rider asked for since that time."""
    own = (grants.c.holder == holder) & (grants.c.created >= since)
    return [_row(row) for row in connection.execute(select(grants).where(own))]


def issue(
    connection: Connection, public_id: str, chain: Chain, leaf_hash: bytes, now: int
) -> GrantRow:
    """Hand out the signed chain; `leaf_hash` is the hash of the statement that logs it."""
    kept = {"chain": chains.encode(chain), "leaf_hash": leaf_hash, "reason": None}
    return _step(connection, public_id, ISSUE, now, **kept)


def refuse(connection: Connection, public_id: str, reason: str, now: int) -> GrantRow:
    """Answer that no grant is given; `reason` is a stable name."""
    return _step(connection, public_id, REFUSE, now, reason=reason)


def expire(connection: Connection, public_id: str, now: int) -> GrantRow:
    """The request could not be answered in time. What was handed out stays handed out."""
    return _step(connection, public_id, EXPIRE, now)


def _step(connection: Connection, public_id: str, event: str, now: int, **values: Any) -> GrantRow:
    state = lifecycle.step(TRANSITIONS, "grant", get(connection, public_id).state, event)
    query = update(grants).where(grants.c.public_id == public_id)
    connection.execute(query.values(state=state, updated=now, **values))
    return get(connection, public_id)


def _row(row: Row[Any]) -> GrantRow:
    values = dict(row._mapping)
    if values["chain"] is not None:
        values["chain"] = chains.decode(values["chain"])
    return GrantRow(**values)
