"""Work orders by vehicle."""

import sqlalchemy as sa
from alembic import op

revision = "10"
down_revision = "9"


def upgrade() -> None:
    """One table. No statement of before was a work order."""
    op.create_table(
        "work_orders",
        sa.Column(
            "statement_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False
        ),
        sa.Column("vehicle", sa.Text, nullable=False),
        sa.Column("board", sa.Text, nullable=False),
        sa.Column("began", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger, nullable=False),
        sa.Column("release", sa.LargeBinary, nullable=False),
        sa.Column("outcome", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["statement_id"], ["statements.id"]),
        sa.PrimaryKeyConstraint("statement_id"),
    )
    op.create_index("work_orders_by_vehicle", "work_orders", ["vehicle", "statement_id"])
