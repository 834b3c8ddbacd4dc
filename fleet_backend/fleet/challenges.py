"""The challenge that each vehicle has published ahead, so that an unlock needs no round trip."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from fleet_backend.fleet import checks
from fleet_backend.fleet.schema import challenges


@dataclass(frozen=True)
class Challenge:
    vehicle: str
    challenge: bytes
    expires: int
    received: int


def put(
    connection: Connection, vehicle: str, challenge: bytes, expires: int, received: int
) -> None:
    """Keep the newest one; one that ends before the one we hold is old news."""
    checks.octets(challenge, "challenge", 16)
    held = fresh(connection, vehicle, received)
    if held is not None and held.expires > expires:
        return
    connection.execute(delete(challenges).where(challenges.c.vehicle == vehicle))
    row = Challenge(vehicle, challenge, expires, received)
    connection.execute(insert(challenges).values(vars(row)))


def fresh(connection: Connection, vehicle: str, now: int) -> Challenge | None:
    """The vehicle's challenge if it still has time to live."""
    query = select(challenges).where(challenges.c.vehicle == vehicle, challenges.c.expires > now)
    row = connection.execute(query).first()
    return None if row is None else Challenge(**row._mapping)


def drop(connection: Connection, vehicle: str, challenge: bytes) -> None:
    """Forget it: a command was made with it, and it works once."""
    spent = (challenges.c.vehicle == vehicle) & (challenges.c.challenge == challenge)
    connection.execute(delete(challenges).where(spent))
