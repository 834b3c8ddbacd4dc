"""Whether a vehicle rests, in samples and states."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """A column at the end, without a default."""
    for table in ("telemetry", "vehicle_state"):
        op.add_column(table, sa.Column("rest", sa.BigInteger))
