"""Numbers that are missing in the chains of gateways: a table, and what is missing now."""

import time

import sqlalchemy as sa
from alembic import op

revision = "6"
down_revision = "5"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
# A number whose predecessor is not there ends a gap; the first one of a gateway is 0.
FIND = """
    INSERT INTO gaps (gateway, first, last, whole_first, whole_last, since, told)
    SELECT gateway, before + 1, seq - 1, before + 1, seq - 1, {now}, {no}
    FROM (
        SELECT statements.gateway, seq,
            COALESCE(LAG(seq) OVER (PARTITION BY statements.gateway ORDER BY seq), -1) AS before
        FROM statements JOIN gateways ON gateways.id = statements.gateway
        WHERE gateways.kind = 'gateway'
    ) AS chained
    WHERE seq > before + 1
"""


def upgrade() -> None:
    """One table and two indexes."""
    op.create_table(
        "gaps",
        sa.Column("id", ID, nullable=False, autoincrement=True),
        sa.Column("gateway", sa.Text, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("first", "last", "whole_first", "whole_last", "since")
        ),
        sa.Column("filled", sa.BigInteger),
        sa.Column("told", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["gateway"], ["gateways.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    is_open = sa.text("filled IS NULL")
    op.create_index(
        "gaps_open", "gaps", ["gateway", "last"], sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("gaps_by_state", "gaps", ["told", "filled", "since"])
    no = "false" if op.get_context().dialect.name == "postgresql" else "0"
    op.execute(FIND.format(now=int(time.time()), no=no))
