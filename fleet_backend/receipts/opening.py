"""Opens and verifies a receipt offline: the file, the policy, and nothing else.

Refuses what does not hold. A record that cannot be read is named as such: the gateway vouches for
having got it, and for nothing in it.
"""

import dataclasses
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fleet_backend.ledger import cose, proof
from fleet_backend.ledger.policy import Policy
from protocol import cbor, fields, record, statement
from protocol.errors import DecodeError, VerifyError

COSE_START = b"\xd2"  # tag 18, COSE_Sign1; no proof file begins with it


@dataclasses.dataclass(frozen=True)
class Unreadable:
    """Bytes in the place of a record; `position` in the body, from 0."""

    position: int
    data: bytes
    error: str


@dataclasses.dataclass(frozen=True)
class Receipt:
    """A receipt that was verified."""

    index: int
    size: int
    origin: str
    root: bytes
    gateway: str
    gateway_seq: int
    gateway_time: int
    gateway_key: bytes
    records: list[record.Record | Unreadable]
    gateway_key_is_known: bool
    kind: str
    body: bytes
    # One of statement.CLOCKS, and the bound of the time's error; None where version 1 says nothing.
    clock: int | None
    error_ms: int | None
    prev_hash: bytes


def open_receipt(data: bytes, policy: Policy, gateway_key: bytes | None = None) -> Receipt:
    """Verify a receipt of either form: a proof file, or a COSE receipt (RFC 9942).

    Without `gateway_key` the receipt's own word names the gateway's key. Raises DecodeError or
    VerifyError (the receipt), LedgerError (log, policy).
    """
    if data.startswith(COSE_START):
        return open_cose_receipt(data, policy, gateway_key)
    carried = _read_extra(proof.parse_proof(data).extra)
    return _open(proof.verify_proof(data, carried.statement, policy), carried, gateway_key)


def open_cose_receipt(
    data: bytes,
    policy: Policy,
    gateway_key: bytes | None = None,
    checkpoint: bytes | None = None,
) -> Receipt:
    """As `open_receipt`. Under a policy with a quorum the cosigned `checkpoint` note of the same
    size and root has to come along: a COSE receipt carries no cosignatures.
    """
    carried = _read_extra(cose.extra_of(cose.parse_sign1(data)))
    verified = cose.verify_receipt(data, carried.statement, policy, checkpoint)
    return _open(verified, carried, gateway_key)


def _open(verified: proof.VerifiedProof, carried: "_Carried", gateway_key: bytes | None) -> Receipt:
    """What the log proved to be an entry, opened as a gateway's statement."""
    if gateway_key is not None and gateway_key != carried.gateway_key:
        raise VerifyError("another-gateway-key")
    opened = statement.open_statement(carried.statement, _verifier(carried.gateway_key))
    statement.check_body(opened, carried.salt, carried.body)
    records = []
    if opened.kind == statement.RECORDS:
        records = [_read(*item) for item in enumerate(statement.decode_records(carried.body))]
    return Receipt(
        verified.index,
        verified.size,
        verified.origin,
        verified.root,
        opened.gateway,
        opened.seq,
        opened.time,
        carried.gateway_key,
        records,
        gateway_key is not None,
        statement.KINDS[opened.kind],
        carried.body,
        opened.clock,
        opened.error_ms,
        opened.prev_hash,
    )


def _read(position: int, data: bytes) -> record.Record | Unreadable:
    try:
        return record.decode_unverified(data)
    except DecodeError as error:
        return Unreadable(position, data, str(error))


@dataclasses.dataclass(frozen=True)
class _Carried:
    """What a receipt carries beside the proof: its own word until the statement is proved."""

    statement: bytes
    salt: bytes
    body: bytes
    gateway_key: bytes


def _read_extra(extra: bytes) -> _Carried:
    if not extra:
        raise DecodeError("receipt-without-statement")
    value = fields.array(cbor.decode(extra), "receipt", 5)
    fields.version(value[0], "receipt.version")
    return _Carried(
        fields.octets(value[1], "receipt.statement"),
        fields.octets(value[2], "receipt.salt", statement.SALT_BYTES),
        fields.octets(value[3], "receipt.body"),
        fields.octets(value[4], "receipt.gateway_key", 32),
    )


def _verifier(key: bytes) -> Any:
    public = Ed25519PublicKey.from_public_bytes(key)

    def verify(message: bytes, signature: bytes) -> bool:
        try:
            public.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return verify
