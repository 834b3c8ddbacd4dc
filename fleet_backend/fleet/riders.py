"""Riders: a public key, and nothing else."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from fleet_backend.fleet.errors import UnknownError, ValueRefusedError
from fleet_backend.fleet.schema import riders
from protocol import rsa


@dataclass(frozen=True)
class Rider:
    thumbprint: bytes
    public_key: bytes  # the modulus


def register(connection: Connection, modulus: bytes, now: int) -> tuple[Rider, bool]:
    """The rider of this key, and whether it is new. The caller has verified the proof."""
    if not rsa.is_modulus(modulus):
        raise ValueRefusedError("not an RSA modulus of 2048, 3072 or 4096 bits")
    rider = Rider(rsa.thumbprint(modulus), modulus)
    if find(connection, rider.thumbprint) is not None:
        return rider, False
    connection.execute(insert(riders).values(**vars(rider), added=now))
    return rider, True


def find(connection: Connection, thumbprint: bytes) -> Rider | None:
    """One rider, or None."""
    row = connection.execute(select(riders).where(riders.c.thumbprint == thumbprint)).first()
    return None if row is None else Rider(row.thumbprint, row.public_key)


def get(connection: Connection, thumbprint: bytes) -> Rider:
    """One rider. Raises UnknownError."""
    found = find(connection, thumbprint)
    if found is None:
        raise UnknownError("no such rider")
    return found


def all_riders(connection: Connection) -> list[Rider]:
    """Every rider."""
    rows = connection.execute(select(riders).order_by(riders.c.thumbprint))
    return [Rider(row.thumbprint, row.public_key) for row in rows]
