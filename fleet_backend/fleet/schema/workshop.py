"""Work orders by vehicle: what finds their statements. Who did the work is in the body alone."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Table, Text

from fleet_backend.fleet.schema.base import Id, metadata, time_

# A vehicle may have a work order before the fleet knows of it, so `vehicle` refers to no table.
work_orders = Table(
    "work_orders",
    metadata,
    Column("statement_id", Id, ForeignKey("statements.id"), primary_key=True, autoincrement=False),
    Column("vehicle", Text, nullable=False),
    Column("board", Text, nullable=False),
    time_("began"),
    time_("ended"),
    # The digest of the release that was flashed; empty where it was none.
    Column("release", LargeBinary, nullable=False),
    Column("outcome", BigInteger, nullable=False),
    Index("work_orders_by_vehicle", "vehicle", "statement_id"),
)
