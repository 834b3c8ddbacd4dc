"""Gateways, vehicles, riders, and what riders may do: delegations, grants, commands."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from fleet_backend.fleet.schema.base import Id, metadata, row_id, time_

gateways = Table(
    "gateways",
    metadata,
    Column("id", Text, primary_key=True),
    Column("public_key", LargeBinary, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    time_("added"),
)

vehicles = Table(
    "vehicles",
    metadata,
    Column("id", Text, primary_key=True),
    Column("gateway", Text, ForeignKey("gateways.id"), nullable=False, index=True),
    Column("owner_thumbprint", LargeBinary, nullable=False),
    Column("record_key", LargeBinary, nullable=False, unique=True),
    Column("key_fingerprint", LargeBinary, nullable=False, unique=True),
    time_("added"),
)

riders = Table(
    "riders",
    metadata,
    Column("thumbprint", LargeBinary, primary_key=True),
    Column("public_key", LargeBinary, nullable=False),
    time_("added"),
)

delegations = Table(
    "delegations",
    metadata,
    Column("vehicle", Text, ForeignKey("vehicles.id"), primary_key=True),
    Column("chain", LargeBinary, nullable=False),
    time_("added"),
)

grants = Table(
    "grants",
    metadata,
    row_id(),
    Column("public_id", Text, nullable=False, unique=True),
    Column("vehicle", Text, ForeignKey("vehicles.id"), nullable=False),
    Column("holder", LargeBinary, nullable=False),
    Column("request", LargeBinary, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("chain", LargeBinary),
    Column("leaf_hash", LargeBinary),
    time_("created"),
    time_("updated"),
    Index("grants_by_state", "state", "id"),
    sqlite_autoincrement=True,
)

commands = Table(
    "commands",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("vehicle", Text, ForeignKey("vehicles.id"), nullable=False),
    Column("action", Integer, nullable=False),
    Column("presentation", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("refusal_code", Integer),
    Column("outcome", Integer),
    time_("created"),
    time_("expires"),
    time_("updated"),
    Column("record_id", Id, ForeignKey("records.id")),
    Index("commands_by_state", "state", "vehicle"),
)

challenges = Table(
    "challenges",
    metadata,
    Column("vehicle", Text, ForeignKey("vehicles.id"), primary_key=True),
    Column("challenge", LargeBinary, nullable=False),
    time_("expires"),
    time_("received"),
)

# One row a rider who was erased. `rider` and `work` name him and are there only while it is under
# way; `marks` (digests, and places in vehicles' counts) find what arrives afterwards.
erasures = Table(
    "erasures",
    metadata,
    row_id(),
    Column("rider_hash", LargeBinary, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("rider", LargeBinary),
    Column("work", JSON(none_as_null=True)),
    Column("marks", JSON, nullable=False),
    Column("swept", BigInteger, nullable=False),
    time_("started"),
    Column("finished", BigInteger),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("key", Text, primary_key=True),
    Column("route", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    time_("created"),
)
