"""What gateways saw of logs: the newest checkpoint each one holds, and every disagreement for ever.

Everything here was signed by its gateway, whose words are kept whole beside what was read of them.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from fleet_backend.fleet import gateway_keys, keys
from fleet_backend.fleet.errors import DatabaseError
from fleet_backend.fleet.schema import disagreements, sightings
from protocol import sighting
from protocol.errors import ProtocolError


@dataclass(frozen=True)
class Seen:
    """A checkpoint that a gateway holds. `sighting` is what it signed, `note` a part of it."""

    gateway: str
    origin: str
    size: int
    time: int
    note: bytes
    sighting: bytes


@dataclass(frozen=True)
class SeenRow(Seen):
    public_key: bytes
    server_time: int


@dataclass(frozen=True)
class Disagreement:
    """Two checkpoints of one log that do not agree, as a gateway says. `digest`: of `refused`."""

    gateway: str
    origin: str
    digest: bytes
    time: int
    held: bytes
    refused: bytes
    sighting: bytes


@dataclass(frozen=True)
class DisagreementRow(Disagreement):
    id: int
    public_key: bytes
    server_time: int


def put(connection: Connection, seen: Seen, now: int) -> bool:
    """Keep it in the place of the gateway's earlier one of this log.

    False, and the earlier one stays, where that is of a larger tree, or of the same and later: a
    sighting that was held back on its way never hides what the gateway saw since.
    """
    place = (sightings.c.gateway == seen.gateway) & (sightings.c.origin == seen.origin)
    held = connection.execute(select(sightings.c.size, sightings.c.time).where(place)).first()
    if held is not None and (seen.size, seen.time) < (held.size, held.time):
        return False
    connection.execute(delete(sightings).where(place))
    connection.execute(insert(sightings).values(**vars(seen), server_time=now))
    return True


def count_origins(connection: Connection, gateway: str, besides: str) -> int:
    """Of how many other logs something is kept of this gateway."""
    other = (sightings.c.gateway == gateway) & (sightings.c.origin != besides)
    return connection.execute(select(func.count()).select_from(sightings).where(other)).scalar_one()


def add(connection: Connection, found: Disagreement, now: int) -> int | None:
    """Keep a disagreement; its number, or None where this gateway told of the same before."""
    same = (disagreements.c.gateway == found.gateway) & (disagreements.c.origin == found.origin)
    same &= disagreements.c.digest == found.digest
    if connection.execute(select(disagreements.c.id).where(same)).first() is not None:
        return None
    result = connection.execute(insert(disagreements).values(**vars(found), server_time=now))
    (number,) = result.inserted_primary_key or (0,)
    return int(number)


def count_disagreements(connection: Connection, gateway: str) -> int:
    """How many are kept of this gateway."""
    own = disagreements.c.gateway == gateway
    query = select(func.count()).select_from(disagreements).where(own)
    return connection.execute(query).scalar_one()


def page(
    connection: Connection, after: str = "", limit: int = 50
) -> tuple[list[SeenRow], str | None]:
    """What `limit` gateways behind `after` hold, by gateway and log; and where to go on.

    With the key that each sighting is verified with.
    """
    named = select(sightings.c.gateway).distinct().where(sightings.c.gateway > after)
    names = connection.execute(named.order_by(sightings.c.gateway).limit(limit + 1)).scalars().all()
    query = (
        select(sightings)
        .where(sightings.c.gateway.in_(names[:limit]))
        .order_by(sightings.c.gateway, sightings.c.origin)
    )
    rows = [
        SeenRow(**row._mapping, public_key=_key_of(connection, row.gateway, row.sighting))
        for row in connection.execute(query).all()
    ]
    return rows, names[limit - 1] if len(names) > limit else None


def disagreements_page(
    connection: Connection, before: int | None = None, limit: int = 50
) -> Sequence[DisagreementRow]:
    """Newest first; those with a number below `before` where it is given."""
    query = select(disagreements).order_by(disagreements.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(disagreements.c.id < before)
    return [
        DisagreementRow(**row._mapping, public_key=_key_of(connection, row.gateway, row.sighting))
        for row in connection.execute(query).all()
    ]


def _key_of(connection: Connection, gateway: str, signed: bytes) -> bytes:
    """The key of the gateway that signed it: one that was kept may be older than the newest key."""
    known = gateway_keys.of(connection, gateway)
    if known is None:
        raise DatabaseError(f"a sighting of no gateway: {gateway}")
    for key in reversed(known.since(0)):
        with suppress(ProtocolError):
            sighting.open_sighting(signed, keys.ed25519_verifier(key))
            return key
    return known.newest
