"""Receipts: a proof file that anyone verifies offline, with what the statement committed to.

The `extra` line is CBOR [1, statement, salt, body, gateway's public key]; it is the receipt's own
word until a verifier has tied it to the leaf.
"""

import zlib

from sqlalchemy import Connection

from fleet_backend.fleet import gateways, statements
from fleet_backend.fleet.errors import DatabaseError, NotLoggedError, ValueRefusedError
from fleet_backend.ledger.proof import make_proof
from fleet_backend.ledger.reader import LedgerReader
from protocol import cbor, fields
from protocol.errors import EncodeError

MAX_BODY_BYTES = 65_535


def build(connection: Connection, leaf_index: int, reader: LedgerReader) -> str:
    """Receipt of the statement at that place. Raises UnknownError, ErasedError, NotLoggedError.

    The reader must not be in use by another thread; it is brought up to date if it has to be.
    """
    row = statements.by_leaf(connection, leaf_index)
    body = statements.body(connection, row.id)
    public_key = gateways.get(connection, row.gateway).public_key
    if reader.checkpoint.size <= leaf_index and reader.update().size <= leaf_index:
        raise NotLoggedError(f"the published checkpoint does not cover leaf {leaf_index} yet")
    extra = [fields.VERSION, row.statement, body.salt, inflate(body.packed), public_key]
    return make_proof(reader, leaf_index, _encode(extra))


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
