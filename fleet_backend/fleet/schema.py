"""The tables. Whole numbers and bytes; times are seconds since 1970; what may be erased is apart.

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
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = 4

metadata = MetaData()

# SQLite counts up by itself only in a column of the type INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")


def _row_id() -> "Column[int]":
    return Column("id", _Id, primary_key=True, autoincrement=True)


def _time(name: str) -> "Column[int]":
    return Column(name, BigInteger, nullable=False)


schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
)

gateways = Table(
    "gateways",
    metadata,
    Column("id", Text, primary_key=True),
    Column("public_key", LargeBinary, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    _time("added"),
)

vehicles = Table(
    "vehicles",
    metadata,
    Column("id", Text, primary_key=True),
    Column("gateway", Text, ForeignKey("gateways.id"), nullable=False, index=True),
    Column("owner_thumbprint", LargeBinary, nullable=False),
    Column("record_key", LargeBinary, nullable=False, unique=True),
    Column("key_fingerprint", LargeBinary, nullable=False, unique=True),
    _time("added"),
)

riders = Table(
    "riders",
    metadata,
    Column("thumbprint", LargeBinary, primary_key=True),
    Column("public_key", LargeBinary, nullable=False),
    _time("added"),
)

delegations = Table(
    "delegations",
    metadata,
    Column("vehicle", Text, ForeignKey("vehicles.id"), primary_key=True),
    Column("chain", LargeBinary, nullable=False),
    _time("added"),
)

grants = Table(
    "grants",
    metadata,
    _row_id(),
    Column("public_id", Text, nullable=False, unique=True),
    Column("vehicle", Text, ForeignKey("vehicles.id"), nullable=False),
    Column("holder", LargeBinary, nullable=False),
    Column("request", LargeBinary, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("chain", LargeBinary),
    Column("leaf_hash", LargeBinary),
    _time("created"),
    _time("updated"),
    Index("grants_by_state", "state", "id"),
    sqlite_autoincrement=True,
)

statements = Table(
    "statements",
    metadata,
    _row_id(),
    Column("gateway", Text, ForeignKey("gateways.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    # SHA-256 of the statement's bytes: what the next one names as prev_hash.
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("kind", Integer, nullable=False),
    _time("time"),
    _time("server_time"),
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
    Column("statement_id", _Id, ForeignKey("statements.id"), primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

records = Table(
    "records",
    metadata,
    _row_id(),
    Column("vehicle", Text, ForeignKey("vehicles.id"), nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("statement_id", _Id, ForeignKey("statements.id"), nullable=False),
    Column("kind", Integer, nullable=False),
    Column("uptime_ms", BigInteger, nullable=False),
    _time("time"),
    _time("server_time"),
    Column("body", JSON, nullable=False),
    UniqueConstraint("vehicle", "boot", "seq"),
    Index("records_by_vehicle", "vehicle", "id"),
    Index("records_by_kind", "kind", "id"),
    Index("records_by_statement", "statement_id"),
)

# So many of these had columns in version 1, and in version 2.
MEASURED_IN_1 = 10
MEASURED_IN_2 = 20
# What a telemetry record says, one column a value; null where the vehicle had nothing fresh.
MEASURED = (
    "speed_mmps",
    "odometer_m",
    "pack_mv",
    "pack_da",
    "soc_permille",
    "lat_e7",
    "lon_e7",
    "state",
    "motor_temp_c",
    "heading_cdeg",
    "inverter_temp_c",
    "cell_min_mv",
    "cell_max_mv",
    "charging",
    "gnss_speed_mmps",
    "supply_mv",
    "cap_mmps",
    "warning",
    "steering_cdeg",
    "pack_temp_c",
    "rest",
)

telemetry = Table(
    "telemetry",
    metadata,
    Column("vehicle", Text, ForeignKey("vehicles.id"), primary_key=True),
    Column("boot", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("statement_id", _Id, ForeignKey("statements.id"), nullable=False),
    _time("time"),
    _time("server_time"),
    *(Column(name, BigInteger) for name in MEASURED),
    Index("telemetry_by_time", "vehicle", "time"),
    sqlite_with_rowid=False,
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
    _time("created"),
    _time("expires"),
    _time("updated"),
    Column("record_id", _Id, ForeignKey("records.id")),
    Index("commands_by_state", "state", "vehicle"),
)

challenges = Table(
    "challenges",
    metadata,
    Column("vehicle", Text, ForeignKey("vehicles.id"), primary_key=True),
    Column("challenge", LargeBinary, nullable=False),
    _time("expires"),
    _time("received"),
)

gateway_status = Table(
    "gateway_status",
    metadata,
    Column("gateway", Text, ForeignKey("gateways.id"), primary_key=True),
    Column("online", Boolean, nullable=False),
    _time("time"),
)

vehicle_state = Table(
    "vehicle_state",
    metadata,
    Column("vehicle", Text, ForeignKey("vehicles.id"), primary_key=True),
    Column("boot", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    _time("time"),
    _time("server_time"),
    *(Column(name, BigInteger) for name in MEASURED),
)

quarantine = Table(
    "quarantine",
    metadata,
    _row_id(),
    Column("gateway", Text, nullable=False),
    Column("seq", BigInteger),
    Column("topic", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # What was wrong in particular: the protocol's own name of the error, and where.
    Column("detail", Text, nullable=False),
    Column("authentic", Boolean, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("message", LargeBinary, nullable=False),
    _time("server_time"),
    Index("quarantine_by_digest", "gateway", "digest"),
    Index("quarantine_by_trust", "authentic", "id"),
    sqlite_autoincrement=True,
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("key", Text, primary_key=True),
    Column("route", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    _time("created"),
)

events = Table(
    "events",
    metadata,
    _row_id(),
    Column("topic", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("data", JSON, nullable=False),
    _time("created"),
    # A trimmed number never comes back: a reader's Last-Event-ID stays what it was.
    sqlite_autoincrement=True,
)

# What each gateway holds of each log: its own signed word, and the note in it.
sightings = Table(
    "sightings",
    metadata,
    Column("gateway", Text, ForeignKey("gateways.id"), primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    _time("time"),
    _time("server_time"),
    Column("note", LargeBinary, nullable=False),
    Column("sighting", LargeBinary, nullable=False),
)

# Never deleted: what a log once showed against what it showed before.
disagreements = Table(
    "disagreements",
    metadata,
    _row_id(),
    Column("gateway", Text, ForeignKey("gateways.id"), nullable=False),
    Column("origin", Text, nullable=False),
    # SHA-256 of the note that was refused.
    Column("digest", LargeBinary, nullable=False),
    _time("time"),
    _time("server_time"),
    Column("held", LargeBinary, nullable=False),
    Column("refused", LargeBinary, nullable=False),
    Column("sighting", LargeBinary, nullable=False),
    UniqueConstraint("gateway", "origin", "digest"),
    sqlite_autoincrement=True,
)

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# One row a rider who was erased. `rider` and `work` name him and are there only while it is under
# way; `marks` (digests, and places in vehicles' counts) find what arrives afterwards.
erasures = Table(
    "erasures",
    metadata,
    _row_id(),
    Column("rider_hash", LargeBinary, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("rider", LargeBinary),
    Column("work", JSON(none_as_null=True)),
    Column("marks", JSON, nullable=False),
    Column("swept", BigInteger, nullable=False),
    _time("started"),
    Column("finished", BigInteger),
)

# What version 4 added.
ADDED_IN_4 = (sightings, disagreements, erasures)
INDEXES_OF_4 = tuple(
    index
    for table in (statements, records)
    for index in sorted(table.indexes, key=lambda index: str(index.name))
    if index.name in ("statements_by_time", "records_by_statement")
)
