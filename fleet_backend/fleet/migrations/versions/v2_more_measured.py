"""Ten more values in a sample; nothing is known of them in older ones."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"

ADDED = (
    "inverter_temp_c", "cell_min_mv", "cell_max_mv", "charging", "gnss_speed_mmps", "supply_mv",
    "cap_mmps", "warning", "steering_cdeg", "pack_temp_c",
)  # fmt: skip


def upgrade() -> None:
    """Columns at the end, without a default."""
    for table in ("telemetry", "vehicle_state"):
        for name in ADDED:
            op.add_column(table, sa.Column(name, sa.BigInteger))
