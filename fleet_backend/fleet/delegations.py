"""Delegations: the owner's signed document that lets the issuer grant for one vehicle."""

from sqlalchemy import Connection, delete, insert, select

from fleet_backend.fleet import chains
from fleet_backend.fleet.chains import Chain
from fleet_backend.fleet.schema import delegations


def put(connection: Connection, vehicle: str, chain: Chain, now: int) -> None:
    """Keep the chain; it replaces the one before."""
    connection.execute(delete(delegations).where(delegations.c.vehicle == vehicle))
    row = {"vehicle": vehicle, "chain": chains.encode(chain), "added": now}
    connection.execute(insert(delegations).values(row))


def find(connection: Connection, vehicle: str) -> Chain | None:
    """The chain from the owner to the issuer, or None."""
    query = select(delegations.c.chain).where(delegations.c.vehicle == vehicle)
    data = connection.execute(query).scalar()
    return None if data is None else chains.decode(data)
