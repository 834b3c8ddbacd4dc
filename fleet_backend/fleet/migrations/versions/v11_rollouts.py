"""Roll-outs of releases: three tables."""

import sqlalchemy as sa
from alembic import op

revision = "11"
down_revision = "10"


def upgrade() -> None:
    """Nothing was rolled out before."""
    op.create_table(
        "rollouts",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("board", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("number", "waves", "failures_most", "wave")
        ),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("revision", "created", "updated")
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "rollout_vehicles",
        sa.Column("rollout", sa.Text, nullable=False),
        sa.Column("vehicle", sa.Text, nullable=False),
        sa.Column("wave", sa.BigInteger, nullable=False),
        *(sa.Column(f"gateway_{name}", sa.BigInteger) for name in ("state", "code")),
        sa.Column("permille", sa.BigInteger),
        sa.Column("gateway_time", sa.BigInteger),
        *(sa.Column(name, sa.BigInteger) for name in ("stage", "code", "boot", "seq", "recorded")),
        sa.ForeignKeyConstraint(["rollout"], ["rollouts.id"]),
        sa.ForeignKeyConstraint(["vehicle"], ["vehicles.id"]),
        sa.PrimaryKeyConstraint("rollout", "vehicle"),
    )
    op.create_index("rollout_vehicles_by_vehicle", "rollout_vehicles", ["vehicle"])
    op.create_table(
        "vehicle_releases",
        sa.Column("vehicle", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("number", "boot", "seq", "confirmed")
        ),
        sa.ForeignKeyConstraint(["vehicle"], ["vehicles.id"]),
        sa.PrimaryKeyConstraint("vehicle"),
    )
