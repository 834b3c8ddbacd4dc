"""Where one rider is in the database: his requests, grants, commands, codes and rides.

Found by his thumbprint alone, so that a key whose row is gone is still found in what is left.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from fleet_backend.fleet import receipts, riders, rides
from fleet_backend.fleet.chains import decode as decode_chain
from fleet_backend.fleet.errors import DatabaseError
from fleet_backend.fleet.rides import Ride
from fleet_backend.fleet.schema import bodies, commands, grants, statements
from fleet_backend.fleet.schema import riders as riders_table
from protocol import cose, presentation, request, rsa
from protocol import statement as wire
from protocol.errors import DecodeError
from protocol.grant import Grant
from protocol.presentation import Presentation, SignedGrant


@dataclass(frozen=True)
class Trace:
    """Everything that names the rider. Bytes are as they travel, `requests` are public ids."""

    thumbprint: bytes
    modulus: bytes | None = None
    requests: tuple[str, ...] = ()
    grant_ids: tuple[bytes, ...] = ()
    command_ids: tuple[bytes, ...] = ()  # and the hashes of codes, which stand in their place
    mentions: tuple[bytes, ...] = ()  # commands of others that carry his key or a grant to him
    rides: tuple[Ride, ...] = ()

    @property
    def names(self) -> tuple[bytes, ...]:
        """The byte strings that stand for the rider wherever they are found."""
        keys = (self.thumbprint,) if self.modulus is None else (self.thumbprint, self.modulus)
        return (*keys, *self.grant_ids, *self.command_ids)

    def merged(self, other: "Trace") -> "Trace":
        """What either of them knows of the rider."""

        def both(name: str) -> Any:
            return tuple(dict.fromkeys((*getattr(self, name), *getattr(other, name))))

        modulus = self.modulus or other.modulus
        return Trace(self.thumbprint, modulus, *map(both, ("requests", *_OCTETS, "rides")))

    @property
    def is_empty(self) -> bool:
        """Nothing is known of the rider."""
        return self == Trace(self.thumbprint)


def find(connection: Connection, thumbprint: bytes) -> Trace:
    """Look through riders, grants, logged grants, commands and answers."""
    rider = riders.find(connection, thumbprint)
    modulus = None if rider is None else rider.public_key
    requests, granted, codes = _granted(connection, thumbprint)
    own, mentions, shown = _sent(connection, thumbprint, modulus)
    held = [*granted, *_logged(connection, thumbprint), *shown]
    grant_ids = _unique(item.grant_id for item in held)
    codes = [*codes, *(code for item in held for code in item.codes)]
    command_ids = _unique([*own, *codes])
    names = {item.hex() for item in (*grant_ids, *command_ids)}
    found = rides.of_answers(connection, names.__contains__)
    return Trace(
        thumbprint,
        modulus or _modulus(connection, own),
        requests,
        grant_ids,
        command_ids,
        mentions,
        tuple(found),
    )


def holders(connection: Connection) -> set[bytes]:
    """The thumbprints of everybody who registered, or whom a grant names."""
    found = set(connection.execute(select(riders_table.c.thumbprint)).scalars())
    found |= set(connection.execute(select(grants.c.holder)).scalars())
    return found | {given.holder for given in _all_logged(connection)}


def as_json(trace: Trace) -> dict[str, Any]:
    """For a column; `from_json` gives it back."""
    named = {name: [item.hex() for item in getattr(trace, name)] for name in _OCTETS}
    return {
        "modulus": None if trace.modulus is None else trace.modulus.hex(),
        "requests": list(trace.requests),
        **named,
        "rides": rides_as_json(trace.rides),
    }


def from_json(thumbprint: bytes, value: dict[str, Any]) -> Trace:
    """The inverse of `as_json`."""
    named = {name: tuple(bytes.fromhex(item) for item in value[name]) for name in _OCTETS}
    return Trace(
        thumbprint,
        None if value["modulus"] is None else bytes.fromhex(value["modulus"]),
        tuple(value["requests"]),
        rides=rides_from_json(value["rides"]),
        **named,
    )


_OCTETS = ("grant_ids", "command_ids", "mentions")


def rides_as_json(found: Iterable[Ride]) -> list[list[Any]]:
    return [[ride.vehicle, ride.first, ride.last] for ride in found]


def rides_from_json(value: Iterable[Any]) -> tuple[Ride, ...]:
    return tuple(
        Ride(vehicle, tuple(first), None if last is None else tuple(last))
        for vehicle, first, last in value
    )


def _granted(
    connection: Connection, holder: bytes
) -> tuple[tuple[str, ...], list[Grant], list[bytes]]:
    """(public ids, grants, hashes of codes) of what he asked for."""
    names, given, codes = [], [], []
    for row in connection.execute(select(grants).where(grants.c.holder == holder)):
        names.append(row.public_id)
        if row.chain is not None:
            given.append(_last_grant(row.chain))
        try:
            payload, _ = cose.split(row.request, cose.PS256, "request")
            codes += request.decode_grant_request(payload).codes or []
        except DecodeError:
            continue  # refused by the issuer as malformed
    return tuple(names), given, codes


def _last_grant(chain: bytes) -> Grant:
    try:
        return SignedGrant(decode_chain(chain).grants[-1]).grant
    except (DecodeError, IndexError) as error:
        raise DatabaseError(f"a chain of grants is damaged: {error}") from error


def _logged(connection: Connection, holder: bytes) -> Iterator[Grant]:
    """The grants to him in the bodies of logged statements."""
    return (given for given in _all_logged(connection) if given.holder == holder)


def _all_logged(connection: Connection) -> Iterator[Grant]:
    query = select(bodies.c.body).join(statements, statements.c.id == bodies.c.statement_id)
    for (packed,) in connection.execute(query.where(statements.c.kind == wire.GRANT)):
        try:
            yield SignedGrant(wire.decode_grant_body(receipts.inflate(packed))).grant
        except DecodeError:
            continue


def _sent(
    connection: Connection, thumbprint: bytes, modulus: bytes | None
) -> tuple[list[bytes], tuple[bytes, ...], list[Grant]]:
    """(his commands, those of others that name him, grants that he presented)."""
    own, mentions, shown = [], [], []
    for row in connection.execute(select(commands.c.id, commands.c.presentation)):
        data = row.presentation
        if thumbprint not in data and (modulus is None or modulus not in data):
            continue
        asked = _presented(data)
        if asked is None or rsa.thumbprint(asked.keys[-1]) != thumbprint:
            mentions.append(row.id)
            continue
        own.append(row.id)
        shown += [item.grant for item in asked.grants[-1:]]
    return own, tuple(mentions), shown


def _modulus(connection: Connection, own: list[bytes]) -> bytes | None:
    """His key out of a command, where his row is gone."""
    for name in own:
        query = select(commands.c.presentation).where(commands.c.id == name)
        asked = _presented(connection.execute(query).scalar_one())
        if asked is not None:
            return bytes(asked.keys[-1])
    return None


def _presented(data: bytes) -> Presentation | None:
    try:
        return presentation.decode(data)
    except DecodeError:
        return None


def _unique(items: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(items))
