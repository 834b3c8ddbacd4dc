"""Gateways that come into the fleet, change their keys, and are put out of it."""

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, Table, Text

from fleet_backend.fleet.schema.base import Id, metadata, time_

# What gateways without a certificate ask, and what the registrar answers: both sealed.
enrolments = Table(
    "enrolments",
    metadata,
    # The first 16 bytes of the request's SHA-256, in hexadecimal.
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False, index=True),
    # Empty when it is over.
    Column("request", LargeBinary, nullable=False),
    Column("answer", LargeBinary),
    Column("reason", Text),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
)

# Never deleted: from then on nothing that these sign is accepted.
gateway_revocations = Table(
    "gateway_revocations",
    metadata,
    Column("gateway", Text, ForeignKey("gateways.id"), primary_key=True),
    Column("time", BigInteger, nullable=False),
)

# Never deleted: keys of statements after the one in `gateways`, and what brought each of them in.
gateway_keys = Table(
    "gateway_keys",
    metadata,
    Column("gateway", Text, ForeignKey("gateways.id"), primary_key=True),
    # The first statement that it signs; the one before it brought it in.
    Column("first_seq", BigInteger, primary_key=True),
    Column("public_key", LargeBinary, nullable=False, unique=True),
    Column("statement_id", Id, ForeignKey("statements.id"), nullable=False, unique=True),
    Column("salt", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    time_("server_time"),
)
