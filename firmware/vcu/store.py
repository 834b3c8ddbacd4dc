"""The two small files that decide whom the vehicle obeys: `identity` and `state`.

`identity` is written once, at provisioning. `state` is rewritten by new-then-rename, so it is the
old one or the new one, and ends with its SHA-256. Unreadable means: obey nobody, and say so.
"""

import hashlib
import os

from protocol import cbor, fields
from protocol.access import MAX_REVOKED
from protocol.errors import DecodeError

from vcu.errors import StoreError

NO_FAULT = 0
NO_IDENTITY = 1
NO_OWNER = 2
UNUSABLE_KEY = 3
UNREADABLE_STATE = 4

MIN_DISTINCT = 8  # of 32 random bytes; fewer is a pattern or a repeated key
_HASH = 32
_MAX_BYTES = 4_096
_ZERO = bytes(32)


class Identity:
    """Who the vehicle is, as provisioned. `key` never leaves the board."""

    def __init__(self, vehicle: str, owner: bytes, key: bytes, time_floor: int, digest: bytes):
        self.vehicle = vehicle
        self.owner = owner
        self.key = key
        self.time_floor = time_floor
        self.digest = digest

    def has_usable_key(self) -> bool:
        return len(set(self.key)) >= MIN_DISTINCT


class State:
    """What changes during the vehicle's life. `owner` is empty until ownership is transferred."""

    def __init__(self, provisioning: bytes):
        self.provisioning = provisioning
        self.boot = 0
        self.generation = 0
        self.time_floor = 0
        self.owner = b""
        self.revoked: list[bytes] = []
        self.odometer_m = 0
        self.codes = b""
        self.zone_mmps = 0
        self.zone_until = 0
        self.session = b""

    def provisioned_as(self, provisioning: bytes) -> "State":
        """For an identity that was written anew: the count of boots and metres goes on."""
        fresh = State(provisioning)
        fresh.boot = self.boot
        fresh.odometer_m = self.odometer_m
        return fresh


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


def encode_state(state: State) -> bytes:
    data = cbor.encode(
        {
            0: fields.VERSION,
            1: state.provisioning,
            2: state.boot,
            3: state.generation,
            4: state.time_floor,
            5: state.owner,
            6: state.revoked,
            7: state.odometer_m,
            8: state.codes,
            9: state.zone_mmps,
            10: state.zone_until,
            11: state.session,
        }
    )
    return data + hashlib.sha256(data).digest()


def decode_state(data: bytes) -> State:
    """Raises DecodeError."""
    body = data[:-_HASH]
    if len(data) <= _HASH or hashlib.sha256(body).digest() != data[-_HASH:]:
        raise DecodeError("hash", "state")
    value = fields.map_of(cbor.decode(body), "state", range(12))
    fields.version(value[0], "state.version")
    state = State(fields.octets(value[1], "state.provisioning", _HASH))
    state.boot = fields.uint(value[2], "state.boot", fields.MAX_TIME)
    state.generation = fields.uint(value[3], "state.generation", fields.MAX_TIME)
    state.time_floor = fields.uint(value[4], "state.time_floor", fields.MAX_TIME)
    state.owner = fields.octets(value[5], "state.owner")
    state.revoked = [
        fields.octets(item, "state.revoked", 16) for item in fields.array(value[6], "state.revoked")
    ]
    state.odometer_m = fields.uint(value[7], "state.odometer_m")
    state.codes = fields.octets(value[8], "state.codes")
    state.zone_mmps = fields.uint(value[9], "state.zone_mmps", fields.MAX_TIME)
    state.zone_until = fields.uint(value[10], "state.zone_until", fields.MAX_TIME)
    state.session = fields.octets(value[11], "state.session")
    if len(state.owner) not in (0, 32) or len(state.revoked) > MAX_REVOKED:
        raise DecodeError("field", "state")
    return state


class Store:
    """The files, in `folder` ("" or ending with a slash)."""

    def __init__(self, folder: str):
        self._folder = folder

    def identity(self) -> Identity | None:
        """None where there is none, or none that can be read."""
        try:
            return decode_identity(_read(self._folder + "identity") or b"")
        except (OSError, DecodeError):
            return None

    def state(self) -> State | None:
        """None where none was written yet. Raises StoreError."""
        try:
            data = _read(self._folder + "state")
            return None if data is None else decode_state(data)
        except (OSError, DecodeError) as error:
            raise StoreError("state") from error

    def save(self, state: State) -> None:
        """On return the new state is on flash. Raises OSError; the old one then still counts."""
        path = self._folder + "state"
        with open(path + ".new", "wb") as file:
            file.write(encode_state(state))
        # Power goes before this line: the old state counts. After it: the new one.
        os.rename(path + ".new", path)


def _read(path: str) -> bytes | None:
    try:
        os.stat(path)
    except OSError:
        return None
    with open(path, "rb") as file:
        return file.read(_MAX_BYTES)


def is_zero(thumbprint: bytes) -> bool:
    return thumbprint == _ZERO
