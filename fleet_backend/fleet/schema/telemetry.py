"""What vehicles measure: one row a sample, its roll-ups, and the newest state of each vehicle.

On SQLite the rows of a vehicle lie together (WITHOUT ROWID). On PostgreSQL `telemetry` and
`telemetry_1s` are divided by the vehicle's time (`fleet/partitions.py`); there the key of a sample
holds its time as well, and no foreign key is looked up for each of thousands of rows a second.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, MetaData, Table, Text

from fleet_backend.fleet.schema.base import Id, metadata, time_

# What a telemetry record says, one column a value; null where the vehicle had nothing fresh.
MEASURED = (
    "speed_mmps",
    "odometer_m",
    "pack_mv",
    "pack_da",
    "soc_permille",
    "lat_e7",
    "lon_e7",
    "state",
    "motor_temp_c",
    "heading_cdeg",
    "inverter_temp_c",
    "cell_min_mv",
    "cell_max_mv",
    "charging",
    "gnss_speed_mmps",
    "supply_mv",
    "cap_mmps",
    "warning",
    "steering_cdeg",
    "pack_temp_c",
    "rest",
)
# Least, greatest and mean in each roll-up.
AVERAGED = (
    "speed_mmps",
    "pack_mv",
    "pack_da",
    "motor_temp_c",
    "inverter_temp_c",
    "pack_temp_c",
)
# The newest value of a span; a position stands in the spans of one second alone.
NEWEST = ("odometer_m", "soc_permille")
POSITION = ("lat_e7", "lon_e7")

telemetry = Table(
    "telemetry",
    metadata,
    Column("vehicle", Text, ForeignKey("vehicles.id"), primary_key=True),
    Column("boot", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("statement_id", Id, ForeignKey("statements.id"), nullable=False),
    time_("time"),
    time_("server_time"),
    *(Column(name, BigInteger) for name in MEASURED),
    Index("telemetry_by_time", "vehicle", "time"),
    sqlite_with_rowid=False,
)

# The same table as PostgreSQL has it: the key of a divided table holds what divides it.
partitioned_telemetry = Table(
    "telemetry",
    MetaData(),
    Column("vehicle", Text, primary_key=True),
    Column("boot", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("statement_id", BigInteger, nullable=False),
    Column("time", BigInteger, primary_key=True, autoincrement=False),
    time_("server_time"),
    *(Column(name, BigInteger) for name in MEASURED),
    Index("telemetry_by_time", "vehicle", "time"),
    # Rows come in the order of this clock: a few bytes a thousand of them find the late ones.
    Index("telemetry_by_arrival", "server_time", postgresql_using="brin"),
    postgresql_partition_by="RANGE (time)",
)


def _rollup(name: str, *more: str, **options: Any) -> Table:
    spans = [f"{measured}_{what}" for measured in AVERAGED for what in ("min", "max", "mean")]
    return Table(
        name,
        metadata,
        Column("vehicle", Text, primary_key=True),
        Column("time", BigInteger, primary_key=True, autoincrement=False),
        time_("samples"),
        # The least and the greatest number in the span: an erasure finds a ride by them when the
        # samples themselves are gone.
        *(time_(place) for place in ("first_boot", "first_seq", "last_boot", "last_seq")),
        *(Column(column, BigInteger) for column in (*spans, *NEWEST, *more)),
        sqlite_with_rowid=False,
        **options,
    )


telemetry_1s = _rollup("telemetry_1s", *POSITION, postgresql_partition_by="RANGE (time)")
telemetry_1min = _rollup("telemetry_1min")
telemetry_1h = _rollup("telemetry_1h")

# Hours of a vehicle with samples that are in no roll-up yet.
rollups_due = Table(
    "rollups_due",
    metadata,
    Column("vehicle", Text, primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Index("rollups_due_by_hour", "hour"),
    sqlite_with_rowid=False,
)

vehicle_state = Table(
    "vehicle_state",
    metadata,
    Column("vehicle", Text, ForeignKey("vehicles.id"), primary_key=True),
    Column("boot", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    time_("time"),
    time_("server_time"),
    *(Column(name, BigInteger) for name in MEASURED),
)
