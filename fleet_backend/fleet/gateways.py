"""Gateways, and who signs statements in the same way, the issuer and notaries: keys and whether
online."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from fleet_backend.fleet import checks, gateway_keys
from fleet_backend.fleet.errors import ExistsError, UnknownError, ValueRefusedError
from fleet_backend.fleet.schema import gateway_revocations, gateway_status, gateways

GATEWAY = "gateway"
ISSUER = "issuer"
# A workshop or who makes releases: no vehicle, its own kinds of statements, seldom online.
NOTARY = "notary"
# What comes by a broker, is enrolled with a code, renews its certificate and can be revoked.
ENROLLED = (GATEWAY, NOTARY)


@dataclass(frozen=True)
class Gateway:
    """`public_key` is the first one, of statement 0; later ones: `fleet/gateway_keys.py`."""

    id: str
    public_key: bytes
    kind: str


@dataclass(frozen=True)
class Status:
    gateway: str
    online: bool
    time: int


def register(
    connection: Connection, gateway: str, public_key: bytes, kind: str, now: int
) -> Gateway:
    """Add one, or find the same one again. Raises ExistsError for another key or kind."""
    checks.identifier(gateway, "gateway")
    checks.octets(public_key, "public key", 32)
    if kind not in (*ENROLLED, ISSUER):
        raise ValueRefusedError(f"no kind of gateway: {kind!r}")
    wanted = Gateway(gateway, public_key, kind)
    known = find(connection, gateway)
    if known is not None and known != wanted:
        raise ExistsError(f"gateway {gateway!r} is there with another key or kind")
    if known is None and gateway_keys.holder(connection, public_key) is not None:
        raise ExistsError("another gateway has this key")
    if known is None:
        row = {"id": gateway, "public_key": public_key, "kind": kind, "added": now}
        try:
            with connection.begin_nested():
                connection.execute(insert(gateways).values(row))
        except IntegrityError as error:
            raise ExistsError("another gateway has this key") from error
    return wanted


def find(connection: Connection, gateway: str) -> Gateway | None:
    """One gateway, or None."""
    row = connection.execute(select(gateways).where(gateways.c.id == gateway)).first()
    return None if row is None else Gateway(row.id, row.public_key, row.kind)


def get(connection: Connection, gateway: str) -> Gateway:
    """One gateway. Raises UnknownError."""
    found = find(connection, gateway)
    if found is None:
        raise UnknownError(f"no gateway {gateway!r}")
    return found


def all_gateways(connection: Connection) -> list[Gateway]:
    """Every gateway, notary and issuer, by name."""
    rows = connection.execute(select(gateways).order_by(gateways.c.id))
    return [Gateway(row.id, row.public_key, row.kind) for row in rows]


def revoke(connection: Connection, gateway: str, now: int) -> bool:
    """Nothing that it signs is accepted from now on; False where that was so already.

    What was accepted stays. Raises UnknownError, ValueRefusedError for the issuer.
    """
    if get(connection, gateway).kind not in ENROLLED:
        raise ValueRefusedError(f"{gateway!r} is neither a gateway nor a notary")
    if gateway in revoked(connection):
        return False
    connection.execute(insert(gateway_revocations).values(gateway=gateway, time=now))
    return True


def revoked(connection: Connection) -> frozenset[str]:
    """Names of all gateways that were revoked."""
    return frozenset(connection.execute(_REVOKED).scalars())


# Of every batch of the ingest, twice: to put it together costs more than to ask it.
_REVOKED = select(gateway_revocations.c.gateway)


def set_status(connection: Connection, gateway: str, online: bool, time: int) -> None:
    """What the gateway said of itself last."""
    connection.execute(delete(gateway_status).where(gateway_status.c.gateway == gateway))
    connection.execute(insert(gateway_status).values(gateway=gateway, online=online, time=time))


def status(connection: Connection, gateway: str) -> Status | None:
    """None where nothing was heard of it."""
    query = select(gateway_status).where(gateway_status.c.gateway == gateway)
    row = connection.execute(query).first()
    return None if row is None else Status(row.gateway, row.online, row.time)
