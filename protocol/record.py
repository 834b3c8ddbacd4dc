"""Records: what a vehicle says of itself, sealed with its own key (docs/protocol.md section 6)."""

from protocol import cbor, cose, fields
from protocol.errors import DecodeError, VerifyError

AAD = b"trifleet/record/v1"

BOOT = 1
LOCK = 2
ANSWER = 3
REFUSAL = 4
TELEMETRY = 5
FAULT = 6
LOST = 7
EGRESS = 9
KINDS = {
    BOOT: "BOOT",
    LOCK: "LOCK",
    ANSWER: "ANSWER",
    REFUSAL: "REFUSAL",
    TELEMETRY: "TELEMETRY",
    FAULT: "FAULT",
    LOST: "LOST",
    EGRESS: "EGRESS",
}
DONE = 0
PENDING = 1

# kind -> (name, check) by key. Whole but for `_OPTIONAL`.
BODIES = {
    BOOT: (
        ("firmware", "text"),
        ("reset_cause", "uint"),
        ("provisioning_fault", "uint"),
        ("last_boot", "uint"),
        ("unsent", "uint"),
    ),
    LOCK: (("state", "uint"), ("previous", "uint"), ("reason", "uint")),
    ANSWER: (
        ("command_id", "octets"),
        ("action", "uint"),
        ("grant_id", "octets"),
        ("outcome", "uint"),
    ),
    REFUSAL: (
        ("command_id", "octets"),
        ("code", "uint"),
        ("action", "uint"),
        ("unrecorded", "uint"),
    ),
    TELEMETRY: (
        ("speed_mmps", "sint"),
        ("odometer_m", "uint"),
        ("pack_mv", "uint"),
        ("pack_da", "sint"),
        ("soc_permille", "uint"),
        ("lat_e7", "sint"),
        ("lon_e7", "sint"),
        ("state", "uint"),
        ("motor_temp_c", "sint"),
        ("heading_cdeg", "uint"),
    ),
    FAULT: (("node", "uint"), ("code", "uint"), ("present", "boolean")),
    LOST: (("samples", "uint"),),
    EGRESS: (("state", "uint"), ("speed_mmps", "sint")),
}
# What is not fresh is left out: kind -> how many of the first keys are there all the same.
_OPTIONAL = {TELEMETRY: 0, EGRESS: 1}
_CHECKS = {
    "uint": fields.uint,
    "sint": fields.sint,
    "octets": fields.octets,
    "text": fields.text,
    "boolean": fields.boolean,
}


class Record:
    """A decoded record. From `decode_unverified` it is a claim, from `open_record` a fact."""

    def __init__(
        self,
        vehicle: str,
        boot: int,
        seq: int,
        uptime_ms: int,
        time: int,
        kind: int,
        body: dict[int, object],
    ) -> None:
        self.vehicle = vehicle
        self.boot = boot
        self.seq = seq
        self.uptime_ms = uptime_ms
        self.time = time
        self.kind = kind
        self.body = body

    def named(self) -> dict[str, object]:
        """The body with names instead of numbers."""
        names = BODIES[self.kind]
        return {names[key][0]: self.body[key] for key in self.body}


def encode(record: Record, tag) -> bytes:  # type: ignore[no-untyped-def]
    """Seal a record. `tag(message) -> 32 bytes` is the vehicle's HMAC."""
    payload = cbor.encode(
        [
            fields.VERSION,
            record.vehicle,
            record.boot,
            record.seq,
            record.uptime_ms,
            record.time,
            record.kind,
            record.body,
        ]
    )
    return cose.assemble(cose.HMAC_256, payload, tag(cose.mac0_message(AAD, payload)))


def decode_unverified(data: bytes) -> Record:
    """Read a record without its key: who needs only its name. Raises DecodeError."""
    payload, seal = cose.split(data, cose.HMAC_256, "record")
    fields.octets(seal, "record.tag", 32)
    value = fields.array(cbor.decode(payload), "record", 8)
    fields.version(value[0], "record.version")
    kind = fields.uint(value[6], "record.kind")
    if kind not in KINDS:
        raise DecodeError("field", "record.kind")
    return Record(
        fields.identifier(value[1], "record.vehicle"),
        fields.uint(value[2], "record.boot", fields.MAX_TIME),
        fields.uint(value[3], "record.seq", fields.MAX_TIME),
        fields.uint(value[4], "record.uptime_ms", 0xFFFFFFFFFFFF),
        fields.uint(value[5], "record.time", fields.MAX_TIME),
        kind,
        _check_body(kind, value[7]),
    )


def open_record(data: bytes, matches) -> Record:  # type: ignore[no-untyped-def]
    """Read and verify. `matches(message, tag) -> bool`. Raises DecodeError or VerifyError."""
    record = decode_unverified(data)
    payload, seal = cose.split(data, cose.HMAC_256, "record")
    if not matches(cose.mac0_message(AAD, payload), seal):
        raise VerifyError("record-mac")
    return record


def _check_body(kind: int, body: object) -> dict[int, object]:
    names = BODIES[kind]
    value = fields.map_of(body, "record.body", range(len(names)), optional=kind in _OPTIONAL)
    for key in range(_OPTIONAL.get(kind, 0)):
        if key not in value:
            raise DecodeError("missing-key", "record.body")
    for key in value:
        name, check = names[key]
        _CHECKS[check](value[key], "record.body." + name)  # type: ignore[operator]
    return value
