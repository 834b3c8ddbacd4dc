"""What a rider signs for the servers: registration, and the request for a grant.

docs/protocol.md section 11.
"""

from protocol import cbor, codes, cose, fields

RIDER_AAD = b"trifleet/rider/v1"
GRANT_REQUEST_AAD = b"trifleet/grant-request/v1"
_CODES = 6


class GrantRequest:
    """A decoded request; nothing in it is verified yet."""

    def __init__(
        self,
        vehicle: str,
        actions: int,
        duration_s: int,
        nonce: bytes,
        time: int,
        codes: list[bytes] | None = None,
    ) -> None:
        self.vehicle = vehicle
        self.actions = actions
        self.duration_s = duration_s
        self.nonce = nonce
        self.time = time
        self.codes = codes or []


def encode_registration(time: int) -> bytes:
    """The payload that proves possession of a rider's key."""
    return cbor.encode({0: fields.VERSION, 1: time})


def decode_registration(payload: bytes) -> int:
    """When it was signed. Raises DecodeError."""
    value = fields.map_of(cbor.decode(payload), "registration", range(2))
    fields.version(value[0], "registration.version")
    return fields.uint(value[1], "registration.time", fields.MAX_TIME)


def registration_message(payload: bytes) -> bytes:
    """What the rider's PS256 signature of a registration covers."""
    return cose.sign1_message(cose.PS256, RIDER_AAD, payload)


def encode_grant_request(request: GrantRequest) -> bytes:
    """The payload that the rider signs."""
    value = {
        0: fields.VERSION,
        1: request.vehicle,
        2: request.actions,
        3: request.duration_s,
        4: request.nonce,
        5: request.time,
    }
    if request.codes:
        value[_CODES] = request.codes
    return cbor.encode(value)


def decode_grant_request(payload: bytes) -> GrantRequest:
    """Raises DecodeError."""
    value = cbor.decode(payload)
    with_codes = isinstance(value, dict) and _CODES in value
    value = fields.map_of(value, "grant-request", range(7 if with_codes else 6))
    fields.version(value[0], "grant-request.version")
    return GrantRequest(
        fields.identifier(value[1], "grant-request.vehicle"),
        fields.uint(value[2], "grant-request.actions", 0xFFFF),
        fields.uint(value[3], "grant-request.duration_s", fields.MAX_TIME),
        fields.octets(value[4], "grant-request.nonce", 16),
        fields.uint(value[5], "grant-request.time", fields.MAX_TIME),
        codes.decode(value[_CODES], "grant-request.codes") if with_codes else None,
    )


def grant_request_message(payload: bytes) -> bytes:
    """What the rider's PS256 signature of a grant request covers."""
    return cose.sign1_message(cose.PS256, GRANT_REQUEST_AAD, payload)
