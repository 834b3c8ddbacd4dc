"""The registered keys as the judge needs them, and the stored neighbours of a batch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from fleet_backend.fleet import engine, gateways, vehicles
from fleet_backend.ingest.acceptance import Chain, KnownVehicle, Verify
from fleet_backend.ingest.signatures import verifier
from protocol import ack


@dataclass(frozen=True)
class Registry:
    """A moment's copy. The issuer is no gateway here: its statements never come by a broker."""

    gateways: Mapping[str, Verify]
    vehicles: Mapping[str, KnownVehicle]
    keys: Mapping[str, bytes]  # of the gateways


def current(connection: Connection, known: Registry) -> Registry:
    """The same without the gateways that were revoked meanwhile."""
    gone = gateways.revoked(connection)
    if not any(name in known.gateways for name in gone):
        return known
    kept = {name: key for name, key in known.keys.items() if name not in gone}
    return Registry({name: known.gateways[name] for name in kept}, known.vehicles, kept)


def load(connection: Connection) -> Registry:
    """Everything that is registered now, and was not revoked."""
    gone = gateways.revoked(connection)
    keys = {
        one.id: one.public_key
        for one in gateways.all_gateways(connection)
        if one.kind == gateways.GATEWAY and one.id not in gone
    }
    known = {
        one.id: KnownVehicle(one.gateway, one.record_key)
        for one in vehicles.all_vehicles(connection)
    }
    return Registry({name: verifier(key) for name, key in keys.items()}, known, keys)


def load_chains(connection: Connection, named: Iterable[tuple[str, int]]) -> dict[str, Chain]:
    """What is stored at these (gateway, seq) and beside them."""
    wanted: dict[str, list[int]] = {}
    for gateway, seq in named:
        wanted.setdefault(gateway, []).extend((max(seq - 1, 0), seq, seq + 1))
    return {gateway: _chain(connection, gateway, numbers) for gateway, numbers in wanted.items()}


def _chain(connection: Connection, gateway: str, numbers: list[int]) -> Chain:
    chain: Chain = {}
    for first, last in ack.to_ranges(numbers):
        # A number of 2^63 - 1 has no successor that a column could hold.
        rows = engine.batch(connection).links(connection, gateway, first, min(last, (1 << 63) - 1))
        chain.update({seq: (own, before) for seq, own, before in rows})
    return chain
