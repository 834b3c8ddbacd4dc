"""A log that several machines share: two tables, which its programs made themselves before."""

import sqlalchemy as sa
from alembic import op

revision = "8"
down_revision = "7"


def upgrade() -> None:
    """What is there stays: it is what was signed."""
    there = sa.inspect(op.get_bind()).get_table_names()
    if "ledger_heads" not in there:
        op.create_table(
            "ledger_heads",
            sa.Column("origin", sa.Text, nullable=False),
            sa.Column("note", sa.LargeBinary, nullable=False),
            sa.Column("cosigned", sa.LargeBinary),
            sa.Column("number", sa.BigInteger, nullable=False),
            sa.Column("appended", sa.BigInteger, nullable=False),
            sa.PrimaryKeyConstraint("origin"),
        )
    if "leases" not in there:
        op.create_table(
            "leases",
            sa.Column("name", sa.Text, nullable=False),
            sa.Column("holder", sa.Text, nullable=False),
            sa.Column("until", sa.BigInteger, nullable=False),
            sa.Column("number", sa.BigInteger, nullable=False),
            sa.Column("beat", sa.BigInteger, nullable=False),
            sa.PrimaryKeyConstraint("name"),
        )
