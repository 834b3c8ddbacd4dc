"""Statements as they were signed, their erasable bodies, the records in them, what was refused.

`bodies` is the only table with what a statement merely commits to. Erasing a row there breaks no
proof, because the ledger holds the statements alone.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from fleet_backend.fleet.schema.base import Id, metadata, row_id, time_

statements = Table(
    "statements",
    metadata,
    # The ingest numbers a whole batch ahead: the writer counts, on both engines (`fleet/batch`).
    row_id(counts=False),
    Column("gateway", Text, ForeignKey("gateways.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    # SHA-256 of the statement's bytes: what the next one names as prev_hash.
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("kind", Integer, nullable=False),
    time_("time"),
    time_("server_time"),
    Column("statement", LargeBinary, nullable=False),
    Column("leaf_index", BigInteger),
    Column("future", Boolean, nullable=False),
    UniqueConstraint("gateway", "seq"),
    Index("statements_by_leaf", "leaf_index", unique=True),
    Index("statements_by_time", "time", "id"),
)

bodies = Table(
    "bodies",
    metadata,
    Column("statement_id", Id, ForeignKey("statements.id"), primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

records = Table(
    "records",
    metadata,
    row_id(),
    Column("vehicle", Text, ForeignKey("vehicles.id"), nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("statement_id", Id, ForeignKey("statements.id"), nullable=False),
    Column("kind", Integer, nullable=False),
    Column("uptime_ms", BigInteger, nullable=False),
    time_("time"),
    time_("server_time"),
    Column("body", JSON, nullable=False),
    UniqueConstraint("vehicle", "boot", "seq"),
    Index("records_by_vehicle", "vehicle", "id"),
    Index("records_by_kind", "kind", "id"),
    Index("records_by_statement", "statement_id"),
)

quarantine = Table(
    "quarantine",
    metadata,
    row_id(),
    Column("gateway", Text, nullable=False),
    Column("seq", BigInteger),
    Column("topic", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # What was wrong in particular: the protocol's own name of the error, and where.
    Column("detail", Text, nullable=False),
    Column("authentic", Boolean, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("message", LargeBinary, nullable=False),
    time_("server_time"),
    Index("quarantine_by_digest", "gateway", "digest"),
    Index("quarantine_by_trust", "authentic", "id"),
    sqlite_autoincrement=True,
)

# What each gateway holds of each log: its own signed word, and the note in it.
sightings = Table(
    "sightings",
    metadata,
    Column("gateway", Text, ForeignKey("gateways.id"), primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    time_("time"),
    time_("server_time"),
    Column("note", LargeBinary, nullable=False),
    Column("sighting", LargeBinary, nullable=False),
)

# Never deleted: what a log once showed against what it showed before.
disagreements = Table(
    "disagreements",
    metadata,
    row_id(),
    Column("gateway", Text, ForeignKey("gateways.id"), nullable=False),
    Column("origin", Text, nullable=False),
    # SHA-256 of the note that was refused.
    Column("digest", LargeBinary, nullable=False),
    time_("time"),
    time_("server_time"),
    Column("held", LargeBinary, nullable=False),
    Column("refused", LargeBinary, nullable=False),
    Column("sighting", LargeBinary, nullable=False),
    UniqueConstraint("gateway", "origin", "digest"),
    sqlite_autoincrement=True,
)
