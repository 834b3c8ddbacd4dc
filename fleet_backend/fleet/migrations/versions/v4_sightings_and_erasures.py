"""What gateways saw of logs, who was erased, and two indexes that searching needs."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Three tables and two indexes."""
    _make_sightings()
    _make_erasures()
    op.create_index("records_by_statement", "records", ["statement_id"])
    op.create_index("statements_by_time", "statements", ["time", "id"])


def _column(name: str, kind: Any, **options: Any) -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=False, **options)


def _make_sightings() -> None:
    op.create_table(
        "sightings",
        _column("gateway", sa.Text),
        _column("origin", sa.Text),
        *(_column(name, sa.BigInteger) for name in ("size", "time", "server_time")),
        *(_column(name, sa.LargeBinary) for name in ("note", "sighting")),
        sa.ForeignKeyConstraint(["gateway"], ["gateways.id"]),
        sa.PrimaryKeyConstraint("gateway", "origin"),
    )
    op.create_table(
        "disagreements",
        _column("id", ID, autoincrement=True),
        _column("gateway", sa.Text),
        _column("origin", sa.Text),
        _column("digest", sa.LargeBinary),
        *(_column(name, sa.BigInteger) for name in ("time", "server_time")),
        *(_column(name, sa.LargeBinary) for name in ("held", "refused", "sighting")),
        sa.ForeignKeyConstraint(["gateway"], ["gateways.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("gateway", "origin", "digest"),
        sqlite_autoincrement=True,
    )


def _make_erasures() -> None:
    op.create_table(
        "erasures",
        _column("id", ID, autoincrement=True),
        _column("rider_hash", sa.LargeBinary),
        _column("state", sa.Text),
        sa.Column("rider", sa.LargeBinary),
        sa.Column("work", sa.JSON),
        _column("marks", sa.JSON),
        _column("swept", sa.BigInteger),
        _column("started", sa.BigInteger),
        sa.Column("finished", sa.BigInteger),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("rider_hash"),
    )
