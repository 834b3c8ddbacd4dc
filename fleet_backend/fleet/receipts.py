"""Receipts that anyone verifies offline, with what the statement committed to: two forms.

A proof file (C2SP) carries the checkpoint with its cosignatures; a COSE receipt (RFC 9942) is what
COSE tools read, and carries none. What both carry as `extra` is CBOR [1, statement, salt, body, the
public key that signs that statement]; it is the receipt's own word until a verifier has tied it to
the leaf.
"""

import zlib
from collections.abc import Sequence

from sqlalchemy import Connection

from fleet_backend.fleet import gateway_keys, statements
from fleet_backend.fleet.errors import DatabaseError, NotLoggedError, ValueRefusedError
from fleet_backend.ledger.cose import MAX_EXTRA_BYTES, make_receipt, parse_sign1
from fleet_backend.ledger.note import Verifier
from fleet_backend.ledger.proof import make_proof
from fleet_backend.ledger.reader import LedgerReader
from protocol import cbor, fields
from protocol.errors import EncodeError

MAX_BODY_BYTES = 65_535


def build(connection: Connection, leaf_index: int, reader: LedgerReader) -> str:
    """Proof file of the statement at that place.

    The reader must not be in use by another thread; it is brought up to date if it has to be.
    Raises UnknownError, ErasedError, NotLoggedError.
    """
    extra = _extra(connection, leaf_index)
    if reader.checkpoint.size <= leaf_index and reader.update().size <= leaf_index:
        raise NotLoggedError(f"the published checkpoint does not cover leaf {leaf_index} yet")
    return make_proof(reader, leaf_index, extra)


def build_cose(
    connection: Connection,
    leaf_index: int,
    reader: LedgerReader,
    logs: Sequence[Verifier],
    signed_root: bytes,
) -> bytes:
    """COSE receipt of the statement at that place, from the root that the log signed. As `build`.

    Raises ValueRefusedError for a body that is too large for this form.
    """
    extra = _extra(connection, leaf_index)
    if len(extra) > MAX_EXTRA_BYTES:
        raise ValueRefusedError("the body is too large for a COSE receipt: take the proof file")
    # A log of one entry has no COSE receipt: the path would be empty.
    if parse_sign1(signed_root).size <= max(leaf_index, 1):
        raise NotLoggedError(f"no signed root covers leaf {leaf_index} and another entry yet")
    return make_receipt(signed_root, reader, logs, leaf_index, extra)


def _extra(connection: Connection, leaf_index: int) -> bytes:
    row = statements.by_leaf(connection, leaf_index)
    body = statements.body(connection, row.id)
    keys = gateway_keys.of(connection, row.gateway)
    if keys is None:
        raise DatabaseError("a statement of no gateway")
    public_key = keys.at(row.seq)
    return _encode([fields.VERSION, row.statement, body.salt, inflate(body.packed), public_key])


def inflate(packed: bytes) -> bytes:
    """A stored body as it was signed for. Raises DatabaseError."""
    stream = zlib.decompressobj()
    try:
        body = stream.decompress(packed, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise DatabaseError("a stored body is damaged") from error
    if len(body) > MAX_BODY_BYTES or not stream.eof:
        raise DatabaseError("a stored body is damaged")
    return body


def _encode(extra: list[object]) -> bytes:
    try:
        return cbor.encode(extra)
    except EncodeError as error:
        raise ValueRefusedError(f"the body is too large for a receipt: {error}") from error
