"""What the fleet has to know of a vehicle before its records count: one file a vehicle, mode 0600.

JSON with four members: `vehicle`, and in hexadecimal `owner_thumbprint`, `record_key` and
`key_fingerprint`. The record key is derived from the vehicle's own key, which is not in it. Who has
the record key can seal records, so the file is as secret as a private key.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from fleet_backend.registrar.errors import InvitationError
from protocol import fields
from protocol.errors import DecodeError

_MEMBERS = ("vehicle", "owner_thumbprint", "record_key", "key_fingerprint")
_MAX_BYTES = 4096


@dataclass(frozen=True)
class Registration:
    """One vehicle; each of the three values has 32 bytes."""

    vehicle: str
    owner_thumbprint: bytes
    record_key: bytes
    key_fingerprint: bytes

    def __repr__(self) -> str:
        return f"Registration({self.vehicle!r})"  # never the record key


def encode(registration: Registration) -> bytes:
    """The bytes of the file."""
    return json.dumps(to_members(registration), indent=2).encode() + b"\n"


def read(path: Path) -> Registration:
    """Raises InvitationError, which never shows what is in the file."""
    try:
        if path.stat().st_mode & 0o077:
            raise InvitationError(f"{path} holds a key and others may read it: chmod 600 {path}")
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ValueError("too large")
        return from_members(json.loads(data))
    except OSError as error:
        raise InvitationError(f"{path}: {error.strerror}") from error
    except (ValueError, TypeError, DecodeError, RecursionError):
        raise InvitationError(
            f"{path} is no registration of a vehicle: make it with `trifleet board registration`"
        ) from None


def to_members(registration: Registration) -> dict[str, str]:
    """As JSON holds it."""
    values = (getattr(registration, name) for name in _MEMBERS)
    texts = (one if isinstance(one, str) else one.hex() for one in values)
    return dict(zip(_MEMBERS, texts, strict=True))


def from_members(value: object) -> Registration:
    """Raises ValueError, TypeError, DecodeError."""
    if not isinstance(value, dict) or set(value) != set(_MEMBERS):
        raise ValueError("other members")
    name, *texts = (value[one] for one in _MEMBERS)
    raw = [bytes.fromhex(text) for text in texts]
    if any(len(one) != 32 or not any(one) for one in raw):
        raise ValueError("a size")
    return Registration(fields.identifier(name, "vehicle"), *raw)
