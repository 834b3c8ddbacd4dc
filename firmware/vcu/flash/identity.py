"""The file `identity`: who the vehicle is and whom it obeys first. Written at provisioning."""

import hashlib

from protocol import cbor, fields

MIN_DISTINCT = 8  # of 32 random bytes; fewer is a pattern or a repeated key
MOST_BYTES = 512
NO_OWNER = bytes(32)


class Identity:
    """Who the vehicle is, as provisioned. `key` never leaves the board."""

    def __init__(
        self, vehicle: str, owner: bytes, key: bytes, time_floor: int, digest: bytes
    ) -> None:
        self.vehicle = vehicle
        self.owner = owner
        self.key = key
        self.time_floor = time_floor
        self.digest = digest

    def has_usable_key(self) -> bool:
        return len(set(self.key)) >= MIN_DISTINCT


def decode_identity(data: bytes) -> Identity:
    """CBOR {0: 1, 1: vehicle, 2: owner, 3: key, 4: time floor}. Raises DecodeError."""
    value = fields.map_of(cbor.decode(data), "identity", range(5))
    fields.version(value[0], "identity.version")
    return Identity(
        fields.identifier(value[1], "identity.vehicle"),
        fields.octets(value[2], "identity.owner", 32),
        fields.octets(value[3], "identity.key", 32),
        fields.uint(value[4], "identity.time_floor", fields.MAX_TIME),
        hashlib.sha256(data).digest(),
    )


def is_nobody(thumbprint: bytes) -> bool:
    return thumbprint == NO_OWNER
