"""Statements: what a gateway vouches for, in a chain that it cannot rewrite.

docs/protocol.md section 7.
"""

import hashlib

from protocol import cbor, cose, fields
from protocol.errors import DecodeError, VerifyError

AAD = b"trifleet/statement/v1"
RECORDS = 1
GATEWAY = 2
GRANT = 3
RELEASE = 4
WORK_ORDER = 5
KINDS = {
    RECORDS: "RECORDS",
    GATEWAY: "GATEWAY",
    GRANT: "GRANT",
    RELEASE: "RELEASE",
    WORK_ORDER: "WORK_ORDER",
}
# Who may make which; the issuer makes grants, and they never come by a broker.
GATEWAYS_MAKE = (RECORDS, GATEWAY)
NOTARIES_MAKE = (GATEWAY, RELEASE, WORK_ORDER)
MAX_RECORDS = 64
SALT_BYTES = 16
FIRST_PREV_HASH = bytes(32)

# Events of a GATEWAY statement.
STARTED = 1
ATTACHED = 2
RECORDS_REFUSED = 3
LOG_DISAGREES = 4
THINNED = 5
CLOCK_JUMPED = 6
KEY_CHANGED = 7

# Where the time of a statement comes from. Version 1 does not say.
UNSET = 0
HELD_OVER = 1
NETWORK = 2
GNSS = 3
CLOCKS = {UNSET: "UNSET", HELD_OVER: "HELD_OVER", NETWORK: "NETWORK", GNSS: "GNSS"}
UNKNOWN_ERROR = 0xFFFFFFFF
_VERSION_2 = 2


class Statement:
    """A decoded statement. From `decode_unverified` it is a claim, from `open_statement` a fact.

    `clock` (one of CLOCKS) and `error_ms` (bound of the error of `time`) are None in version 1.
    """

    def __init__(
        self,
        gateway: str,
        seq: int,
        prev_hash: bytes,
        time: int,
        kind: int,
        commitment: bytes,
        clock: int | None = None,
        error_ms: int | None = None,
    ) -> None:
        self.gateway = gateway
        self.seq = seq
        self.prev_hash = prev_hash
        self.time = time
        self.kind = kind
        self.commitment = commitment
        self.clock = clock
        self.error_ms = error_ms


def commit(salt: bytes, body: bytes) -> bytes:
    """The commitment: it hides the body until the salt is shown, and opens in one way only."""
    return hashlib.sha256(b"trifleet/commitment/v1" + salt + body).digest()


def statement_hash(sign1: bytes) -> bytes:
    """What the next statement names as `prev_hash`."""
    return hashlib.sha256(sign1).digest()


def encode(statement: Statement, sign) -> bytes:  # type: ignore[no-untyped-def]
    """Sign a statement. `sign(message) -> 64 bytes` is the gateway's Ed25519."""
    value: list[object] = [
        fields.VERSION,
        statement.gateway,
        statement.seq,
        statement.prev_hash,
        statement.time,
        statement.kind,
        statement.commitment,
    ]
    if statement.clock is not None:
        value[0] = _VERSION_2
        value.extend([statement.clock, statement.error_ms])
    payload = cbor.encode(value)
    return cose.assemble(cose.EDDSA, payload, sign(cose.sign1_message(cose.EDDSA, AAD, payload)))


def decode_unverified(sign1: bytes) -> Statement:
    """Read a statement of either version without the gateway's key. Raises DecodeError."""
    payload, signature = cose.split(sign1, cose.EDDSA, "statement")
    fields.octets(signature, "statement.signature", 64)
    value = fields.array(cbor.decode(payload), "statement")
    if not value:
        raise DecodeError("field", "statement")
    says_clock = fields.uint(value[0], "statement.version") == _VERSION_2
    if not says_clock:
        fields.version(value[0], "statement.version")
    fields.array(value, "statement", 9 if says_clock else 7)
    kind = fields.uint(value[5], "statement.kind")
    if kind not in KINDS:
        raise DecodeError("field", "statement.kind")
    time = fields.uint(value[4], "statement.time", fields.MAX_TIME)
    return Statement(
        fields.identifier(value[1], "statement.gateway"),
        fields.uint(value[2], "statement.seq", 0x7FFFFFFFFFFFFFFF),
        fields.octets(value[3], "statement.prev_hash", 32),
        time,
        kind,
        fields.octets(value[6], "statement.commitment", 32),
        *(_clock(value, time) if says_clock else (None, None)),
    )


def _clock(value: list, time: int) -> tuple[int, int]:  # type: ignore[type-arg]
    """A clock that is not set has no time, and every other one has."""
    clock = fields.uint(value[7], "statement.clock", GNSS)
    if (clock == UNSET) != (time == 0):
        raise DecodeError("field", "statement.clock")
    return clock, fields.uint(value[8], "statement.error_ms", UNKNOWN_ERROR)


def open_statement(sign1: bytes, verify) -> Statement:  # type: ignore[no-untyped-def]
    """Read and verify. `verify(message, signature) -> bool`. Raises DecodeError or VerifyError."""
    statement = decode_unverified(sign1)
    payload, signature = cose.split(sign1, cose.EDDSA, "statement")
    if not verify(cose.sign1_message(cose.EDDSA, AAD, payload), signature):
        raise VerifyError("statement-signature")
    return statement


def encode_message(sign1: bytes, salt: bytes, packed_body: bytes) -> bytes:
    """As it travels: the body compressed (zlib, RFC 1950)."""
    return cbor.encode([sign1, salt, packed_body])


def decode_message(data: bytes) -> tuple[bytes, bytes, bytes]:
    """(statement, salt, compressed body), all unverified. Raises DecodeError."""
    sign1, salt, packed = fields.array(cbor.decode(data), "message", 3)
    return (
        fields.octets(sign1, "message.statement"),
        fields.octets(salt, "message.salt", SALT_BYTES),
        fields.octets(packed, "message.body"),
    )


def encode_release(statement: bytes, sign) -> bytes:  # type: ignore[no-untyped-def]
    """As a statement travels whose content was given up for room: it, and the gateway's word."""
    return cbor.encode([statement, sign(_release_message(statement))])


def decode_release(data: bytes) -> tuple[bytes, bytes]:
    """(statement, signature of the release), both unverified. Raises DecodeError."""
    sign1, signature = fields.array(cbor.decode(data), "release", 2)
    return (
        fields.octets(sign1, "release.statement"),
        fields.octets(signature, "release.signature", 64),
    )


def check_release(statement: bytes, signature: bytes, verify) -> None:  # type: ignore[no-untyped-def]
    """Did the gateway itself give the content up? Raises VerifyError."""
    if not verify(_release_message(statement), signature):
        raise VerifyError("release-signature")


def _release_message(statement: bytes) -> bytes:
    return b"trifleet/release/v1" + statement_hash(statement)


def check_body(statement: Statement, salt: bytes, body: bytes) -> None:
    """Is this the body that the statement commits to? Raises VerifyError."""
    if commit(salt, body) != statement.commitment:
        raise VerifyError("commitment")


def decode_records(body: bytes) -> list[bytes]:
    """The records in the body of a RECORDS statement. Raises DecodeError."""
    items = fields.array(cbor.decode(body), "body")
    if not 1 <= len(items) <= MAX_RECORDS:
        raise DecodeError("field", "body")
    return [fields.octets(item, "body.record") for item in items]


def decode_gateway_event(body: bytes) -> tuple[int, str]:
    """(event, text) of a GATEWAY statement. Raises DecodeError."""
    value = fields.map_of(cbor.decode(body), "body", range(2))
    return fields.uint(value[0], "body.event", 255), fields.text(value[1], "body.text")


def decode_grant_body(body: bytes) -> bytes:
    """The signed grant in the body of a GRANT statement. Raises DecodeError."""
    return fields.octets(cbor.decode(body), "body.grant")


def thinned_text(samples: int, ranges: list[tuple[int, int]]) -> str:
    """What a THINNED event says: how many samples, and of which statements, `first-last`."""
    return f"{samples} samples of statements " + " ".join(f"{a}-{b}" for a, b in ranges)


def decode_thinned(text: str) -> tuple[int, list[tuple[int, int]]]:
    """(samples, ranges in ascending order) of a THINNED event. Raises DecodeError."""
    head, separator, tail = text.partition(" samples of statements ")
    if not separator:
        raise DecodeError("field", "thinned")
    ranges = []
    last = -1
    for item in tail.split(" "):
        first, separator, end = item.partition("-")
        pair = (_decimal(first), _decimal(end))
        if pair[0] <= last or pair[1] < pair[0]:
            raise DecodeError("field", "thinned")
        last = pair[1]
        ranges.append(pair)
    return _decimal(head), ranges


def _decimal(text: str) -> int:
    """A number in its one spelling."""
    digits = len(text)
    if not 1 <= digits <= 19 or (text[0] == "0" and digits > 1):
        raise DecodeError("field", "thinned")
    for letter in text:
        if letter not in "0123456789":
            raise DecodeError("field", "thinned")
    return int(text)
