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
HEALTH = 8
EGRESS = 9
UPDATE = 10
KINDS = {
    BOOT: "BOOT",
    LOCK: "LOCK",
    ANSWER: "ANSWER",
    REFUSAL: "REFUSAL",
    TELEMETRY: "TELEMETRY",
    FAULT: "FAULT",
    LOST: "LOST",
    HEALTH: "HEALTH",
    EGRESS: "EGRESS",
    UPDATE: "UPDATE",
}
DONE = 0
PENDING = 1


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
        from protocol.bodies import BODIES

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
    # Here and not above: a vehicle only writes records, and has no memory for the names.
    from protocol.bodies import check_body

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
        check_body(kind, value[7]),
    )


def open_record(data: bytes, matches) -> Record:  # type: ignore[no-untyped-def]
    """Read and verify. `matches(message, tag) -> bool`. Raises DecodeError or VerifyError."""
    record = decode_unverified(data)
    payload, seal = cose.split(data, cose.HMAC_256, "record")
    if not matches(cose.mac0_message(AAD, payload), seal):
        raise VerifyError("record-mac")
    return record
