"""Numbers that are missing in the chains of gateways."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text

from fleet_backend.fleet.schema.base import metadata, row_id, time_

# `first` to `last` is what is missing still, `whole_first` to `whole_last` what was when the gap
# was found; `told` where the operator has heard of it, which it takes some time for.
gaps = Table(
    "gaps",
    metadata,
    row_id(),
    Column("gateway", Text, ForeignKey("gateways.id"), nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("whole_first", BigInteger, nullable=False),
    Column("whole_last", BigInteger, nullable=False),
    time_("since"),
    Column("filled", BigInteger),
    Column("told", Boolean, nullable=False),
    sqlite_autoincrement=True,
)
_IS_OPEN = gaps.c.filled.is_(None)
# Open ones of a gateway do not overlap: the one around a number is the first that ends behind it.
Index("gaps_open", gaps.c.gateway, gaps.c.last, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)
Index("gaps_by_state", gaps.c.told, gaps.c.filled, gaps.c.since)
