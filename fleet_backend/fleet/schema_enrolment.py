"""The table that enrolment added. Made where it is missing, so that no version depends on it."""

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, Table, Text

from fleet_backend.fleet.schema import metadata

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

TABLES = (enrolments,)


def ensure(connection: Connection) -> None:
    """Add what an older database lacks."""
    metadata.create_all(connection, tables=TABLES)
