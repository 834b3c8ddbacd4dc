"""What programs keep for themselves: the version, whose turn it is, live events, counters."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Integer, Table, Text

from fleet_backend.fleet.schema.base import metadata, row_id, time_

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
)

gateway_status = Table(
    "gateway_status",
    metadata,
    Column("gateway", Text, ForeignKey("gateways.id"), primary_key=True),
    Column("online", Boolean, nullable=False),
    time_("time"),
)

events = Table(
    "events",
    metadata,
    row_id(),
    Column("topic", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("data", JSON, nullable=False),
    time_("created"),
    # A trimmed number never comes back: a reader's Last-Event-ID stays what it was.
    sqlite_autoincrement=True,
)

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
