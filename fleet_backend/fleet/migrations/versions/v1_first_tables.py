"""The tables of version 1.

PostgreSQL came with version 5. It begins here all the same, so that every later step is one for
both engines; what it has of its own (`turn`, what is divided by time) it has from the beginning.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MEASURED = (
    "speed_mmps", "odometer_m", "pack_mv", "pack_da", "soc_permille", "lat_e7", "lon_e7", "state",
    "motor_temp_c", "heading_cdeg",
)  # fmt: skip


def upgrade() -> None:
    """Into an empty database."""
    _make_people()
    _make_statements()
    _make_operations()
    if op.get_context().dialect.name == "postgresql":
        _make_partitioned_telemetry()
        _make_turn()
    else:
        _make_telemetry()
    _make_vehicle_state()


def _column(name: str, kind: Any, **options: Any) -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=False, **options)


def _sample() -> list["sa.Column[Any]"]:
    return [
        *(_column(name, sa.BigInteger, autoincrement=False) for name in ("boot", "seq")),
        *(_column(name, sa.BigInteger) for name in ("time", "server_time")),
        *(sa.Column(name, sa.BigInteger) for name in MEASURED),
    ]


def _make_people() -> None:
    op.create_table(
        "gateways",
        _column("id", sa.Text),
        _column("public_key", sa.LargeBinary),
        _column("kind", sa.Text),
        _column("added", sa.BigInteger),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("public_key"),
    )
    op.create_table(
        "vehicles",
        _column("id", sa.Text),
        _column("gateway", sa.Text),
        _column("owner_thumbprint", sa.LargeBinary),
        _column("record_key", sa.LargeBinary),
        _column("key_fingerprint", sa.LargeBinary),
        _column("added", sa.BigInteger),
        sa.ForeignKeyConstraint(["gateway"], ["gateways.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key_fingerprint"),
        sa.UniqueConstraint("record_key"),
    )
    op.create_index("ix_vehicles_gateway", "vehicles", ["gateway"])
    op.create_table(
        "riders",
        _column("thumbprint", sa.LargeBinary),
        _column("public_key", sa.LargeBinary),
        _column("added", sa.BigInteger),
        sa.PrimaryKeyConstraint("thumbprint"),
    )
    op.create_table(
        "delegations",
        _column("vehicle", sa.Text),
        _column("chain", sa.LargeBinary),
        _column("added", sa.BigInteger),
        sa.ForeignKeyConstraint(["vehicle"], ["vehicles.id"]),
        sa.PrimaryKeyConstraint("vehicle"),
    )
    op.create_table(
        "grants",
        _column("id", ID, autoincrement=True),
        _column("public_id", sa.Text),
        _column("vehicle", sa.Text),
        _column("holder", sa.LargeBinary),
        _column("request", sa.LargeBinary),
        _column("state", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("chain", sa.LargeBinary),
        sa.Column("leaf_hash", sa.LargeBinary),
        _column("created", sa.BigInteger),
        _column("updated", sa.BigInteger),
        sa.ForeignKeyConstraint(["vehicle"], ["vehicles.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("public_id"),
        sa.UniqueConstraint("request"),
        sqlite_autoincrement=True,
    )
    op.create_index("grants_by_state", "grants", ["state", "id"])
    op.create_table(
        "challenges",
        _column("vehicle", sa.Text),
        _column("challenge", sa.LargeBinary),
        _column("expires", sa.BigInteger),
        _column("received", sa.BigInteger),
        sa.ForeignKeyConstraint(["vehicle"], ["vehicles.id"]),
        sa.PrimaryKeyConstraint("vehicle"),
    )
    op.create_table(
        "idempotency",
        _column("key", sa.Text),
        _column("route", sa.Text),
        _column("request_hash", sa.LargeBinary),
        _column("status", sa.Integer),
        _column("answer", sa.LargeBinary),
        _column("created", sa.BigInteger),
        sa.PrimaryKeyConstraint("key"),
    )


def _make_statements() -> None:
    op.create_table(
        "statements",
        _column("id", ID, autoincrement=False),
        _column("gateway", sa.Text),
        _column("seq", sa.BigInteger),
        _column("hash", sa.LargeBinary),
        _column("prev_hash", sa.LargeBinary),
        _column("kind", sa.Integer),
        _column("time", sa.BigInteger),
        _column("server_time", sa.BigInteger),
        _column("statement", sa.LargeBinary),
        sa.Column("leaf_index", sa.BigInteger),
        _column("future", sa.Boolean),
        sa.ForeignKeyConstraint(["gateway"], ["gateways.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("gateway", "seq"),
        sa.UniqueConstraint("hash"),
    )
    op.create_index("statements_by_leaf", "statements", ["leaf_index"], unique=True)
    op.create_table(
        "bodies",
        _column("statement_id", ID, autoincrement=False),
        _column("salt", sa.LargeBinary),
        _column("body", sa.LargeBinary),
        sa.ForeignKeyConstraint(["statement_id"], ["statements.id"]),
        sa.PrimaryKeyConstraint("statement_id"),
    )
    op.create_table(
        "records",
        _column("id", ID, autoincrement=True),
        _column("vehicle", sa.Text),
        _column("boot", sa.BigInteger),
        _column("seq", sa.BigInteger),
        _column("statement_id", ID),
        _column("kind", sa.Integer),
        _column("uptime_ms", sa.BigInteger),
        _column("time", sa.BigInteger),
        _column("server_time", sa.BigInteger),
        _column("body", sa.JSON),
        sa.ForeignKeyConstraint(["statement_id"], ["statements.id"]),
        sa.ForeignKeyConstraint(["vehicle"], ["vehicles.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("vehicle", "boot", "seq"),
    )
    op.create_index("records_by_kind", "records", ["kind", "id"])
    op.create_index("records_by_vehicle", "records", ["vehicle", "id"])
    op.create_table(
        "commands",
        _column("id", sa.LargeBinary),
        _column("vehicle", sa.Text),
        _column("action", sa.Integer),
        _column("presentation", sa.LargeBinary),
        _column("state", sa.Text),
        sa.Column("refusal_code", sa.Integer),
        sa.Column("outcome", sa.Integer),
        _column("created", sa.BigInteger),
        _column("expires", sa.BigInteger),
        _column("updated", sa.BigInteger),
        sa.Column("record_id", ID),
        sa.ForeignKeyConstraint(["record_id"], ["records.id"]),
        sa.ForeignKeyConstraint(["vehicle"], ["vehicles.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("commands_by_state", "commands", ["state", "vehicle"])
    op.create_table(
        "quarantine",
        _column("id", ID, autoincrement=True),
        _column("gateway", sa.Text),
        sa.Column("seq", sa.BigInteger),
        _column("topic", sa.Text),
        _column("reason", sa.Text),
        _column("detail", sa.Text),
        _column("authentic", sa.Boolean),
        _column("digest", sa.LargeBinary),
        _column("message", sa.LargeBinary),
        _column("server_time", sa.BigInteger),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("quarantine_by_digest", "quarantine", ["gateway", "digest"])
    op.create_index("quarantine_by_trust", "quarantine", ["authentic", "id"])


def _make_operations() -> None:
    op.create_table(
        "schema_version",
        _column("version", sa.Integer, autoincrement=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "gateway_status",
        _column("gateway", sa.Text),
        _column("online", sa.Boolean),
        _column("time", sa.BigInteger),
        sa.ForeignKeyConstraint(["gateway"], ["gateways.id"]),
        sa.PrimaryKeyConstraint("gateway"),
    )
    op.create_table(
        "events",
        _column("id", ID, autoincrement=True),
        _column("topic", sa.Text),
        _column("subject", sa.Text),
        _column("data", sa.JSON),
        _column("created", sa.BigInteger),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "counters",
        _column("name", sa.Text),
        _column("value", sa.BigInteger),
        sa.PrimaryKeyConstraint("name"),
    )


def _make_telemetry() -> None:
    boot, seq, *rest = _sample()
    op.create_table(
        "telemetry",
        _column("vehicle", sa.Text),
        boot,
        seq,
        _column("statement_id", ID),
        *rest,
        sa.ForeignKeyConstraint(["statement_id"], ["statements.id"]),
        sa.ForeignKeyConstraint(["vehicle"], ["vehicles.id"]),
        sa.PrimaryKeyConstraint("vehicle", "boot", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_index("telemetry_by_time", "telemetry", ["vehicle", "time"])


def _make_partitioned_telemetry() -> None:
    boot, seq, *rest = _sample()
    op.create_table(
        "telemetry",
        _column("vehicle", sa.Text),
        boot,
        seq,
        _column("statement_id", sa.BigInteger),
        *rest,
        sa.PrimaryKeyConstraint("vehicle", "boot", "seq", "time"),
        postgresql_partition_by="RANGE (time)",
    )
    op.create_index("telemetry_by_time", "telemetry", ["vehicle", "time"])
    op.create_index("telemetry_by_arrival", "telemetry", ["server_time"], postgresql_using="brin")
    op.execute("CREATE TABLE telemetry_rest PARTITION OF telemetry DEFAULT")


def _make_turn() -> None:
    turn = op.create_table(
        "turn",
        _column("one", sa.Boolean),
        _column("number", sa.BigInteger),
        sa.PrimaryKeyConstraint("one"),
    )
    op.execute(sa.insert(turn).values(one=True, number=0))


def _make_vehicle_state() -> None:
    op.create_table(
        "vehicle_state",
        _column("vehicle", sa.Text),
        *_sample(),
        sa.ForeignKeyConstraint(["vehicle"], ["vehicles.id"]),
        sa.PrimaryKeyConstraint("vehicle"),
    )
