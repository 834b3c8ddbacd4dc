"""Who a vehicle is: the file `identity` on its board. Pure; refuses identities that must not exist.

A CBOR map (docs/protocol.md section 1): 0 version, 1 vehicle, 2 owner's thumbprint, 3 vehicle key,
4 time floor. The key never appears in a representation, an error or a log.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from protocol import cbor, fields
from protocol.errors import DecodeError
from workbench.errors import IdentifierError, OwnerError, TimeFloorError, WeakKeyError

KEY_BYTES = 32
THUMBPRINT_BYTES = 32
# 32 random bytes have fewer than 8 distinct values about once in 10^40 draws.
FEWEST_DISTINCT_BYTES = 8
# Nobody provisioned a vehicle before this project existed: 2025-01-01.
EARLIEST_TIME = 1_735_689_600
RECORD_KEY_LABEL = b"trifleet/record-key/v1"


@dataclass(frozen=True)
class Identity:
    vehicle: str
    owner_thumbprint: bytes
    vehicle_key: bytes = field(repr=False)
    time_floor: int

    def is_same_vehicle(self, other: Identity) -> bool:
        """The time floor moves on by itself and tells nothing about who the vehicle is."""
        return (self.vehicle, self.owner_thumbprint) == (
            other.vehicle,
            other.owner_thumbprint,
        ) and hmac.compare_digest(self.vehicle_key, other.vehicle_key)


def check_identity(identity: Identity) -> None:
    """Raises the refusal that fits: IdentifierError, OwnerError, WeakKeyError, TimeFloorError."""
    try:
        fields.identifier(identity.vehicle, "vehicle")
    except DecodeError as error:
        raise IdentifierError(
            f"{identity.vehicle!r}: 1 to 32 of a-z 0-9 -, no hyphen at either end"
        ) from error
    _check_owner(identity.owner_thumbprint)
    _check_key(identity.vehicle_key)
    if not EARLIEST_TIME <= identity.time_floor <= fields.MAX_TIME:
        raise TimeFloorError(f"time floor {identity.time_floor}: not a present time in seconds")


def encode_identity(identity: Identity) -> bytes:
    """The bytes of the file. The identity must have been checked."""
    return cbor.encode(
        {
            0: fields.VERSION,
            1: identity.vehicle,
            2: identity.owner_thumbprint,
            3: identity.vehicle_key,
            4: identity.time_floor,
        }
    )


def decode_identity(data: bytes) -> Identity:
    """What a board's file says, unchecked beyond its form. Raises protocol.errors.DecodeError."""
    values = fields.map_of(cbor.decode(data), "identity", range(5))
    fields.version(values[0], "version")
    return Identity(
        vehicle=fields.identifier(values[1], "vehicle"),
        owner_thumbprint=fields.octets(values[2], "owner", THUMBPRINT_BYTES),
        vehicle_key=fields.octets(values[3], "key", KEY_BYTES),
        time_floor=fields.uint(values[4], "time floor", fields.MAX_TIME),
    )


def record_key(vehicle_key: bytes) -> bytes:
    """The key of the vehicle's records (docs/protocol.md section 6)."""
    return hmac.digest(vehicle_key, RECORD_KEY_LABEL, "sha256")


def key_fingerprint(vehicle_key: bytes) -> bytes:
    """Tells two vehicles with the same key apart from none, and tells nothing of the key."""
    return hashlib.sha256(vehicle_key).digest()


def _check_owner(thumbprint: bytes) -> None:
    if len(thumbprint) != THUMBPRINT_BYTES:
        raise OwnerError(f"the owner's thumbprint has {len(thumbprint)} bytes, not 32")
    if not any(thumbprint):
        raise OwnerError("the owner's thumbprint is all zero: the vehicle would have no owner")


def _check_key(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise WeakKeyError(f"the vehicle key has {len(key)} bytes, not 32")
    if not any(key):
        raise WeakKeyError("the vehicle key is all zero")
    if any(key == (key[:period] * KEY_BYTES)[:KEY_BYTES] for period in range(1, 17)):
        raise WeakKeyError("the vehicle key is a repeated pattern")
    if len(set(key)) < FEWEST_DISTINCT_BYTES:
        raise WeakKeyError("the vehicle key has fewer than 8 different bytes: it is not random")
