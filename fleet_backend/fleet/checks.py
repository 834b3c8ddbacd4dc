"""Checks on what a repository is asked to keep."""

from fleet_backend.fleet.errors import ValueRefusedError
from protocol import fields
from protocol.errors import DecodeError


def octets(value: bytes, name: str, size: int) -> None:
    """Refuse unless it is `size` bytes. Raises ValueRefusedError."""
    if len(value) != size:
        raise ValueRefusedError(f"{name} has {len(value)} bytes, not {size}")


def identifier(value: str, name: str) -> None:
    """Refuse what is no name of a vehicle or gateway. Raises ValueRefusedError."""
    try:
        fields.identifier(value, name)
    except DecodeError as error:
        raise ValueRefusedError(f"not the name of a vehicle or gateway: {value[:40]!r}") from error
