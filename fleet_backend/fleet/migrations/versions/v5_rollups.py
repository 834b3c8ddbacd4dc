"""Roll-ups of telemetry by second, minute and hour; every hour that is there is due."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "5"
down_revision = "4"

AVERAGED = (
    "speed_mmps", "pack_mv", "pack_da", "motor_temp_c", "inverter_temp_c", "pack_temp_c",
)  # fmt: skip
# 2020 and 2100: what lies outside has no clock.
DUE = """
    INSERT INTO rollups_due (hour, vehicle)
    SELECT DISTINCT time - time % 3600, vehicle FROM telemetry
    WHERE time >= 1577836800 AND time < 4102444800
"""


def upgrade() -> None:
    """Four tables."""
    _make_rollup("telemetry_1s", "lat_e7", "lon_e7", postgresql_partition_by="RANGE (time)")
    if op.get_context().dialect.name == "postgresql":
        op.execute("CREATE TABLE telemetry_1s_rest PARTITION OF telemetry_1s DEFAULT")
    _make_rollup("telemetry_1min")
    _make_rollup("telemetry_1h")
    op.create_table(
        "rollups_due",
        _column("vehicle", sa.Text),
        _column("hour", sa.BigInteger, autoincrement=False),
        sa.PrimaryKeyConstraint("vehicle", "hour"),
        sqlite_with_rowid=False,
    )
    op.create_index("rollups_due_by_hour", "rollups_due", ["hour"])
    op.execute(DUE)


def _column(name: str, kind: Any, **options: Any) -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=False, **options)


def _make_rollup(table: str, *more: str, **options: Any) -> None:
    counted = ("samples", "first_boot", "first_seq", "last_boot", "last_seq")
    spans = [f"{name}_{what}" for name in AVERAGED for what in ("min", "max", "mean")]
    op.create_table(
        table,
        _column("vehicle", sa.Text),
        _column("time", sa.BigInteger, autoincrement=False),
        *(_column(name, sa.BigInteger) for name in counted),
        *(sa.Column(name, sa.BigInteger) for name in (*spans, "odometer_m", "soc_permille", *more)),
        sa.PrimaryKeyConstraint("vehicle", "time"),
        sqlite_with_rowid=False,
        **options,
    )
