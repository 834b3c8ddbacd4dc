"""Keys that gateways changed to."""

import sqlalchemy as sa
from alembic import op

revision = "8"
down_revision = "7"


def upgrade() -> None:
    """One table; every gateway keeps the key that it was registered with as its first."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "gateway_keys",
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("statement_id", number, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("server_time", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["gateway"], ["gateways.id"]),
        sa.ForeignKeyConstraint(["statement_id"], ["statements.id"]),
        sa.PrimaryKeyConstraint("gateway", "first_seq"),
        sa.UniqueConstraint("public_key"),
        sa.UniqueConstraint("statement_id"),
    )
