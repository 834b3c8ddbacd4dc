"""A chain of grants with the keys that it is checked with, as one column: CBOR [[grant], [key]]."""

from dataclasses import dataclass

from fleet_backend.fleet.errors import DatabaseError
from protocol import cbor, fields
from protocol.errors import DecodeError


@dataclass(frozen=True)
class Chain:
    """Grants from the owner downwards, and the moduli of their signers in the same order."""

    grants: tuple[bytes, ...]
    keys: tuple[bytes, ...]


def encode(chain: Chain) -> bytes:
    return cbor.encode([list(chain.grants), list(chain.keys)])


def decode(data: bytes) -> Chain:
    """Raises DatabaseError: only we write this column."""
    try:
        grants, keys = fields.array(cbor.decode(data), "chain", 2)
        return Chain(_octets(grants, "chain.grants"), _octets(keys, "chain.keys"))
    except DecodeError as error:
        raise DatabaseError(f"a chain of grants is damaged: {error}") from error


def _octets(value: object, where: str) -> tuple[bytes, ...]:
    return tuple(fields.octets(item, where) for item in fields.array(value, where))
