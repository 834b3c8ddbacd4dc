"""The registered keys as the judge needs them, and the stored neighbours of a batch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from fleet_backend.fleet import engine, gateway_keys, gateways, statements, vehicles
from fleet_backend.fleet.gateway_keys import Keys
from fleet_backend.ingest.signatures import verifier
from fleet_backend.ingest.verdicts import Chain, KnownVehicle, Verify
from protocol import ack


@dataclass(frozen=True)
class Registry:
    """A moment's copy. The issuer is no gateway here: its statements never come by a broker."""

    gateways: Mapping[str, Verify]  # by the newest key of each: what names no statement
    vehicles: Mapping[str, KnownVehicle]
    keys: Mapping[str, Keys]  # of the gateways
    notaries: frozenset[str]  # which of them are no gateways of vehicles
    taken: frozenset[bytes]  # every key of everybody, the issuer's and those revoked among them
    changes: int  # of keys, when the copy was made


def current(connection: Connection, known: Registry) -> Registry:
    """The same without the gateways that were revoked, and with the keys that were changed."""
    gone = gateways.revoked(connection)
    if gateway_keys.count(connection) != known.changes:
        return load(connection)
    if not any(name in known.gateways for name in gone):
        return known
    kept = {name: keys for name, keys in known.keys.items() if name not in gone}
    verifiers = {name: known.gateways[name] for name in kept}
    return replace(known, gateways=verifiers, keys=kept)


def load(connection: Connection) -> Registry:
    """Everything that is registered now, and was not revoked."""
    gone = gateways.revoked(connection)
    of_all = gateway_keys.of_all(connection)
    enrolled = {
        one.id: one.kind
        for one in gateways.all_gateways(connection)
        if one.kind in gateways.ENROLLED and one.id not in gone
    }
    keys = {name: of_all[name] for name in enrolled}
    notaries = frozenset(name for name, kind in enrolled.items() if kind == gateways.NOTARY)
    known = {
        one.id: KnownVehicle(one.gateway, one.record_key)
        for one in vehicles.all_vehicles(connection)
    }
    verifiers = {name: verifier(one.newest) for name, one in keys.items()}
    taken = frozenset(era.key for one in of_all.values() for era in one.eras)
    changes = sum(len(one.eras) - 1 for one in of_all.values())
    return Registry(verifiers, known, keys, notaries, taken, changes)


def load_highest(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """The highest number that is stored of each of these gateways."""
    heads = {name: statements.head(connection, name) for name in names}
    return {name: head.seq for name, head in heads.items() if head is not None}


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
