"""What changes during the vehicle's life, in four documents by how often it changes.

What is precious is apart from what is written often: `rights` (whom the vehicle obeys), `codes`
(one-time codes and their back-off), `ride` (the open session), `life` (boots, odometer).
"""

from protocol import cbor, fields
from protocol.access import MAX_REVOKED
from protocol.errors import DecodeError

MAX_SESSION = 64
MAX_CODES = 1_024
MAX_LAST = 16
# The longest document of each.
RIGHTS_BYTES = 1_400
CODES_BYTES = 1_100
RIDE_BYTES = 80
LIFE_BYTES = 256
_HASH = 32
_LAST_KEYS = range(256)


class State:
    """`provisioning` is the hash of the identity that it belongs to; `owner` is empty until
    ownership is transferred. `session` and `codes` are opaque here. `last` has further numbers by
    key, for whoever agrees on them."""

    def __init__(self, provisioning: bytes) -> None:
        self.provisioning = provisioning
        self.boot = 0
        self.generation = 0
        self.time_floor = 0
        self.owner = b""
        self.revoked: list[bytes] = []
        self.zone_mmps = 0  # 0: no limit
        self.zone_until = 0  # seconds since 1970, 0: until it is lifted
        self.odometer_m = 0
        self.last: dict[int, int] = {}
        self.session = b""
        self.codes = b""

    def provisioned_as(self, provisioning: bytes) -> "State":
        """For an identity that was written anew: the count of boots and metres goes on."""
        fresh = State(provisioning)
        fresh.boot = self.boot
        fresh.odometer_m = self.odometer_m
        fresh.last = self.last
        return fresh


def encode_rights(state: State) -> bytes:
    return cbor.encode(
        {
            0: fields.VERSION,
            1: state.provisioning,
            2: state.generation,
            3: state.time_floor,
            4: state.owner,
            5: state.revoked,
            6: state.zone_mmps,
            7: state.zone_until,
        }
    )


def decode_rights(data: bytes, into: State) -> int:
    """Returns 0. Raises DecodeError; `into` is then as it was."""
    value = fields.map_of(cbor.decode(data), "rights", range(8))
    fields.version(value[0], "rights.version")
    provisioning = fields.octets(value[1], "rights.provisioning", _HASH)
    generation = fields.uint(value[2], "rights.generation", fields.MAX_TIME)
    time_floor = fields.uint(value[3], "rights.time_floor", fields.MAX_TIME)
    owner = owner_of(value[4])
    revoked = revoked_of(value[5])
    zone_mmps = fields.uint(value[6], "rights.zone_mmps", fields.MAX_TIME)
    into.zone_until = fields.uint(value[7], "rights.zone_until", fields.MAX_TIME)
    into.zone_mmps = zone_mmps
    into.provisioning, into.generation = provisioning, generation
    into.time_floor, into.owner, into.revoked = time_floor, owner, revoked
    return 0


def encode_codes(state: State) -> bytes:
    return cbor.encode({0: fields.VERSION, 1: state.codes})


def decode_codes(data: bytes, into: State) -> int:
    """Returns 0. Raises DecodeError; `into` is then as it was."""
    value = fields.map_of(cbor.decode(data), "codes", range(2))
    fields.version(value[0], "codes.version")
    into.codes = _at_most(value[1], "codes.codes", MAX_CODES)
    return 0


def encode_ride(state: State) -> bytes:
    return cbor.encode({0: fields.VERSION, 1: state.session})


def decode_ride(data: bytes, into: State) -> int:
    """Returns 0. Raises DecodeError; `into` is then as it was."""
    value = fields.map_of(cbor.decode(data), "ride", range(2))
    fields.version(value[0], "ride.version")
    into.session = _at_most(value[1], "ride.session", MAX_SESSION)
    return 0


def encode_life(state: State, rights: int) -> bytes:
    """`rights`: the serial number that the rights had at that time, or a later one has."""
    return cbor.encode(
        {0: fields.VERSION, 1: state.boot, 2: state.odometer_m, 3: rights, 4: state.last}
    )


def decode_life(data: bytes, into: State) -> int:
    """Returns the serial number of the rights. Raises DecodeError; `into` is then as it was."""
    value = fields.map_of(cbor.decode(data), "life", range(5))
    fields.version(value[0], "life.version")
    boot = fields.uint(value[1], "life.boot", fields.MAX_TIME)
    odometer_m = fields.uint(value[2], "life.odometer_m")
    rights = fields.uint(value[3], "life.rights", fields.MAX_TIME)
    last = fields.map_of(value[4], "life.last", _LAST_KEYS, optional=True)
    for key in last:
        fields.uint(last[key], "life.last")
    if len(last) > MAX_LAST:
        raise DecodeError("field", "life.last")
    into.boot, into.odometer_m, into.last = boot, odometer_m, last
    return rights


def owner_of(value: object) -> bytes:
    """Nobody yet, or a thumbprint. Raises DecodeError."""
    owner = fields.octets(value, "rights.owner")
    if len(owner) not in (0, 32):
        raise DecodeError("field", "rights.owner")
    return owner


def revoked_of(value: object) -> "list[bytes]":
    """Identifiers of grants. Raises DecodeError."""
    items = fields.array(value, "rights.revoked")
    if len(items) > MAX_REVOKED:
        raise DecodeError("field", "rights.revoked")
    return [fields.octets(item, "rights.revoked", 16) for item in items]


def _at_most(value: object, where: str, most: int) -> bytes:
    octets = fields.octets(value, where)
    if len(octets) > most:
        raise DecodeError("field", where)
    return octets
