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
KINDS = {RECORDS: "RECORDS", GATEWAY: "GATEWAY", GRANT: "GRANT"}
MAX_RECORDS = 64
SALT_BYTES = 16
FIRST_PREV_HASH = bytes(32)

# Events of a GATEWAY statement.
STARTED = 1
ATTACHED = 2
RECORDS_REFUSED = 3
LOG_DISAGREES = 4


class Statement:
    """A decoded statement. From `decode_unverified` it is a claim, from `open_statement` a fact."""

    def __init__(
        self, gateway: str, seq: int, prev_hash: bytes, time: int, kind: int, commitment: bytes
    ) -> None:
        self.gateway = gateway
        self.seq = seq
        self.prev_hash = prev_hash
        self.time = time
        self.kind = kind
        self.commitment = commitment


def commit(salt: bytes, body: bytes) -> bytes:
    """The commitment: it hides the body until the salt is shown, and opens in one way only."""
    return hashlib.sha256(b"trifleet/commitment/v1" + salt + body).digest()


def statement_hash(sign1: bytes) -> bytes:
    """What the next statement names as `prev_hash`."""
    return hashlib.sha256(sign1).digest()


def encode(statement: Statement, sign) -> bytes:  # type: ignore[no-untyped-def]
    """Sign a statement. `sign(message) -> 64 bytes` is the gateway's Ed25519."""
    payload = cbor.encode(
        [
            fields.VERSION,
            statement.gateway,
            statement.seq,
            statement.prev_hash,
            statement.time,
            statement.kind,
            statement.commitment,
        ]
    )
    return cose.assemble(cose.EDDSA, payload, sign(cose.sign1_message(cose.EDDSA, AAD, payload)))


def decode_unverified(sign1: bytes) -> Statement:
    """Read a statement without the gateway's key. Raises DecodeError."""
    payload, signature = cose.split(sign1, cose.EDDSA, "statement")
    fields.octets(signature, "statement.signature", 64)
    value = fields.array(cbor.decode(payload), "statement", 7)
    fields.version(value[0], "statement.version")
    kind = fields.uint(value[5], "statement.kind")
    if kind not in KINDS:
        raise DecodeError("field", "statement.kind")
    return Statement(
        fields.identifier(value[1], "statement.gateway"),
        fields.uint(value[2], "statement.seq", 0x7FFFFFFFFFFFFFFF),
        fields.octets(value[3], "statement.prev_hash", 32),
        fields.uint(value[4], "statement.time", fields.MAX_TIME),
        kind,
        fields.octets(value[6], "statement.commitment", 32),
    )


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
